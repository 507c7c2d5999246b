#include "harness/app/judge.h"

#include <stdexcept>

#include "harness/app/command.h"
#include "tests/catch.h"

using namespace riven;

namespace {

class FixedChecker final : public Checker {
 public:
  explicit FixedChecker(Verdict verdict) : verdict_(verdict) {}
  std::string name() const override { return "fixed"; }
  CheckResult check(const History& /*history*/, const Budget& /*budget*/) const override {
    CheckResult result;
    result.name = name();
    result.verdict = verdict_;
    result.reason = "because";
    return result;
  }

 private:
  Verdict verdict_;
};

class CrashingChecker final : public Checker {
 public:
  std::string name() const override { return "crashing"; }
  CheckResult check(const History& /*history*/, const Budget& /*budget*/) const override {
    throw std::runtime_error("boom");
  }
};

class HungryChecker final : public Checker {
 public:
  std::string name() const override { return "hungry"; }
  CheckResult check(const History& /*history*/, const Budget& /*budget*/) const override {
    throw std::bad_alloc();
  }
};

History history_of(const std::vector<const char*>& functions) {
  HistoryBuilder builder;
  int64_t time = 0;
  for (const char* const f : functions) {
    builder.append(
        {.time_ns = ++time, .process = 0, .type = OpType::invoke, .f = Symbol(f), .value = Value(1)});
    builder.append({.time_ns = ++time, .process = 0, .type = OpType::ok, .f = Symbol(f), .value = Value(1)});
  }
  return *builder.finish();
}

Registry registry_for(std::vector<std::string> models, std::string* asked) {
  Registry registry;
  registry.add(CheckerFactory{
      .name = "isolation",
      .description = "",
      .models = std::move(models),
      .make = [asked](const std::map<std::string, std::string>& options) -> Result<CheckerPtr> {
        *asked = options.at("model");
        return CheckerPtr(std::make_shared<FixedChecker>(Verdict::valid));
      }});
  return registry;
}

}  // namespace

TEST_CASE("a checker that crashes or starves is unknown, and the others still judge") {
  const History history = history_of({"read"});
  const std::vector<CheckerPtr> checkers{std::make_shared<CrashingChecker>(),
                                         std::make_shared<HungryChecker>(),
                                         std::make_shared<FixedChecker>(Verdict::valid)};
  JudgeOptions options;
  options.of_a_run = true;
  const RunResults results = judge(checkers, history, options);
  REQUIRE(results.checks.size() == 3);
  CHECK(results.verdict == Verdict::unknown);
  CHECK(results.checks[0].verdict == Verdict::unknown);
  CHECK(results.checks[0].reason.find("boom") != std::string::npos);
  CHECK(results.checks[1].reason.find("memory") != std::string::npos);
  CHECK(results.checks[2].verdict == Verdict::valid);
}

TEST_CASE("an invalid check is never hidden by an unknown one") {
  const History history = history_of({"read"});
  JudgeOptions options;
  options.of_a_run = true;
  const RunResults results =
      judge({std::make_shared<CrashingChecker>(), std::make_shared<FixedChecker>(Verdict::invalid)}, history,
            options);
  CHECK(results.verdict == Verdict::invalid);
}

TEST_CASE("models are found in any case of letters") {
  std::string asked;
  const Registry registry = registry_for({"cas-register", "serializable"}, &asked);
  JudgeOptions options;
  options.model = "CAS_Register";
  REQUIRE(pick_checkers(registry, history_of({"read"}), options));
  CHECK(asked == "cas-register");
}

TEST_CASE("a name that does not exist is answered with those that do") {
  std::string asked;
  const Registry registry = registry_for({"cas-register"}, &asked);
  JudgeOptions options;
  options.model = "cas-registr";
  const auto by_model = pick_checkers(registry, history_of({"read"}), options);
  REQUIRE_FALSE(by_model);
  CHECK(by_model.error().message.find("cas-register") != std::string::npos);
  options.workload = "nothing";
  CHECK_FALSE(pick_checkers(registry, history_of({"read"}), options));
}

