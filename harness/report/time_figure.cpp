// Figures over time: marks, lines and steps in panels.
#include <algorithm>
#include <array>
#include <cmath>

#include "harness/core/text.h"
#include "harness/report/figures.h"
#include "harness/report/time_canvas.h"

namespace riven::report {
namespace {

constexpr size_t kSparse = 400;  // a few failures must be seen among thousands of successes
using Scale = TimeFigure::Scale;

std::string axis_duration(double ns) {
  if (ns < 1e3) return coordinate(ns) + " ns";
  if (ns < 1e6) return coordinate(ns / 1e3) + " \xc2\xb5s";
  if (ns < 1e9) return coordinate(ns / 1e6) + " ms";
  return coordinate(ns / 1e9) + " s";
}

std::string css_class(Ending ending) { return std::string(to_text(ending)); }

class PanelDrawing {
 public:
  PanelDrawing(TimeCanvas& canvas, const TimeFigure& figure) : canvas_(canvas), figure_(figure) {}

  void draw(const Panel& panel) {
    top_ = canvas_.begin_panel(panel);
    figure_.scale == Scale::linear ? linear_grid() : logarithmic_grid();
    canvas_.value_axis_title();
    for (const MarkSeries& series : panel.marks) {
      if (series.ending == Ending::pending)
        triangles(series);
      else if (!series.merged || series.marks.size() < kSparse)
        circles(series);
      else
        tiles(series);
    }
    for (const LineSeries& line : panel.lines) add_line(line);
    for (const StepSeries& steps : panel.steps) add_steps(steps);
    canvas_.hover_columns(panel);
  }

 private:
  double y(double value) const {
    const double at = figure_.scale == Scale::linear ? value : std::log10(std::max(value, 1.0));
    const double part = std::clamp((at - figure_.low) / (figure_.high - figure_.low), 0.0, 1.0);
    return top_ + canvas_.panel_height() * (1 - part);
  }

  void logarithmic_grid() {
    for (int decade = static_cast<int>(std::floor(figure_.low)); decade <= figure_.high; ++decade) {
      if (decade >= figure_.low)
        canvas_.grid_line(y(std::pow(10, decade)), axis_duration(std::pow(10, decade)), true);
      for (const double factor : {2.0, 5.0})
        if (const double l = decade + std::log10(factor); l < figure_.high && l > figure_.low)
          canvas_.grid_line(y(std::pow(10, l)), "", false);
    }
  }

  void linear_grid() {
    for (const double part : {0.0, 0.5, 1.0}) {
      const double value = figure_.high * part;
      canvas_.grid_line(y(value),
                        part > 0 && value < 1 ? fixed(value, 1) : grouped(static_cast<int64_t>(value)),
                        part == 0.0);
    }
  }

  std::string point(const Mark& mark) const {
    return coordinate(canvas_.x_of_s(mark.at_s)) + " " + coordinate(y(mark.value));
  }

  /// More operations in a cell: a larger, denser dot, in three steps.
  void circles(const MarkSeries& series) {
    struct Step {
      uint64_t below;
      const char* width;
      const char* opacity;
    };
    const bool sparse = series.marks.size() < kSparse;
    static constexpr std::array<Step, 3> kSteps = {
        {{3, "2.4", ".5"}, {30, "3.1", ".65"}, {UINT64_MAX, "3.8", ".85"}}};
    uint64_t from = 0;
    for (const Step& step : kSteps) {
      std::string path;
      for (const Mark& mark : series.marks)
        if (mark.count >= from && mark.count < step.below) path += "M" + point(mark) + "h0";
      from = step.below;
      if (!path.empty())
        canvas_.add("<path class=\"d " + css_class(series.ending) + "\" stroke-width=\"" +
                    (sparse ? "4" : step.width) + "\" opacity=\"" + (sparse ? ".9" : step.opacity) +
                    "\" d=\"" + path + "\"/>");
    }
  }

  /// Where dots would touch, each cell is a tile, denser the more operations it holds.
  void tiles(const MarkSeries& series) {
    uint64_t most = 1;
    for (const Mark& mark : series.marks) most = std::max(most, mark.count);
    static constexpr std::array<const char*, 4> kOpacity = {".22", ".4", ".62", ".9"};
    std::array<std::string, kOpacity.size()> paths;
    const double width = kPlotWidth * series.width_s / figure_.seconds;
    for (const Mark& mark : series.marks) {
      const double part =
          std::log2(static_cast<double>(mark.count)) / (std::log2(static_cast<double>(most)) + 1e-9);
      const auto step = static_cast<size_t>(std::clamp(part, 0.0, 0.999) * kOpacity.size());
      paths[step] += "M" + coordinate(canvas_.x_of_s(mark.at_s) - width / 2) + " " +
                     coordinate(y(mark.value)) + "h" + coordinate(width - 0.4);
    }
    const double height =
        canvas_.panel_height() * std::log10(2.0) * series.octaves / (figure_.high - figure_.low);
    for (size_t step = 0; step < paths.size(); ++step)
      if (!paths[step].empty())
        canvas_.add("<path fill=\"none\" class=\"" + css_class(series.ending) + "\" stroke-width=\"" +
                    coordinate(std::max(1.6, height)) + "\" opacity=\"" + kOpacity[step] + "\" d=\"" +
                    paths[step] + "\"/>");
  }

