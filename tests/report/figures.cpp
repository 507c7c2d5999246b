#include "harness/report/figures.h"

#include "checkers/performance.h"
#include "tests/catch.h"
#include "tests/checkers/script.h"

using namespace riven;
using test::Script;

namespace {

CheckResult performance(const History& history) {
  return checkers::performance_checker()->check(history, {});
}

std::string drawn(const CheckResult& r, size_t i) { return report::figure_html(r.figures.at(i)); }

LanesFigure lanes() {
  LanesFigure figure;
  figure.sentence = "process 2 read 1 after </script> was written";
  figure.facts = "Possible just before: 1. Stale by 1 version.";
  figure.failure_ns = 3'000'000;
  figure.lanes = {"process 1", "process 2"};
  LaneOperation write;
  write.begin_ns = 1'000'000;
  write.end_ns = 2'500'001;
  write.name = "write \"a\" by process 1";
  write.step = 1;
  write.point_ns = 1'500'000;
  write.state = "a";
  LaneOperation read;
  read.lane = 1;
  read.begin_ns = 2'600'000;
  read.name = "read b by process 2";
  read.in_conflict = read.impossible_next = true;
  read.state = "a";
  figure.operations = {write, read};
  return figure;
}

CycleFigure cycle() {
  CycleFigure figure;
  for (const char* name : {"T1", "T2"}) {
    CycleFigure::Transaction t;
    t.name = name;
    t.title = std::string(name) + "  process 3, index 12";
    t.micro_operations = {"[:r <k> nil]"};
    t.end_ns = 5'000'000;
    t.edge = "rw";
    t.reason = std::string(name) + " did not observe the append of 1 & 2";
    figure.transactions.push_back(t);
  }
  figure.transactions[1].committed = false;
  return figure;
}

}  // namespace

TEST_CASE("a figure over time carries units, a legend, the faults and what was pending") {
  Script script;
  script.steady(0, 4'000, 80, 0, "read").fault(4'000, "start-partition").steady(4'100, 8'000, 80, 0, "read");
  script.fault(8'000, "stop-partition", test::proof(true, 99)).steady(8'100, 9'000, 40, 0, "read");
  const CheckResult r =
      performance(script.entry(9'100, 0, OpType::invoke, "read").fault(9'900, "compact").history());
  const std::string latency = drawn(r, 0);
  for (const char* piece : {"10 ms", "seconds since the run began", "partition in force",
                            "99 packets dropped", "never completed", "median of ok", "one-shot fault"})
    CHECK(latency.find(piece) != std::string::npos);
  const std::string rate = drawn(r, 1);
  for (const char* piece : {"ops / s", "partition in force", "read completed at"})
    CHECK(rate.find(piece) != std::string::npos);
  CHECK(drawn(r, 0) == latency);
}

TEST_CASE("a figure over time stays bounded, and names in it are text") {
  const CheckResult r = performance(test::hostile_history());
  REQUIRE(r.figures.size() == 2);
  CHECK(drawn(r, 0).size() + drawn(r, 1).size() < 1'000'000);
  for (size_t i = 0; i < 2; ++i) {
    CHECK(drawn(r, i).find("x</svg>") == std::string::npos);
    CHECK(drawn(r, i).find("f<&") == std::string::npos);
  }
}

TEST_CASE("operations in lanes are data for the page's script, and cannot end it") {
  const std::string html = report::lanes_figure_html("linearizable-1", lanes());
  CHECK(html.find("Possible just before: ") != std::string::npos);
  CHECK(html.find("\"f\":1.000000,\"t\":2.500001,\"n\":\"write \\\"a\\\" by process 1\"") !=
        std::string::npos);
  CHECK(html.find("\"p\":1.500000,\"s\":1,\"z\":\"a\"") != std::string::npos);
  CHECK(html.find("\"t\":null,\"n\":\"read b by process 2\",\"c\":1,\"x\":1,\"z\":\"a\"") !=
        std::string::npos);
  CHECK(html.find("after <\\/script>") != std::string::npos);
  CHECK(html.find("id=\"linearizable-1\"") != std::string::npos);
}

TEST_CASE("a cycle is drawn with its reasons; a long one is counted") {
  const std::string svg = report::cycle_figure_html("isolation-0", cycle());
  CHECK(svg.find("<svg") == 0);
  for (const char* piece :
       {"T1  process 3, index 12", "[:r &lt;k&gt; nil]", "append of 1 &amp; 2", "rw, back to T1"})
    CHECK(svg.find(piece) != std::string::npos);
  CycleFigure large;
  large.left_out = 40;
  CHECK(report::cycle_figure_html("isolation-0", large).find("40 transactions") != std::string::npos);
}

TEST_CASE("a figure that a reader zooms into has a page of its own") {
  CheckResult result;
  result.figures.push_back({"linearizable-1", "Around <it>", lanes()});
  result.figures.push_back({"isolation-0", "G2-item", cycle()});
  report::add_figure_pages(result);
  REQUIRE(result.artifacts.size() == 1);
  CHECK(result.artifacts[0].name == "linearizable-1.html");
  CHECK(result.artifacts[0].content.find("<title>Around &lt;it&gt;</title>") != std::string::npos);
}