TEST_CASE("a name that others have for a workload is understood, or answered with what can be done") {
  std::string asked;
  const Registry registry = registry_for({"cas-register"}, &asked);
  const auto error = [&](const char* workload) {
    JudgeOptions options;
    options.workload = workload;
    const auto picked = pick_checkers(registry, history_of({"read"}), options);
    return picked ? std::string("picked") : picked.error().message;
  };
  for (const char* const known :
       {"bank", "long-fork", "comments", "sequential", "monotonic", "adya", "kafka"}) {
    CAPTURE(known);
    CHECK(error(known).starts_with("no workload is called " + std::string(known) + ": Riven "));
    CHECK(error(known).find('\n') == std::string::npos);
  }
  CHECK(error("long-fork").find("--workload wr --model snapshot-isolation") != std::string::npos);
  CHECK(error("teapot").find("`riven list`") != std::string::npos);
}

TEST_CASE("a workload that only others generate is judged by its model") {
  std::string asked;
  const Registry registry = registry_for({"fifo-queue", "set"}, &asked);
  JudgeOptions options;
  options.workload = "jobs";
  CHECK_FALSE(pick_checkers(registry, history_of({"enqueue"}), options));
  options.model = "fifo-queue";
  REQUIRE(pick_checkers(registry, history_of({"enqueue"}), options));
  CHECK(asked == "fifo-queue");
  options.workload = "set";
  options.model.clear();
  REQUIRE(pick_checkers(registry, history_of({"add"}), options));
  CHECK(asked == "set");
}

TEST_CASE("a history without real time is not judged by it") {
  std::string asked;
  const Registry registry = registry_for({"serializable", "strict-serializable"}, &asked);
  JudgeOptions options;
  options.no_realtime = true;
  options.model = "strict-serializable";
  CHECK_FALSE(pick_checkers(registry, history_of({"txn"}), options));
  options.model.clear();
  const auto picked = pick_checkers(registry, history_of({"txn"}), options);
  REQUIRE(picked);
  CHECK(asked == "serializable");
  CHECK(picked->guessed == "serializable");
  options.checker_options["real-time"] = "yes";
  CHECK_FALSE(pick_checkers(registry, history_of({"txn"}), options));
}

TEST_CASE("what is missing in a history limits what can be said of it") {
  const History history = history_of({"write"});
  const auto judged = [&](Verdict verdict, Extent extent) {
    RunResults results = judge({std::make_shared<FixedChecker>(verdict)}, history, {});
    account_for_loss(extent, "", results);
    return results;
  };
  CHECK(judged(Verdict::valid, Extent::whole).verdict == Verdict::valid);
  CHECK(judged(Verdict::valid, Extent::whole).checks.size() == 1);
  CHECK(judged(Verdict::invalid, Extent::beginning).verdict == Verdict::invalid);
  for (const auto& [verdict, extent] : {std::pair{Verdict::valid, Extent::beginning},
                                        {Verdict::valid, Extent::parts},
                                        {Verdict::invalid, Extent::parts}}) {
    const RunResults results = judged(verdict, extent);
    CHECK(results.verdict == Verdict::unknown);
    CHECK(results.reason.starts_with("history: "));
  }
  const RunResults looks = judged(Verdict::invalid, Extent::parts);
  CHECK(looks.checks.back().reason == "without what is lost it looks invalid: because");
}

TEST_CASE("words are quoted for a shell only where they must be") {
  CHECK(shell_word("etcd") == "etcd");
  CHECK(shell_word("reads=serializable") == "reads=serializable");
  CHECK(shell_word("a b") == "'a b'");
  CHECK(shell_word("it's") == "'it'\\''s'");
  CHECK(shell_word("") == "''");
}

TEST_CASE("KEY=VALUE options") {
  const auto good = parse_pairs({"a=1", "b=x=y"}, "--db-opt");
  REQUIRE(good);
  CHECK(good->at("a") == "1");
  CHECK(good->at("b") == "x=y");
  CHECK_FALSE(parse_pairs({"novalue"}, "--db-opt"));
  CHECK_FALSE(parse_pairs({"=1"}, "--db-opt"));
}
