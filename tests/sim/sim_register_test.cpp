// The whole path without a cluster: generator, scheduler, history, checker; and a checker that must say no.
#include "tests/sim/sim_register.h"

#include <cstdlib>
#include <map>
#include <set>

#include "checkers/linearizable/checker.h"
#include "tests/catch.h"

namespace riven::sim {

namespace {

/// Seeds for each kind of cluster; RIVEN_SIM_SEEDS=1000 for a long look.
uint64_t seeds() {
  const char* given = std::getenv("RIVEN_SIM_SEEDS");
  return given != nullptr ? std::strtoull(given, nullptr, 10) : 5;
}

CheckResult judge(const History& history) {
  Result<CheckerPtr> checker = linearizable::make_checker({{"model", "cas-register"}});
  REQUIRE(checker.has_value());
  return (*checker)->check(history, Budget{});
}

}  // namespace

TEST_CASE("a seed fixes the history of a simulated cluster") {
  std::set<std::string> texts;
  for (const RegisterBug bug : kRegisterBugs) {
    for (uint64_t seed = 1; seed <= 2; ++seed) {
      SimRegisterOptions options;
      options.seed = seed;
      options.bug = bug;
      options.duration_ns = 2 * kNanosPerSecond;
      const std::string first = text_of(run_sim_register(options).history);
      CHECK(first == text_of(run_sim_register(options).history));
      texts.insert(first);
    }
  }
  CHECK(texts.size() == 2 * kRegisterBugs.size());
}

TEST_CASE("a simulated run is worth judging") {
  const SimRun run = run_sim_register({});
  CHECK(run.outcome.end == RunOutcome::End::exhausted);
  CHECK(run.outcome.counts.ok > 2'500);
  CHECK(run.outcome.counts.fail > 100);
  CHECK(run.outcome.counts.info > 20);
  CHECK(run.outcome.deadlines > 0);
  CHECK(run.outcome.counts.nemesis == 10);
  int64_t cas = 0;
  int64_t cas_ok = 0;
  for (size_t i = 0; i < run.history.size(); ++i) {
    if (run.history.f(i) != Symbol("cas") || run.history.type(i) == OpType::invoke) continue;
    ++cas;
    cas_ok += run.history.type(i) == OpType::ok ? 1 : 0;
  }
  CHECK(cas_ok * 4 > cas);
}

TEST_CASE("the correct cluster is linearizable, each planted bug is found") {
  for (const RegisterBug bug : kRegisterBugs) {
    for (uint64_t seed = 1; seed <= seeds(); ++seed) {
      SimRegisterOptions options;
      options.seed = seed;
      options.bug = bug;
      const SimRun run = run_sim_register(options);
      const CheckResult result = judge(run.history);
      INFO(to_text(bug) << ", seed " << seed << ": " << result.reason);
      CHECK(result.verdict == (bug == RegisterBug::none ? Verdict::valid : Verdict::invalid));
    }
  }
}

TEST_CASE("without faults and lost answers nothing is unknown") {
  SimRegisterOptions options;
  options.faults = false;
  options.lost_answers = 0;
  const SimRun run = run_sim_register(options);
  CHECK(run.outcome.counts.info == 0);
  CHECK(run.outcome.counts.nemesis == 0);
  CHECK(judge(run.history).verdict == Verdict::valid);
}

}  // namespace riven::sim
