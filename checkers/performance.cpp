#include "checkers/performance.h"

#include <utility>

#include "checkers/performance/figures.h"
#include "checkers/performance/series.h"
#include "harness/api/registry.h"
#include "harness/core/text.h"

namespace riven::checkers {
namespace {

using performance::EndingSeries;
using performance::FunctionSeries;
using performance::LatencyHistogram;
using performance::Series;

constexpr uint64_t kFewest = 10;

/// Milliseconds to the microsecond (to the nanosecond below one): enough, and short in JSON.
double milliseconds(int64_t ns) {
  const int64_t unit = ns < 1'000'000 ? 1 : 1'000;
  return static_cast<double>(ns / unit * unit) / 1e6;
}

Json summary(const LatencyHistogram& h) {
  return {{"count", h.count()},
          {"min_ms", milliseconds(h.min_ns())},
          {"p50_ms", milliseconds(h.quantile_ns(0.5))},
          {"p95_ms", milliseconds(h.quantile_ns(0.95))},
          {"p99_ms", milliseconds(h.quantile_ns(0.99))},
          {"max_ms", milliseconds(h.max_ns())}};
}

Json over_time(const FunctionSeries& f, Ending ending) {
  const EndingSeries& e = f.of(ending);
  Json row = {{"f", f.name}, {"type", to_text(ending)}, {"completed", e.completed}};
  const std::pair<const char*, double> quantiles[] = {
      {"p50_ms", 0.5}, {"p95_ms", 0.95}, {"p99_ms", 0.99}, {"max_ms", 1}};
  for (const auto& [key, q] : quantiles) {
    Json values = Json::array();
    for (const LatencyHistogram& h : e.by_window)
      values.push_back(h.count() == 0 ? Json() : Json(milliseconds(h.quantile_ns(q))));
    row[key] = std::move(values);
  }
  return row;
}

Json details(const Series& series) {
  Json by_f = Json::object();
  Json rows = Json::array();
  for (const FunctionSeries& f : series.functions) {
    Json endings = Json::object();
    for (const Ending e : {Ending::ok, Ending::fail, Ending::info, Ending::pending})
      if (f.of(e).all.count() > 0) {
        endings[std::string(to_text(e))] = summary(f.of(e).all);
        if (e != Ending::pending) rows.push_back(over_time(f, e));
      }
    by_f[f.name] = std::move(endings);
  }
  return {{"by_f", std::move(by_f)},
          {"window_s", static_cast<double>(series.window_ns) / 1e9},
          {"windows", series.windows},
          {"series", std::move(rows)}};
}

std::string reason(const Series& series) {
  std::string text =
      counted(series.operations, "operation") + " in " + duration_text(series.end_ns - series.begin_ns);
  for (const FunctionSeries& f : series.functions) {
    const LatencyHistogram& ok = f.of(Ending::ok).all;
    if (ok.count() > 0)
      text += "; " + f.name + ": median " + duration_text(ok.quantile_ns(0.5)) + ", 99 % within " +
              duration_text(ok.quantile_ns(0.99));
  }
  return text;
}

class Performance final : public Checker {
 public:
  explicit Performance(PerformanceOptions options) : options_(std::move(options)) {}
  std::string name() const override { return "performance"; }

  CheckResult check(const History& history, const Budget&) const override {
    CheckResult result;
    result.name = name();
    const Series series = performance::collect(history);
    if (series.operations == 0) {
      result.reason = "vacuous: the history holds no client operation";
      return result;
    }
    result.verdict = Verdict::valid;
    if (series.end_ns == series.begin_ns || !history.has_times()) {
      result.reason = "this history carries no times: no latency or rate can be told";
      return result;
    }
    result.details = details(series);
    result.reason = reason(series);
    if (series.operations < kFewest) return result;  // a picture of a handful of operations tells nothing
    const FaultTimeline faults = fault_timeline(history, options_.spans);
    result.figures.push_back({"latency", "Latency", performance::latency_figure(series, faults)});
    result.figures.push_back({"rate", "Rate", performance::rate_figure(series, faults)});
    return result;
  }

 private:
  PerformanceOptions options_;
};

}  // namespace

CheckerPtr performance_checker(PerformanceOptions options) {
  return std::make_shared<Performance>(std::move(options));
}

void add_performance(Registry& registry) {
  registry.add(CheckerFactory{"performance",
                              "latency and rate over time, with faults; figures for the report",
                              {"performance"},
                              [](const auto&) -> Result<CheckerPtr> { return performance_checker(); }});
}

}  // namespace riven::checkers