  /// Operations that never completed had waited at least this long.
  void triangles(const MarkSeries& series) {
    std::string path;
    for (const Mark& mark : series.marks)
      path += "M" + coordinate(canvas_.x_of_s(mark.at_s) - 3) + " " + coordinate(y(mark.value) + 2.5) +
              "h6l-3 -5.2z";
    if (!path.empty())
      canvas_.add("<path class=\"pending\" fill=\"none\" stroke-width=\"1.2\" d=\"" + path + "\"/>");
  }

  void add_line(const LineSeries& line) {
    static constexpr std::array<const char*, 3> kLooks = {
        "stroke-width=\"1.7\"", "stroke-width=\"1.3\" stroke-dasharray=\"5 3\" opacity=\".85\"",
        "stroke-width=\"1.2\" stroke-dasharray=\"1.5 2.5\" opacity=\".85\""};
    std::string path;
    bool down = false;
    for (const std::optional<Mark>& mark : line.points) {
      if (mark) path += (down ? "L" : "M") + point(*mark) + (down ? "" : "h0");
      down = mark.has_value();
    }
    canvas_.add("<path class=\"q\" " + std::string(kLooks[static_cast<size_t>(line.style)]) + " d=\"" + path +
                "\"/>");
  }

  void add_steps(const StepSeries& steps) {
    std::string path = "M" + coordinate(kPlotLeft) + " " + coordinate(y(0));
    for (size_t w = 0; w < steps.values.size(); ++w)
      path += "V" + coordinate(y(steps.values[w])) + "H" +
              coordinate(canvas_.x_of_s(static_cast<double>(w + 1) * figure_.window_s));
    if (steps.ending == Ending::ok)
      canvas_.add("<path fill=\"var(--f-ok)\" opacity=\".14\" d=\"" + path + "V" + coordinate(y(0)) +
                  "z\"/>");
    canvas_.add("<path class=\"" + css_class(steps.ending) + "\" fill=\"none\" stroke-width=\"1.4\" d=\"" +
                path + "\"/>");
  }

  TimeCanvas& canvas_;
  const TimeFigure& figure_;
  double top_ = 0;
};

bool shows(const TimeFigure& figure, Ending ending) {
  return std::any_of(figure.panels.begin(), figure.panels.end(), [&](const Panel& panel) {
    return std::any_of(panel.marks.begin(), panel.marks.end(),
                       [&](const MarkSeries& s) { return s.ending == ending; }) ||
           std::any_of(panel.steps.begin(), panel.steps.end(), [&](const StepSeries& s) {
             return s.ending == ending &&
                    std::any_of(s.values.begin(), s.values.end(), [](double v) { return v > 0; });
           });
  });
}

std::string legend_of(const TimeFigure& figure) {
  std::string legend;
  for (const Ending e : kAllEndings) {
    if (!shows(figure, e)) continue;
    if (e == Ending::pending)
      legend +=
          "<span><b style=\"color:var(--f-info)\">&#9651;</b> never completed (waited at least so "
          "long)</span>";
    else
      legend += "<span><i style=\"background:var(--f-" + css_class(e) + ")\"></i>" +
                (e == Ending::info ? "info (may have happened)" : css_class(e)) + "</span>";
  }
  if (figure.panels.empty()) return legend;
  static constexpr std::array<const char*, 3> kStyles = {"", " style=\"border-top-style:dashed\"",
                                                         " style=\"border-top-style:dotted\""};
  for (const Panel& panel : figure.panels) {
    if (panel.lines.empty()) continue;
    for (const LineSeries& line : panel.lines)
      legend += "<span><i class=\"l\"" + std::string(kStyles[static_cast<size_t>(line.style)]) + "></i>" +
                escape_markup(line.name) + "</span>";
    break;  // each panel has the same lines
  }
  return legend;
}

}  // namespace

std::string time_figure_html(const std::string& id, const TimeFigure& figure) {
  const bool many = figure.panels.size() > 3;
  const bool steps_only = std::all_of(figure.panels.begin(), figure.panels.end(), [](const Panel& panel) {
    return panel.marks.empty() && panel.lines.empty();
  });
  TimeCanvas canvas(id, figure, steps_only ? (many ? 80 : 100) : (many ? 150 : 190));
  PanelDrawing drawing(canvas, figure);
  for (const Panel& panel : figure.panels) drawing.draw(panel);
  return canvas.finish(legend_of(figure));
}

}  // namespace riven::report
