#include "checkers/performance/plot.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "checkers/performance/canvas.h"
#include "harness/core/text.h"

namespace riven::checkers::performance {
namespace {

constexpr size_t kMostDots = 5'000;
constexpr size_t kSparse = 400;  // a few failures must be seen among thousands of successes
constexpr size_t kRowsPerOctave = 8;
constexpr std::array<Ending, kEndings> kDrawOrder = {Ending::ok, Ending::fail, Ending::info, Ending::pending};

std::string axis_duration(double ns) {
  if (ns < 1e3) return coordinate(ns) + " ns";
  if (ns < 1e6) return coordinate(ns / 1e3) + " \xc2\xb5s";
  if (ns < 1e9) return coordinate(ns / 1e6) + " ms";
  return coordinate(ns / 1e9) + " s";
}

/// The logarithmic axis over all functions: whole decades around what was seen.
struct LatencyAxis {
  double low = 0;  // log10 of ns
  double high = 1;

  explicit LatencyAxis(const Series& series) {
    int64_t least = INT64_MAX;
    int64_t most = 0;
    for (const FunctionSeries& f : series.functions)
      for (const Ending ending : kDrawOrder) {
        const LatencyHistogram& all = f.of(ending).all;
        if (all.count() == 0) continue;
        most = std::max(most, all.max_ns());
        // What was still pending at the end had waited any time down to none: no axis for that.
        if (ending != Ending::pending) least = std::min(least, all.min_ns());
      }
    if (least > most) least = most;
    // Half decades: no panel leaves more than half a decade empty.
    low = std::floor(2 * std::log10(std::max(1.0, static_cast<double>(least)))) / 2;
    high = std::max(low + 1, std::ceil(2 * std::log10(std::max(1.0, static_cast<double>(most) * 1.1))) / 2);
    low = std::max(low, high - 7);  // what is faster still is drawn at the bottom
  }
  double y(double ns, double top, double height) const {
    const double part = (std::log10(std::max(ns, 1.0)) - low) / (high - low);
    return top + height * (1 - std::clamp(part, 0.0, 1.0));
  }
};

struct Cell {
  size_t column, row;  // of the coarsened grid
  uint64_t count;
};

/// The occupied cells after merging `across` columns and `up` rows into one.
std::vector<Cell> cells(const Grid& grid, size_t across, size_t up) {
  std::vector<Cell> found;
  if (grid.cells.empty()) return found;
  const size_t rows = (Grid::kRows + up - 1) / up;
  std::vector<uint64_t> merged(rows);
  for (size_t c = 0; c < Grid::kColumns; c += across) {
    std::fill(merged.begin(), merged.end(), 0);
    for (size_t d = c; d < std::min(c + across, Grid::kColumns); ++d)
      for (size_t r = 0; r < Grid::kRows; ++r) merged[r / up] += grid.cells[d * Grid::kRows + r];
    for (size_t r = 0; r < rows; ++r)
      if (merged[r] > 0) found.push_back({c / across, r, merged[r]});
  }
  return found;
}

/// How many neighbouring windows a quantile is taken over: at least 60 operations each on average, but no
/// fewer than 20 points a line.
size_t windows_together(const Series& series, const EndingSeries& ok) {
  size_t together = 1;
  while (series.windows / (together * 2) >= 20 &&
         ok.all.count() * together < 60 * static_cast<uint64_t>(series.windows))
    together *= 2;
  return together;
}

/// The middle of rows [r*up, (r+1)*up) as a latency.
double row_latency_ns(size_t r, size_t up) {
  const size_t bucket = std::min(r * up * 4 + up * 2, LatencyHistogram::kBuckets - 1);
  return static_cast<double>(LatencyHistogram::duration_ns(bucket));
}

class LatencyPanel {
 public:
  LatencyPanel(Canvas& canvas, const Series& series, const LatencyAxis& axis)
      : canvas_(canvas), series_(series), axis_(axis) {}

  void draw(const FunctionSeries& f) {
    top_ = canvas_.begin_panel(f.name, note(f));
    axis_lines();
    dots(f);
    quantiles(f.of(Ending::ok));
    canvas_.hover_columns([&](size_t w) { return hover(f, w); });
  }

 private:
  double y(double ns) const { return axis_.y(ns, top_, canvas_.panel_height()); }

  static std::string note(const FunctionSeries& f) {
    const LatencyHistogram& ok = f.of(Ending::ok).all;
    if (ok.count() == 0) return "never succeeded";
    return "ok: median " + duration_text(ok.quantile_ns(0.5)) + ", 99 % within " +
           duration_text(ok.quantile_ns(0.99)) + ", slowest " + duration_text(ok.max_ns());
  }

