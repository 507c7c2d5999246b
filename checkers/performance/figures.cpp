#include "checkers/performance/figures.h"

#include <algorithm>
#include <cmath>

#include "harness/core/text.h"

namespace riven::checkers::performance {
namespace {

constexpr size_t kMostMarks = 5'000;
constexpr size_t kRowsPerOctave = 8;

double window_seconds(const Series& series) { return static_cast<double>(series.window_ns) / 1e9; }

TimeFigure empty_figure(const Series& series, const FaultTimeline& faults) {
  TimeFigure figure;
  figure.begin_ns = series.begin_ns;
  figure.seconds = std::max(1e-3, static_cast<double>(series.end_ns - series.begin_ns) / 1e9);
  figure.window_s = window_seconds(series);
  figure.windows = series.windows;
  figure.faults = faults;
  return figure;
}

/// The logarithmic axis over all functions: whole half-decades around what was seen.
void choose_latency_axis(const Series& series, TimeFigure& figure) {
  int64_t least = INT64_MAX;
  int64_t most = 0;
  for (const FunctionSeries& f : series.functions)
    for (const Ending ending : kAllEndings) {
      const LatencyHistogram& all = f.of(ending).all;
      if (all.count() == 0) continue;
      most = std::max(most, all.max_ns());
      // What was still pending at the end had waited any time down to none: no axis for that.
      if (ending != Ending::pending) least = std::min(least, all.min_ns());
    }
  if (least > most) least = most;
  const auto decades = [](double ns) { return 2 * std::log10(std::max(1.0, ns)); };
  double low = std::floor(decades(static_cast<double>(least))) / 2;
  figure.high = std::max(low + 1, std::ceil(decades(static_cast<double>(most) * 1.1)) / 2);
  figure.low = std::max(low, figure.high - 7);  // what is faster still is drawn at the bottom
}

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

/// The middle of rows [r*up, (r+1)*up) as a latency.
double row_latency_ns(size_t r, size_t up) {
  const size_t bucket = std::min(r * up * 4 + up * 2, LatencyHistogram::kBuckets - 1);
  return static_cast<double>(LatencyHistogram::duration_ns(bucket));
}

std::vector<MarkSeries> marks_of(const FunctionSeries& f, double seconds) {
  size_t across = 1;
  size_t up = 1;
  std::array<std::vector<Cell>, kEndings> found;
  for (bool wider = true;; wider = !wider) {
    size_t total = 0;
    for (size_t e = 0; e < kEndings; ++e) total += (found[e] = cells(f.endings[e].grid, across, up)).size();
    if (total <= kMostMarks) break;
    wider ? across *= 2 : up *= 2;
  }
  std::vector<MarkSeries> all;
  const double width_s = seconds * static_cast<double>(across) / static_cast<double>(Grid::kColumns);
  for (const Ending e : kAllEndings) {
    MarkSeries series;
    series.ending = e;
    series.width_s = width_s;
    series.octaves = static_cast<double>(up) / static_cast<double>(kRowsPerOctave);
    series.merged = across > 1;
    for (const Cell& cell : found[static_cast<size_t>(e)])
      series.marks.push_back({std::min(seconds, (static_cast<double>(cell.column) + 0.5) * width_s),
                              row_latency_ns(cell.row, up), cell.count});
    if (!series.marks.empty()) all.push_back(std::move(series));
  }
  return all;
}

/// How many neighbouring windows a quantile is taken over: at least 60 operations each on average, but no
/// fewer than 20 points a line. Quantiles of a handful of operations are noise.
size_t windows_together(const Series& series, const EndingSeries& ok) {
  size_t together = 1;
  while (series.windows / (together * 2) >= 20 &&
         ok.all.count() * together < 60 * static_cast<uint64_t>(series.windows))
    together *= 2;
  return together;
}

std::vector<LineSeries> quantiles(const Series& series, const EndingSeries& ok) {
  if (ok.by_window.empty()) return {};
  const size_t together = windows_together(series, ok);
  std::vector<LatencyHistogram> windows((series.windows + together - 1) / together);
  for (size_t w = 0; w < series.windows; ++w) windows[w / together].add(ok.by_window[w]);
  std::vector<LineSeries> lines = {{"median of ok", LineSeries::Style::solid, {}},
                                   {"95 %", LineSeries::Style::dashed, {}},
                                   {"99 %", LineSeries::Style::dotted, {}}};
  constexpr std::array<double, 3> kQuantiles = {0.5, 0.95, 0.99};
  for (size_t w = 0; w < windows.size(); ++w) {
    const double begin = series.window_begin_s(w * together);
    const double end =
        std::min(series.window_begin_s((w + 1) * together), series.window_begin_s(series.windows));
    for (size_t q = 0; q < kQuantiles.size(); ++q) {
      std::optional<Mark> point;
      if (windows[w].count() > 0)
        point = Mark{(begin + end) / 2, static_cast<double>(windows[w].quantile_ns(kQuantiles[q])),
                     windows[w].count()};
      lines[q].points.push_back(point);
    }
  }
  return lines;
}

std::string latency_summary(const FunctionSeries& f) {
  const LatencyHistogram& ok = f.of(Ending::ok).all;
  if (ok.count() == 0) return "never succeeded";
  return "ok: median " + duration_text(ok.quantile_ns(0.5)) + ", 99 % within " +
         duration_text(ok.quantile_ns(0.99)) + ", slowest " + duration_text(ok.max_ns());
}

std::string window_text(const Series& series, size_t w) {
  return fixed(series.window_begin_s(w), 1) + " to " + fixed(series.window_begin_s(w + 1), 1) + " s";
}

std::string latency_note(const Series& series, const FunctionSeries& f, size_t w) {
  std::string text;
  for (const Ending e : kAllEndings) {
    const EndingSeries& s = f.of(e);
    if (s.by_window.empty() || s.by_window[w].count() == 0) continue;
    const LatencyHistogram& h = s.by_window[w];
    text += "\n" + std::string(to_text(e)) + " " + grouped(static_cast<int64_t>(h.count())) + ": median " +
            duration_text(h.quantile_ns(0.5)) + ", 99 % " + duration_text(h.quantile_ns(0.99)) + ", max " +
            duration_text(h.max_ns());
  }
  return text.empty() ? text : f.name + " invoked at " + window_text(series, w) + text;
}

/// A round number, at least `most`.
double nice_top(double most) {
  const double decade = std::pow(10, std::floor(std::log10(most)));
  for (const double factor : {1.0, 1.2, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0})
    if (most <= decade * factor) return decade * factor;
  return most;
}

/// The last window may reach beyond the end of the run: its rate is over the part that was, unless that is a
/// sliver.
double rate_hz(const Series& series, const EndingSeries& e, size_t w) {
  if (e.completed.empty()) return 0;
  const double whole = window_seconds(series);
  const double part = static_cast<double>(series.end_ns - series.begin_ns) / 1e9 - series.window_begin_s(w);
  return static_cast<double>(e.completed[w]) / (part < whole / 2 ? whole : std::min(whole, part));
}

constexpr std::array<Ending, 3> kCompleted = {Ending::ok, Ending::fail, Ending::info};

std::string rate_note(const Series& series, const FunctionSeries& f, size_t w) {
  std::string text;
  for (const Ending e : kCompleted) {
    const EndingSeries& s = f.of(e);
    if (s.completed.empty() || s.completed[w] == 0) continue;
    const double rate = rate_hz(series, s, w);
    text += "\n" + std::string(to_text(e)) + ": " + grouped(static_cast<int64_t>(s.completed[w])) + " (" +
            fixed(rate, rate < 10 ? 1 : 0) + " a second)";
  }
  if (text.empty()) text = "\nnothing completed";
  return f.name + " completed at " + window_text(series, w) + text;
}

Panel rate_panel(const Series& series, const FunctionSeries& f) {
  Panel panel;
  panel.title = f.name;
  const auto total = [&](Ending e) { return grouped(static_cast<int64_t>(f.of(e).all.count())); };
  panel.note = total(Ending::ok) + " ok, " + total(Ending::fail) + " fail, " + total(Ending::info) + " info";
  for (const Ending e : kCompleted) {
    const EndingSeries& s = f.of(e);
    if (s.completed.empty()) continue;
    StepSeries steps;
    steps.ending = e;
    for (size_t w = 0; w < series.windows; ++w) steps.values.push_back(rate_hz(series, s, w));
    panel.steps.push_back(std::move(steps));
  }
  for (size_t w = 0; w < series.windows; ++w) panel.window_notes.push_back(rate_note(series, f, w));
  return panel;
}

}  // namespace

TimeFigure latency_figure(const Series& series, const FaultTimeline& faults) {
  TimeFigure figure = empty_figure(series, faults);
  figure.description = "Latency of each operation over time, by function and outcome";
  figure.note =
      "Each mark stands at the time of invocation; larger dots and darker tiles are more operations in one "
      "place. Lines are quantiles of the successful operations, over " +
      fixed(window_seconds(series), 3) + " s or more each.";
  figure.value_name = "latency";
  figure.scale = TimeFigure::Scale::logarithmic_duration;
  choose_latency_axis(series, figure);
  for (const FunctionSeries& f : series.functions) {
    Panel panel;
    panel.title = f.name;
    panel.note = latency_summary(f);
    panel.marks = marks_of(f, figure.seconds);
    panel.lines = quantiles(series, f.of(Ending::ok));
    for (size_t w = 0; w < series.windows; ++w) panel.window_notes.push_back(latency_note(series, f, w));
    figure.panels.push_back(std::move(panel));
  }
  return figure;
}

TimeFigure rate_figure(const Series& series, const FaultTimeline& faults) {
  TimeFigure figure = empty_figure(series, faults);
  figure.description = "Operations completed a second over time, by function and outcome";
  figure.note = "Counted at the time of completion, in steps of " + fixed(window_seconds(series), 3) + " s.";
  figure.value_name = "ops / s";
  double most = 0;
  for (const FunctionSeries& f : series.functions) {
    figure.panels.push_back(rate_panel(series, f));
    for (const StepSeries& steps : figure.panels.back().steps)
      for (const double value : steps.values) most = std::max(most, value);
  }
  figure.high = nice_top(std::max(most, 1.0));
  return figure;
}

}  // namespace riven::checkers::performance
