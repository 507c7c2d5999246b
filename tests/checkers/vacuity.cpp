#include "checkers/vacuity.h"

#include "harness/api/registry.h"
#include "tests/checkers/script.h"

using namespace riven;
using test::proof;
using test::Script;

namespace riven::checkers {
void add_vacuity(Registry&);
}

namespace {

CheckResult judge(const History& h, checkers::VacuityOptions options = {}) {
  return checkers::vacuity_checker(std::move(options))->check(h, {});
}

/// 20 s of reads and writes with a partition from 5 s to 15 s, in which `during` of each succeed.
Script partitioned(int during, Value stop_value) {
  Script script;
  script.steady(0, 4'900, 100, 0, "read").steady(0, 4'900, 100, 1, "write");
  script.fault(5'000, "start-partition", Value("halves"));
  script.steady(5'100, 14'900, during, 0, "read").steady(5'100, 14'900, during, 1, "write");
  script.fault(15'000, "stop-partition", std::move(stop_value));
  return std::move(script.steady(15'100, 20'000, 100, 0, "read").steady(15'100, 20'000, 100, 1, "write"));
}

}  // namespace

TEST_CASE("a partition that dropped packets while operations succeeded is no vacuous test") {
  const CheckResult r = judge(partitioned(100, proof(true, 812)).history());
  CHECK(r.verdict == Verdict::valid);
  CHECK(r.reason == "600 operations succeeded; 1 fault window, each proved to have taken effect");
  const Json& w = r.details["windows"][0];
  CHECK(w["fault"] == "partition");
  CHECK(w["dropped"] == 812);
  CHECK(w["ok"]["read"] == 100);
  CHECK(w["demanded"]["read"].get<int>() >= 3);
}

TEST_CASE("a partition that dropped nothing is vacuous, and the window is named") {
  const CheckResult r = judge(partitioned(100, proof(Value(), 0)).history());
  CHECK(r.verdict == Verdict::unknown);
  CHECK(r.reason == "vacuous: partition at 5.0 s dropped no packet in 10.0 s");
  CHECK(judge(partitioned(100, proof(false, Value())).history()).reason ==
        "vacuous: partition at 5.0 s is proved to have had no effect in 10.0 s");
  CHECK(judge(partitioned(100, proof(true, 0)).history()).verdict == Verdict::valid);
  CHECK(judge(partitioned(100, Value()).history()).reason.find("not counted") != std::string::npos);
}

TEST_CASE("too few successes of a function during a fault are vacuous, with window, function and number") {
  const CheckResult none = judge(partitioned(0, proof(true, 812)).history());
  CHECK(none.verdict == Verdict::unknown);
  CHECK(none.reason ==
        "vacuous: during the partition at 5.0 s (10.0 s) no read succeeded, at least 3 expected (and 1 more "
        "complaint)");
  const CheckResult one = judge(partitioned(1, proof(true, 812)).history());
  CHECK(one.reason.find("only 1 read succeeded, at least 3 expected") != std::string::npos);
}

TEST_CASE("successes must begin and end inside the window") {
  Script script;
  script.steady(0, 4'000, 100, 0, "read");
  script.entry(4'900, 1, OpType::invoke, "read");
  script.fault(5'000, "start-partition").entry(14'000, 1, OpType::ok, "read");
  script.fault(15'000, "stop-partition").steady(16'000, 20'000, 100, 0, "read");
  const CheckResult r = judge(script.history());
  CHECK(r.verdict == Verdict::unknown);
  CHECK(r.details["windows"][0]["ok"].empty());
}

TEST_CASE("short windows, rare functions and functions of another phase demand nothing") {
  SECTION("a window no longer than an election") {
    Script script;
    script.steady(0, 4'900, 500, 0, "read").fault(5'000, "start-partition").fault(7'900, "stop-partition");
    CHECK(judge(script.steady(8'000, 12'000, 500, 0, "read").history()).verdict == Verdict::valid);
  }
  SECTION("a function that hardly ever succeeds") {
    Script script;
    script.steady(0, 4'900, 200, 0, "read")
        .op(4'950, 1, 0, OpType::ok, "cas")
        .fault(5'000, "start-partition");
    script.steady(5'100, 14'900, 300, 0, "read").fault(15'000, "stop-partition");
    CHECK(judge(script.steady(15'100, 20'000, 100, 0, "read").history()).verdict == Verdict::valid);
  }
  SECTION("final reads after all faults") {
    Script script;
    script.steady(0, 4'900, 200, 0, "add").fault(5'000, "start-partition");
    script.steady(5'100, 14'900, 300, 0, "add").fault(15'000, "stop-partition");
    CHECK(judge(script.steady(15'100, 20'000, 900, 0, "drain").history()).verdict == Verdict::valid);
  }
}

TEST_CASE("a short window may pass in an election, not most of them") {
  // Windows of 6 s at 5 s, 15 s and 25 s; reads succeed in as many of them as asked for.
  const auto judged = [](int alive) {
    Script script;
    script.steady(0, 4'900, 200, 0, "read");
    for (int i = 0; i < 3; ++i) {
      const int begin = 5'000 + 10'000 * i;
      script.fault(begin, "start-partition");
      if (i < alive) script.steady(begin + 100, begin + 5'900, 200, 0, "read");
      script.fault(begin + 6'000, "stop-partition", proof(true, 5));
      script.steady(begin + 6'100, begin + 9'900, 200, 0, "read");
    }
    return judge(script.history());
  };
  CHECK(judged(3).verdict == Verdict::valid);
  CHECK(judged(2).verdict == Verdict::valid);
  const CheckResult one = judged(1);
  CHECK(one.verdict == Verdict::unknown);
  CHECK(one.reason.find("during the partition at 15.0 s (6.0 s) no read succeeded") != std::string::npos);
  CHECK(one.reason.find("1 more complaint") != std::string::npos);
}

TEST_CASE("short windows need no proof of their own, but one of their kind must have taken effect") {
  const auto run = [](bool second_takes_effect) {
    Script script;
    script.steady(0, 900, 50, 0, "read")
        .fault(1'000, "start-partition")
        .fault(1'500, "stop-partition", proof(false, 0));
    script.steady(1'600, 1'900, 50, 0, "read").fault(2'000, "start-partition");
    script.fault(2'500, "stop-partition", proof(second_takes_effect, second_takes_effect ? 5 : 0));
    return judge(script.steady(2'600, 3'000, 50, 0, "read").history());
  };
  CHECK(run(true).verdict == Verdict::valid);
  CHECK(run(false).reason == "vacuous: partition at 1.0 s dropped no packet in 0.5 s");
}

TEST_CASE("nothing succeeded, or nothing was done") {
  CHECK(judge(Script().history()).reason == "vacuous: the history holds no client operation");
  Script script;
  for (int i = 0; i < 4; ++i) script.op(10 * i, 1, 0, OpType::fail, "read");
  CHECK(judge(script.history()).reason == "vacuous: none of 4 operations succeeded");
  CHECK(judge(Script().op(0, 1, 0, OpType::ok, "read").history()).reason ==
        "1 operation succeeded; no faults in this history");
}

TEST_CASE("a fault that could not be applied or never began is vacuous") {
  Script script;
  script.steady(0, 900, 50, 0, "read").fault(1'000, "start-link", Value(), Value("n2 has no netem"));
  CHECK(judge(script.steady(1'100, 2'000, 50, 0, "read").history()).reason ==
        "vacuous: link at 1.0 s could not be applied: n2 has no netem");
  checkers::VacuityOptions options;
  options.expected = {"partition"};
  CHECK(judge(Script().steady(0, 900, 50, 0, "read").history(), options).reason ==
        "vacuous: the fault partition was asked for and never began");
  CHECK(judge(partitioned(100, proof(true, 8)).history(), options).verdict == Verdict::valid);
}

TEST_CASE("a fault of the run that nothing proves is vacuous, whatever succeeded") {
  checkers::VacuityOptions options;
  options.expected = {"kill"};
  const auto run = [&](Value first, Value second) {
    Script script;
    script.steady(0, 990, 100, 0, "read").fault(1'000, "start-kill").steady(1'010, 1'990, 100, 0, "read");
    script.fault(2'000, "stop-kill", std::move(first)).fault(2'500, "start-kill");
    script.steady(2'510, 2'990, 50, 0, "read").fault(3'000, "stop-kill", std::move(second));
    return judge(script.steady(3'010, 4'000, 100, 0, "read").history(), options);
  };
  CHECK(run(Value(), proof(true, Value())).verdict == Verdict::valid);
  const CheckResult unproved = run(Value(), Value());
  CHECK(unproved.verdict == Verdict::unknown);
  CHECK(unproved.reason == "vacuous: kill at 1.0 s was never proved to have taken effect");
}

TEST_CASE("a database that is gone at the end was tested until then only") {
  const auto run = [](double down_ms, double end_ms) {
    Script script;
    script.steady(0, down_ms, 200, 0, "read");
    for (double ms = down_ms; ms < end_ms; ms += 100) script.op(ms, 1, 1, OpType::fail, "read");
    return judge(script.history());
  };
  CHECK(run(7'000, 20'000).reason ==
        "vacuous: no operation succeeded in the last 12.9 s, though clients tried");
  CHECK(run(14'000, 16'500).verdict == Verdict::valid);
  CHECK(run(60'000, 69'000).verdict == Verdict::valid);
  Script lost;  // a partition until the end excuses it
  lost.steady(0, 20'000, 200, 0, "read").fault(20'000, "start-partition");
  for (double ms = 20'010; ms < 32'000; ms += 100) lost.op(ms, 1, 1, OpType::fail, "read");
  CHECK(judge(lost.history()).reason.find("in the last") == std::string::npos);
}

TEST_CASE("faults at once may undo each other, but each must have taken effect once") {
  const auto run = [](bool second_bit, const char* other) {
    Script script;
    script.steady(0, 990, 100, 0, "read");
    script.fault(1'000, "start-clock").fault(1'010, other).steady(1'020, 3'490, 200, 0, "read");
    script.fault(3'500, "stop-clock", proof(false, Value())).fault(3'510, "start", proof(true, Value()));
    script.steady(3'520, 4'990, 200, 0, "read");
    script.fault(5'000, "start-clock").fault(5'010, other).steady(5'020, 7'490, 200, 0, "read");
    script.fault(7'500, "stop-clock", proof(second_bit, Value())).fault(7'510, "start", proof(true, Value()));
    return judge(script.steady(7'520, 9'000, 200, 0, "read").history());
  };
  CHECK(run(true, "kill").verdict == Verdict::valid);
  CHECK(run(false, "kill").reason.find("clock at 1.0 s is proved to have had no effect") !=
        std::string::npos);
  CHECK(run(true, "look").reason.find("clock at 1.0 s is proved to have had no effect") != std::string::npos);
}

TEST_CASE("a one-shot fault that failed each time is vacuous; once in a while it may") {
  const auto run = [](Value second_error) {
    Script script;
    script.steady(0, 900, 50, 0, "read").fault(1'000, "bump-clock", Value(), Value("not permitted"));
    script.fault(1'100, "bump-clock", Value(), std::move(second_error));
    return judge(script.steady(1'200, 2'000, 50, 0, "read").history());
  };
  CHECK(run(Value("not permitted")).reason == "vacuous: bump-clock never worked: not permitted");
  CHECK(run(Value()).verdict == Verdict::valid);
}

TEST_CASE("a fault that may stop every node demands successes after it instead of in it") {
  const auto run = [](int after) {
    Script script;
    script.steady(0, 4'900, 200, 0, "read").fault(5'000, "kill").fault(15'000, "start");
    script.steady(15'100, 25'000, after, 0, "read");
    for (int i = 0; i < 10; ++i) script.op(25'000 + 10 * i, 1, 0, OpType::fail, "read");
    return judge(script.history());
  };
  CHECK(run(100).verdict == Verdict::valid);
  CHECK(run(0).reason ==
        "vacuous: no operation succeeded after the kill at 5.0 s, though clients tried for 10.1 s more");
}

TEST_CASE("a fault that says what it killed demands successes after it, like a kill") {
  for (const int killed : {0, 1}) {
    Script script;
    script.steady(0, 4'900, 100, 0, "read");
    script.fault(5'000, "start-disk", Value::map({"disk", "power-loss", "killed", killed}));
    script.fault(20'000, "stop-disk", proof(true, Value()));
    script.steady(20'100, 25'000, 100, 0, "read");
    CHECK((judge(script.history()).verdict == Verdict::valid) == (killed > 0));
  }
}

TEST_CASE("clients that had stopped are no reproach to a fault that went on") {
  Script script;
  script.steady(0, 4'900, 200, 0, "read").fault(5'000, "start-partition").steady(5'100, 7'000, 50, 0, "read");
  CHECK(judge(script.fault(60'000, "stop-partition", proof(true, 3)).history()).verdict == Verdict::valid);
}

TEST_CASE("thresholds are options, and wrong ones are refused") {
  Registry registry;
  checkers::add_vacuity(registry);
  const CheckerFactory& factory = registry.checkers().at(0);
  const auto verdict = [&](const std::map<std::string, std::string>& options) {
    Result<CheckerPtr> made = factory.make(options);
    REQUIRE(made.has_value());
    return (*made)->check(partitioned(3, proof(true, 1)).history(), {}).verdict;
  };
  CHECK(verdict({{"model", "vacuity"}}) == Verdict::valid);
  CHECK(verdict({{"share", "0.5"}}) == Verdict::unknown);
  CHECK(verdict({{"share", "0.5"}, {"cap", "2"}}) == Verdict::valid);
  CHECK(verdict({{"share", "0.5"}, {"grace_ms", "10000"}}) == Verdict::valid);
  for (const auto& wrong : std::vector<std::map<std::string, std::string>>{
           {{"share", "much"}}, {{"share", ""}}, {{"cap", "-1"}}, {{"speed", "1"}}, {{"grace_ms", "nan"}}})
    CHECK_FALSE(factory.make(wrong).has_value());
}