  void axis_lines() {
    for (int decade = static_cast<int>(std::floor(axis_.low)); decade <= axis_.high; ++decade) {
      if (decade >= axis_.low)
        canvas_.grid_line(y(std::pow(10, decade)), axis_duration(std::pow(10, decade)), true);
      for (const double factor : {2.0, 5.0})
        if (const double l = decade + std::log10(factor); l < axis_.high && l > axis_.low)
          canvas_.grid_line(y(std::pow(10, l)), "", false);
    }
    canvas_.y_axis_title("latency");
  }

  void dots(const FunctionSeries& f) {
    size_t across = 1;
    size_t up = 1;
    std::array<std::vector<Cell>, kEndings> found;
    for (bool wider = true;; wider = !wider) {
      size_t total = 0;
      for (size_t e = 0; e < kEndings; ++e) total += (found[e] = cells(f.endings[e].grid, across, up)).size();
      if (total <= kMostDots) break;
      wider ? across *= 2 : up *= 2;
    }
    for (const Ending e : kDrawOrder) {
      const std::vector<Cell>& mine = found[static_cast<size_t>(e)];
      if (e == Ending::pending)
        triangles(mine, across, up);
      else if (across == 1 || mine.size() < kSparse)
        circles(mine, e, across, up);
      else
        tiles(mine, e, across, up);
    }
  }

  double x(const Cell& cell, size_t across) const {
    const double columns = static_cast<double>(Grid::kColumns) / static_cast<double>(across);
    return kLeft + kPlotWidth * std::min(1.0, (static_cast<double>(cell.column) + 0.5) / columns);
  }

  /// More operations in a cell: a larger, denser dot, in three steps.
  void circles(const std::vector<Cell>& mine, Ending e, size_t across, size_t up) {
    struct Step {
      uint64_t below;
      const char* width;
      const char* opacity;
    };
    const bool sparse = mine.size() < kSparse;
    static constexpr std::array<Step, 3> kSteps = {
        {{3, "2.4", ".5"}, {30, "3.1", ".65"}, {UINT64_MAX, "3.8", ".85"}}};
    uint64_t from = 0;
    for (const Step& step : kSteps) {
      std::string path;
      for (const Cell& cell : mine)
        if (cell.count >= from && cell.count < step.below)
          path +=
              "M" + coordinate(x(cell, across)) + " " + coordinate(y(row_latency_ns(cell.row, up))) + "h0";
      from = step.below;
      if (!path.empty())
        canvas_.add("<path class=\"d " + std::string(css_class(e)) + "\" stroke-width=\"" +
                    (sparse ? "4" : step.width) + "\" opacity=\"" + (sparse ? ".9" : step.opacity) +
                    "\" d=\"" + path + "\"/>");
    }
  }

  /// Where dots would touch, each cell is a tile, denser the more operations it holds.
  void tiles(const std::vector<Cell>& mine, Ending e, size_t across, size_t up) {
    uint64_t most = 1;
    for (const Cell& cell : mine) most = std::max(most, cell.count);
    static constexpr std::array<const char*, 4> kOpacity = {".22", ".4", ".62", ".9"};
    std::array<std::string, kOpacity.size()> paths;
    const double width = kPlotWidth * static_cast<double>(across) / static_cast<double>(Grid::kColumns);
    for (const Cell& cell : mine) {
      const double part =
          std::log2(static_cast<double>(cell.count)) / (std::log2(static_cast<double>(most)) + 1e-9);
      const auto step = static_cast<size_t>(std::clamp(part, 0.0, 0.999) * kOpacity.size());
      paths[step] += "M" + coordinate(x(cell, across) - width / 2) + " " +
                     coordinate(y(row_latency_ns(cell.row, up))) + "h" + coordinate(width - 0.4);
    }
    const double height = canvas_.panel_height() * std::log10(2.0) * static_cast<double>(up) /
                          (static_cast<double>(kRowsPerOctave) * (axis_.high - axis_.low));
    for (size_t step = 0; step < paths.size(); ++step)
      if (!paths[step].empty())
        canvas_.add("<path fill=\"none\" class=\"" + std::string(css_class(e)) + "\" stroke-width=\"" +
                    coordinate(std::max(1.6, height)) + "\" opacity=\"" + kOpacity[step] + "\" d=\"" +
                    paths[step] + "\"/>");
  }

