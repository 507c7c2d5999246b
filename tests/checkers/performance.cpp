#include "checkers/performance.h"

#include "checkers/performance/series.h"
#include "tests/checkers/script.h"

using namespace riven;
using checkers::performance::LatencyHistogram;
using test::Script;

namespace {
CheckResult judge(const History& h) { return checkers::performance_checker()->check(h, {}); }

const TimeFigure& time_figure(const CheckResult& r, size_t i) {
  return std::get<TimeFigure>(r.figures.at(i).content);
}
}  // namespace

TEST_CASE("histogram buckets cover every duration, in order, within 1.6 %") {
  size_t before = 0;
  for (int64_t ns : {int64_t{0}, int64_t{1}, int64_t{31}, int64_t{32}, int64_t{33}, int64_t{1'000},
                     int64_t{123'456}, int64_t{1'000'000'007}, int64_t{1} << 40, INT64_MAX}) {
    const size_t b = LatencyHistogram::bucket(ns);
    CHECK(b < LatencyHistogram::kBuckets);
    CHECK(b >= before);
    before = b;
    const double middle = static_cast<double>(LatencyHistogram::duration_ns(b));
    CHECK(std::abs(middle - static_cast<double>(ns)) <= 0.016 * static_cast<double>(ns));
  }
}

TEST_CASE("quantiles are close, minimum and maximum exact") {
  LatencyHistogram h;
  CHECK(h.quantile_ns(0.5) == 0);
  for (int64_t i = 1; i <= 1'000; ++i) h.add(i * 1'000);
  CHECK(h.count() == 1'000);
  CHECK(h.min_ns() == 1'000);
  CHECK(h.max_ns() == 1'000'000);
  CHECK(h.quantile_ns(1) == 1'000'000);
  CHECK(h.quantile_ns(0.5) == Approx(500'000).epsilon(0.017));
  CHECK(h.quantile_ns(0.99) == Approx(990'000).epsilon(0.017));
  LatencyHistogram both;
  both.add(h);
  both.add(5'000'000);
  CHECK(both.count() == 1'001);
  CHECK(both.max_ns() == 5'000'000);
}

TEST_CASE("performance tells latencies by function and outcome, and counts what never completed") {
  Script script;
  script.steady(0, 9'000, 90, 0, "read").op(9'000, 500, 0, OpType::info, "read", Value("timeout"));
  script.op(9'600, 20, 1, OpType::fail, "write").entry(9'700, 1, OpType::invoke, "read");
  const CheckResult r = judge(script.entry(10'000, 2, OpType::invoke, "read").history());
  CHECK(r.verdict == Verdict::valid);
  const Json& f = r.details["by_f"];
  CHECK(f["read"]["ok"]["count"] == 90);
  CHECK(f["read"]["ok"]["max_ms"] == 50.0);
  CHECK(f["read"]["info"]["p50_ms"] == 500.0);
  CHECK(f["read"]["pending"]["count"] == 2);
  CHECK(f["write"]["fail"]["max_ms"] == 20.0);
  CHECK_FALSE(f["write"].contains("ok"));
  const Json& series = r.details["series"];
  REQUIRE(series.size() == 3);
  uint64_t completed = 0;
  for (const Json& count : series[0]["completed"]) completed += count.get<uint64_t>();
  CHECK(completed == 90);
  CHECK(series[0]["p50_ms"].size() == r.details["windows"].get<size_t>());
}

TEST_CASE("figures are data: marks, quantiles and rates for each function, with the faults") {
  Script script;
  script.steady(0, 4'000, 80, 0, "read").fault(4'000, "start-partition").steady(4'100, 8'000, 80, 0, "read");
  script.fault(8'000, "stop-partition", test::proof(true, 99)).steady(8'100, 9'000, 40, 0, "read");
  const CheckResult r =
      judge(script.entry(9'100, 0, OpType::invoke, "read").fault(9'900, "compact").history());
  REQUIRE(r.figures.size() == 2);
  const TimeFigure& latency = time_figure(r, 0);
  CHECK(latency.scale == TimeFigure::Scale::logarithmic_duration);
  REQUIRE(latency.panels.size() == 1);
  const Panel& panel = latency.panels[0];
  CHECK(panel.title == "read");
  REQUIRE(panel.marks.size() == 2);
  CHECK(panel.marks[0].ending == Ending::ok);
  uint64_t marked = 0;
  for (const Mark& mark : panel.marks[0].marks) marked += mark.count;
  CHECK(marked == 200);
  CHECK(panel.marks[1].ending == Ending::pending);
  REQUIRE(panel.lines.size() == 3);
  CHECK(panel.lines[0].name == "median of ok");
  CHECK(latency.faults.windows.size() == 1);
  CHECK(latency.faults.windows[0].dropped == 99);
  CHECK(latency.faults.marks.size() == 1);
  const TimeFigure& rate = time_figure(r, 1);
  CHECK(rate.value_name == "ops / s");
  REQUIRE(rate.panels.size() == 1);
  REQUIRE(rate.panels[0].steps.size() >= 1);
  CHECK(rate.panels[0].steps[0].values.size() == rate.windows);
  CHECK(rate.high >= 20);
}

TEST_CASE("a lone outlier among many operations has its own mark") {
  const auto marks = [](bool outlier) {
    Script script;
    for (int i = 0; i < 20'000; ++i) script.op(i, 0.5, 0, OpType::ok, "read");
    script.op(20'000, outlier ? 700 : 0.5, 1, OpType::ok, "read");
    const CheckResult r = judge(script.entry(21'000, 3, OpType::invoke, "read").history());
    return time_figure(r, 0).panels.at(0).marks.at(0).marks.size();
  };
  CHECK(marks(true) > marks(false));
}

TEST_CASE("the output stays bounded: many operations, functions, faults and hostile names") {
  const CheckResult r = judge(test::hostile_history());
  REQUIRE(r.figures.size() == 2);
  for (const Panel& panel : time_figure(r, 0).panels) {
    size_t marks = 0;
    for (const MarkSeries& series : panel.marks) marks += series.marks.size();
    CHECK(marks <= 5'000);
  }
  CHECK(r.details.dump().size() < 200'000);
  CHECK(r.details["by_f"].size() == 6);
  CHECK(r.details["by_f"].contains("other functions"));
}

TEST_CASE("the same history gives the same details") {
  const auto once = [] {
    Script script;
    script.steady(0, 4'000, 80, 0, "read").steady(0, 4'000, 80, 1, "write");
    return judge(script.history());
  };
  CHECK(once().details == once().details);
}

TEST_CASE("histories without operations, without times or with a handful of operations have no figures") {
  CHECK(judge(Script().history()).verdict == Verdict::unknown);
  CHECK(judge(Script().history()).reason == "vacuous: the history holds no client operation");
  HistoryBuilder builder;
  for (int64_t i = 0; i < 6; ++i) {
    Op op;
    op.time_ns = i;
    op.type = i % 2 == 0 ? OpType::invoke : OpType::ok;
    op.f = Symbol("read");
    builder.append(op);
  }
  const CheckResult positions = judge(*builder.finish());
  CHECK(positions.verdict == Verdict::valid);
  CHECK(positions.figures.empty());
  CHECK(judge(Script().steady(0, 900, 9, 0, "read").history()).figures.empty());
  CHECK(judge(Script().steady(0, 900, 10, 0, "read").history()).figures.size() == 2);
  CHECK(positions.reason == "this history carries no times: no latency or rate can be told");
}

TEST_CASE("times of another clock, and absurd ones, are survived") {
  HistoryBuilder builder;
  const int64_t times[] = {INT64_MIN, INT64_MAX, INT64_MIN + 5, 1'700'000'000'000'000'000};
  for (size_t i = 0; i < 4; ++i) {
    Op op;
    op.time_ns = times[i];
    op.type = i % 2 == 0 ? OpType::invoke : OpType::ok;
    op.f = Symbol("read");
    builder.append(op);
  }
  CHECK(judge(*builder.finish()).verdict == Verdict::valid);
  HistoryBuilder unix_clock;
  for (int64_t i = 0; i < 100; ++i) {
    Op op;
    op.time_ns = 1'700'000'000'000'000'000 + i * 10'000'000;
    op.type = i % 2 == 0 ? OpType::invoke : OpType::ok;
    op.f = Symbol("read");
    unix_clock.append(op);
  }
  CHECK(judge(*unix_clock.finish()).details["window_s"].get<double>() <= 0.01);
}
