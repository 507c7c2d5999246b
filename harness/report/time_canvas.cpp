#include "harness/report/time_canvas.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "harness/core/text.h"

namespace riven::report {
namespace {

constexpr size_t kMostBands = 400;
constexpr double kPanelGap = 30;
constexpr double kBandStrip = 5;

/// 1, 2 or 5 times a power of ten, so that about `ticks` of them make up `length`.
double nice_step(double length, double ticks) {
  const double raw = length / ticks;
  const double decade = std::pow(10, std::floor(std::log10(raw)));
  for (const double factor : {1.0, 2.0, 5.0})
    if (raw <= decade * factor * 1.0001) return decade * factor;
  return decade * 10;
}

/// The page may set the variables; alone, the figure follows the reader's light or dark setting.
std::string style(const std::string& id) {
  const std::string root = "#" + id;
  return "<style>" + root +
         "{--f-ink:var(--ink,#1c2128);--f-soft:var(--soft,#5c6672);--f-line:var(--line,#dfe3e8);" +
         "--f-ok:var(--ok,#2f7fd6);--f-info:var(--info,#d98a00);--f-fail:var(--fail,#d0265f);font:13px/1.4 "
         "system-ui," +
         "sans-serif;color:var(--f-ink)}@media(prefers-color-scheme:dark){" + root +
         "{--f-ink:var(--ink,#e6e9ed);--f-soft:var(--soft,#9aa4b0);--f-line:var(--line,#343b44);--f-ok:var(--"
         "ok,#5aa5f2);" +
         "--f-info:var(--info,#f0ad3d);--f-fail:var(--fail,#ff5c8d)}}" + root + " .s{overflow-x:auto}" +
         root + " svg{display:block;width:100%;min-width:640px;height:auto}" + root +
         " text{font:11px system-ui,sans-serif;fill:var(--f-soft)}" + root +
         " .t{font-weight:600;font-size:12.5px;fill:var(--f-ink)}" + root +
         " .g{stroke:var(--f-line);stroke-width:1}" + root +
         " .m{stroke:var(--f-line);stroke-width:.5;opacity:.55}" + root + " .ok{stroke:var(--f-ok)}" + root +
         " .info{stroke:var(--f-info)}" + root + " .fail{stroke:var(--f-fail)}" + root +
         " .pending{stroke:var(--f-info)}" + root + " .d{fill:none;stroke-linecap:round}" + root +
         " .q{fill:none;stroke-linejoin:round;stroke:var(--f-ink)}" + root + " .h{fill:transparent}" + root +
         " .h:hover{fill:var(--f-ink);fill-opacity:.07}" + root +
         " .k{display:flex;flex-wrap:wrap;gap:2px 16px;margin:4px 0 0 "
         "4px;color:var(--f-soft);font-size:12.5px}" +
         root + " .k span{white-space:nowrap}" + root +
         " .k i{display:inline-block;width:10px;height:10px;margin-right:5px;" +
         "border-radius:5px;vertical-align:-1px}" + root + " .k i.b{border-radius:2px}" + root +
         " .k i.l{height:0;border-top:2px solid var(--f-ink);border-radius:0;width:18px;vertical-align:4px}" +
         root + " .n{color:var(--f-soft);font-size:12.5px;margin:4px 0 0 4px}</style>";
}

}  // namespace

std::string coordinate(double v) {
  std::string text = fixed(v, 1);
  if (text.size() > 2 && text.compare(text.size() - 2, 2, ".0") == 0) text.resize(text.size() - 2);
  return text;
}

TimeCanvas::TimeCanvas(std::string id, const TimeFigure& figure, double panel_height)
    : id_(std::move(id)), figure_(figure), panel_height_(panel_height) {}

double TimeCanvas::x_of_s(double seconds) const {
  return kPlotLeft + std::clamp(seconds / figure_.seconds, 0.0, 1.0) * kPlotWidth;
}

double TimeCanvas::begin_panel(const Panel& panel) {
  top_ = (panels_ == 0 ? 22 : top_ + panel_height_ + kPanelGap);
  ++panels_;
  body_ += "<text class=\"t\" x=\"" + coordinate(kPlotLeft) + "\" y=\"" + coordinate(top_ - 9) + "\">" +
           escape_markup(panel.title) +
           "<tspan dx=\"8\" font-weight=\"400\" fill=\"var(--f-soft)\" font-size=\"11\">" +
           escape_markup(panel.note) + "</tspan></text>";
  bands(top_, panels_ == 1);
  const double step = nice_step(figure_.seconds, 10);
  std::string lines;
  for (int i = 1; i * step < figure_.seconds; ++i)
    lines += "M" + coordinate(x_of_s(i * step)) + " " + coordinate(top_) + "v" + coordinate(panel_height_);
  body_ += "<path class=\"m\" d=\"" + lines + "\"/><path class=\"g\" fill=\"none\" d=\"M" +
           coordinate(kPlotLeft) + " " + coordinate(top_) + "v" + coordinate(panel_height_) + "h" +
           coordinate(kPlotWidth) + "\"/>";
  return top_;
}

void TimeCanvas::bands(double top, bool first) {
  size_t drawn = 0;
  std::map<std::string, std::string> areas;   // by colour: one path for all its windows
  std::map<std::string, std::string> strips;  // above the panel, so that short windows are seen
  for (const FaultWindow& w : figure_.faults.windows) {
    if (!w.error.empty()) continue;
    if (++drawn > kMostBands) break;
    const double begin = (static_cast<double>(w.begin_ns) - static_cast<double>(figure_.begin_ns)) / 1e9;
    const double x = x_of_s(begin);
    const std::string width = coordinate(std::max(1.0, x_of_s(begin + w.seconds()) - x));
    const std::string color = escape_markup(w.color);
    const auto box = [&](double y, double height) {
      return "M" + coordinate(x) + " " + coordinate(y) + "h" + width + "v" + coordinate(height) + "h-" +
             width + "z";
    };
    areas[color] += box(top, panel_height_);
    const std::string strip = box(top - kBandStrip, kBandStrip);
    if (!first) {  // the words are said once, above the first panel
      strips[color] += strip;
      continue;
    }
    std::string title = w.name + ", " + fixed(begin, 1) + " s to " + fixed(begin + w.seconds(), 1) + " s";
    if (w.dropped)
      title += ", " + counted(static_cast<uint64_t>(std::max<int64_t>(0, *w.dropped)), "packet") + " dropped";
    body_ += "<path fill=\"" + color + "\" opacity=\".85\" d=\"" + strip + "\"><title>" +
             escape_markup(title) + "</title></path>";
  }
  for (const auto& [color, path] : areas)
    body_ += "<path fill=\"" + color + "\" opacity=\".13\" d=\"" + path + "\"/>";
  for (const auto& [color, path] : strips)
    body_ += "<path fill=\"" + color + "\" opacity=\".85\" d=\"" + path + "\"/>";
  if (first && drawn > kMostBands)
    body_ += "<text x=\"" + coordinate(kFigureWidth - kPlotRight) +
             "\" y=\"11\" text-anchor=\"end\">only the first " + std::to_string(kMostBands) +
             " fault windows are drawn</text>";
  marks(top);
}

void TimeCanvas::marks(double top) {
  std::string lines;
  for (size_t i = 0; i < std::min(figure_.faults.marks.size(), kMostBands); ++i) {
    const double at =
        (static_cast<double>(figure_.faults.marks[i].time_ns) - static_cast<double>(figure_.begin_ns)) / 1e9;
    lines += "M" + coordinate(x_of_s(at)) + " " + coordinate(top) + "v" + coordinate(panel_height_);
  }
  if (!lines.empty())
    body_ += "<path stroke=\"var(--f-soft)\" stroke-dasharray=\"2 3\" opacity=\".7\" d=\"" + lines + "\"/>";
}

void TimeCanvas::grid_line(double y, const std::string& label, bool major) {
  body_ += "<path class=\"" + std::string(major ? "g" : "m") + "\" d=\"M" + coordinate(kPlotLeft) + " " +
           coordinate(y) + "h" + coordinate(kPlotWidth) + "\"/>";
  if (!label.empty())
    body_ += "<text x=\"" + coordinate(kPlotLeft - 6) + "\" y=\"" + coordinate(y + 3.5) +
             "\" text-anchor=\"end\">" + escape_markup(label) + "</text>";
}

void TimeCanvas::value_axis_title() {
  const std::string at = "12 " + coordinate(top_ + panel_height_ / 2);
  body_ += "<text transform=\"translate(" + at + ") rotate(-90)\" text-anchor=\"middle\">" +
           escape_markup(figure_.value_name) + "</text>";
}

void TimeCanvas::hover_columns(const Panel& panel) {
  for (size_t w = 0; w < panel.window_notes.size(); ++w) {
    const std::string& note = panel.window_notes[w];
    if (note.empty()) continue;
    const double x = x_of_s(static_cast<double>(w) * figure_.window_s);
    const double right = x_of_s(static_cast<double>(w + 1) * figure_.window_s);
    body_ += "<rect class=\"h\" x=\"" + coordinate(x) + "\" y=\"" + coordinate(top_) + "\" width=\"" +
             coordinate(std::max(0.5, right - x)) + "\" height=\"" + coordinate(panel_height_) +
             "\"><title>" + escape_markup(note) + "</title></rect>";
  }
}

std::string TimeCanvas::fault_legend() const {
  std::string legend;
  std::set<std::string> seen;
  for (const FaultWindow& w : figure_.faults.windows)
    if (w.error.empty() && seen.insert(w.name).second)
      legend += "<span><i class=\"b\" style=\"background:" + escape_markup(w.color) + "\"></i>" +
                escape_markup(w.name) + " in force</span>";
  if (!figure_.faults.marks.empty()) legend += "<span>&#8942; one-shot fault</span>";
  return legend;
}

std::string TimeCanvas::finish(const std::string& legend) {
  const double bottom = top_ + panel_height_;
  const double step = nice_step(figure_.seconds, 10);
  const int digits = step >= 1 ? 0 : static_cast<int>(std::ceil(-std::log10(step)));
  for (int i = 0; i * step <= figure_.seconds * 1.0001; ++i)
    body_ += "<text x=\"" + coordinate(x_of_s(i * step)) + "\" y=\"" + coordinate(bottom + 15) +
             "\" text-anchor=\"middle\">" + fixed(i * step, digits) + "</text>";
  body_ += "<text x=\"" + coordinate(kPlotLeft + kPlotWidth / 2) + "\" y=\"" + coordinate(bottom + 31) +
           "\" text-anchor=\"middle\">seconds since the run began</text>";
  std::string html = "<div id=\"" + id_ + "\">" + style(id_) + "<div class=\"s\"><svg viewBox=\"0 0 " +
                     coordinate(kFigureWidth) + " " + coordinate(bottom + 38) +
                     "\" role=\"img\" aria-label=\"" + escape_markup(figure_.description) + "\">" + body_ +
                     "</svg></div><div class=\"k\">" + legend + fault_legend() + "</div>";
  if (!figure_.note.empty()) html += "<p class=\"n\">" + escape_markup(figure_.note) + "</p>";
  return html + "</div>";
}

}  // namespace riven::report