  /// Operations that never completed had waited at least this long.
  void triangles(const std::vector<Cell>& mine, size_t across, size_t up) {
    std::string path;
    for (const Cell& cell : mine)
      path += "M" + coordinate(x(cell, across) - 3) + " " +
              coordinate(y(row_latency_ns(cell.row, up)) + 2.5) + "h6l-3 -5.2z";
    if (!path.empty())
      canvas_.add("<path class=\"pending\" fill=\"none\" stroke-width=\"1.2\" d=\"" + path + "\"/>");
  }

  /// Quantiles of a handful of operations are noise: neighbouring windows are taken together until they hold
  /// enough.
  std::vector<LatencyHistogram> quantile_windows(const EndingSeries& ok, size_t together) const {
    std::vector<LatencyHistogram> merged((series_.windows + together - 1) / together);
    for (size_t w = 0; w < series_.windows; ++w) merged[w / together].add(ok.by_window[w]);
    return merged;
  }

  void quantiles(const EndingSeries& ok) {
    if (ok.by_window.empty()) return;
    const size_t together = windows_together(series_, ok);
    const std::vector<LatencyHistogram> windows = quantile_windows(ok, together);
    struct Line {
      double q;
      const char* look;
    };
    static constexpr std::array<Line, 3> kLines = {
        {{0.5, "stroke-width=\"1.7\""},
         {0.95, "stroke-width=\"1.3\" stroke-dasharray=\"5 3\" opacity=\".85\""},
         {0.99, "stroke-width=\"1.2\" stroke-dasharray=\"1.5 2.5\" opacity=\".85\""}}};
    for (const Line& line : kLines) {
      std::string path;
      bool down = false;
      for (size_t w = 0; w < windows.size(); ++w) {
        if (windows[w].count() == 0) {
          down = false;
          continue;
        }
        const double begin = series_.window_begin_s(w * together);
        const double end =
            std::min(series_.window_begin_s((w + 1) * together), series_.window_begin_s(series_.windows));
        path += (down ? "L" : "M") + coordinate(canvas_.x_of_s((begin + end) / 2)) + " " +
                coordinate(y(static_cast<double>(windows[w].quantile_ns(line.q))));
        if (!down) path += "h0";
        down = true;
      }
      canvas_.add("<path class=\"q\" " + std::string(line.look) + " d=\"" + path + "\"/>");
    }
  }

  std::string hover(const FunctionSeries& f, size_t w) const {
    std::string text;
    for (const Ending e : kDrawOrder) {
      const EndingSeries& s = f.of(e);
      if (s.by_window.empty() || s.by_window[w].count() == 0) continue;
      const LatencyHistogram& h = s.by_window[w];
      text += "\n" + std::string(to_text(e)) + " " + grouped(static_cast<int64_t>(h.count())) + ": median " +
              duration_text(h.quantile_ns(0.5)) + ", 99 % " + duration_text(h.quantile_ns(0.99)) + ", max " +
              duration_text(h.max_ns());
    }
    if (text.empty()) return {};
    return f.name + " invoked at " + fixed(series_.window_begin_s(w), 1) + " to " +
           fixed(series_.window_begin_s(w + 1), 1) + " s" + text;
  }

  Canvas& canvas_;
  const Series& series_;
  const LatencyAxis& axis_;
  double top_ = 0;
};

std::string dot_legend(const Series& series, bool pending_shape) {
  std::string legend;
  for (const Ending e : kDrawOrder) {
    uint64_t count = 0;
    for (const FunctionSeries& f : series.functions) count += f.of(e).all.count();
    if (count == 0 || (e == Ending::pending && !pending_shape)) continue;
    if (e == Ending::pending)
      legend +=
          "<span><b style=\"color:var(--f-info)\">&#9651;</b> never completed (waited at least so "
          "long)</span>";
    else
      legend += "<span><i style=\"background:var(--f-" + std::string(css_class(e)) + ")\"></i>" +
                std::string(e == Ending::info ? "info (may have happened)" : to_text(e)) + "</span>";
  }
  return legend;
}

/// A round number, at least `most`.
double nice_top(double most) {
  const double decade = std::pow(10, std::floor(std::log10(most)));
  for (const double factor : {1.0, 1.2, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0})
    if (most <= decade * factor) return decade * factor;
  return most;
}

double window_seconds(const Series& series) { return static_cast<double>(series.window_ns) / 1e9; }

/// The last window may reach beyond the end of the run: its rate is over the part that was, unless that is a
/// sliver.
double rate_hz(const Series& series, const EndingSeries& e, size_t w) {
  if (e.completed.empty()) return 0;
  const double whole = window_seconds(series);
  const double part = static_cast<double>(series.end_ns - series.begin_ns) / 1e9 - series.window_begin_s(w);
  return static_cast<double>(e.completed[w]) / (part < whole / 2 ? whole : std::min(whole, part));
}

std::string steps(const Canvas& canvas, const Series& series, const EndingSeries& e, double top,
                  double scale) {
  const double bottom = top + canvas.panel_height();
  std::string path = "M" + coordinate(kLeft) + " " + coordinate(bottom);
  for (size_t w = 0; w < series.windows; ++w)
    path += "V" + coordinate(bottom - rate_hz(series, e, w) * scale) + "H" +
            coordinate(canvas.x_of_s(series.window_begin_s(w + 1)));
  return path;
}

std::string rate_hover(const Series& series, const FunctionSeries& f, size_t w) {
  std::string text;
  for (const Ending e : {Ending::ok, Ending::fail, Ending::info}) {
    const EndingSeries& s = f.of(e);
    if (s.completed.empty() || s.completed[w] == 0) continue;
    text += "\n" + std::string(to_text(e)) + ": " + grouped(static_cast<int64_t>(s.completed[w])) + " (" +
            fixed(rate_hz(series, s, w), rate_hz(series, s, w) < 10 ? 1 : 0) + " a second)";
  }
  if (text.empty()) text = "\nnothing completed";
  return f.name + " completed at " + fixed(series.window_begin_s(w), 1) + " to " +
         fixed(series.window_begin_s(w + 1), 1) + " s" + text;
}

}  // namespace

std::string latency_html(const Series& series, const FaultTimeline& faults) {
  Canvas canvas("latency", series, faults, series.functions.size() > 3 ? 150 : 190);
  const LatencyAxis axis(series);
  LatencyPanel panel(canvas, series, axis);
  for (const FunctionSeries& f : series.functions) panel.draw(f);
  const std::string legend =
      dot_legend(series, true) +
      "<span><i class=\"l\"></i>median of ok</span><span><i class=\"l\" style=\"border-top-style:"
      "dashed\"></i>95 %</span><span><i class=\"l\" style=\"border-top-style:dotted\"></i>99 %</span>";
  return canvas.finish("Latency of each operation over time, by function and outcome", legend,
                       "Marks stand at the time of invocation; larger dots and darker tiles are more "
                       "operations in one place. Lines are "
                       "quantiles of the successful ones, over " +
                           fixed(window_seconds(series), 3) + " s or more each.");
}

std::string rate_html(const Series& series, const FaultTimeline& faults) {
  Canvas canvas("rate", series, faults, series.functions.size() > 3 ? 80 : 100);
  double most = 0;
  for (const FunctionSeries& f : series.functions)
    for (const EndingSeries& e : f.endings)
      for (size_t w = 0; w < series.windows; ++w) most = std::max(most, rate_hz(series, e, w));
  const double top_rate = nice_top(std::max(most, 1.0));
  const double scale = canvas.panel_height() / top_rate;
  for (const FunctionSeries& f : series.functions) {
    const auto total = [&](Ending e) { return grouped(static_cast<int64_t>(f.of(e).all.count())); };
    const double top = canvas.begin_panel(f.name, total(Ending::ok) + " ok, " + total(Ending::fail) +
                                                      " fail, " + total(Ending::info) + " info");
    for (const double part : {0.0, 0.5, 1.0})
      canvas.grid_line(top + canvas.panel_height() * (1 - part),
                       part > 0 && top_rate * part < 1 ? fixed(top_rate * part, 1)
                                                       : grouped(static_cast<int64_t>(top_rate * part)),
                       part == 0.0);
    canvas.y_axis_title("ops / s");
    for (const Ending e : {Ending::ok, Ending::fail, Ending::info}) {
      const EndingSeries& s = f.of(e);
      if (s.completed.empty()) continue;
      const std::string path = steps(canvas, series, s, top, scale);
      if (e == Ending::ok)
        canvas.add("<path fill=\"var(--f-ok)\" opacity=\".14\" d=\"" + path + "V" +
                   coordinate(top + canvas.panel_height()) + "z\"/>");
      canvas.add("<path class=\"" + std::string(css_class(e)) + "\" fill=\"none\" stroke-width=\"1.4\" d=\"" +
                 path + "\"/>");
    }
    canvas.hover_columns([&](size_t w) { return rate_hover(series, f, w); });
  }
  return canvas.finish(
      "Operations completed a second over time, by function and outcome", dot_legend(series, false),
      "Counted at the time of completion, in steps of " + fixed(window_seconds(series), 3) + " s.");
}

}  // namespace riven::checkers::performance
