// What a person and a machine are told.
#include "checkers/isolation/evidence.h"
#include "harness/api/registry.h"
#include "tests/catch.h"
#include "tests/checkers/isolation/histories.h"
#include "tests/checkers/isolation/simulated.h"

namespace riven::checkers {
void add_isolation(Registry& registry);
}

namespace riven::checkers::isolation {

namespace {

CheckResult judged(const History& history, const std::string& model) {
  Registry registry;
  add_isolation(registry);
  auto checker = registry.checkers().front().make({{"model", model}});
  REQUIRE(checker);
  return (*checker)->check(history, Budget{});
}
const Artifact* file(const CheckResult& result, const std::string& name) {
  for (const Artifact& a : result.artifacts)
    if (a.name == name) return &a;
  return nullptr;
}
bool names(const Json& list, const std::string& name) {
  return std::find(list.begin(), list.end(), name) != list.end();
}

}  // namespace

TEST_CASE("a cycle is told edge by edge, with the micro-operations that matter") {
  Maker maker;
  maker.invoke(0, "az1 rx ry ax1").invoke(1, "rx ry ay1 rz_").ok(0).ok(1).run(2, "rx1 ry1");
  const History history = maker.history();
  const CheckResult r = judged(history, "serializable");
  REQUIRE(r.verdict == Verdict::invalid);
  REQUIRE_FALSE(r.anomalies.empty());
  const auto skew = std::find_if(r.anomalies.begin(), r.anomalies.end(),
                                 [](const Anomaly& a) { return a.type == "G2-item"; });
  REQUIRE(skew != r.anomalies.end());
  CHECK(skew->count == 1);
  CHECK(skew->sentences[0] ==
        "T1 < T2, because T1 read key :y = [], and so did not observe T2's append of 1");
  CHECK(skew->entries == std::vector<uint32_t>{0, 1, 2, 3});
  const Artifact* text = file(r, "isolation.txt");
  REQUIRE(text != nullptr);
  CHECK(text->content.find("a contradiction!") != std::string::npos);
  CHECK(text->content.find("az") == std::string::npos);
  CHECK(text->content.find("[:append :z") == std::string::npos);  // does not matter
  REQUIRE_FALSE(r.figures.empty());
  const auto& drawn = std::get<CycleFigure>(r.figures[0].content);
  REQUIRE(drawn.transactions.size() == 2);
  CHECK(drawn.transactions[0].edge == "rw");
  CHECK(drawn.transactions[0].reason == skew->sentences[0]);
  CHECK(file(r, "isolation.dot") != nullptr);
  CHECK(file(r, "isolation.json") != nullptr);
  CHECK(file(r, "minimal.jsonl") != nullptr);
}

TEST_CASE("the models are listed weakest first, and for Elle's readers") {
  Maker maker;
  maker.invoke(1, "rx ry1").invoke(0, "ax1 ay1").ok(0).ok(1);
  const History history = maker.history();
  const CheckResult r = judged(history, "strict-serializable");
  CHECK(names(r.details["models"]["refuted"], "consistent-view"));
  CHECK(names(r.details["models"]["also_refuted"], "strict-serializable"));
  CHECK(names(r.details["models"]["holds"], "read-committed"));
  const Json& elle = r.details["elle_json"];
  CHECK(elle["valid?"] == false);
  CHECK(elle["anomaly-types"] == Json::array({"G-single-item"}));
  CHECK(elle["not"] == Json::array({"consistent-view", "repeatable-read"}));
  CHECK(judged(history, "PL-2").verdict == Verdict::valid);
}

TEST_CASE("nothing to check is not valid") {
  Maker maker;
  maker.invoke(0, "ax1").fail(0);
  const History history = maker.history();
  const CheckResult r = judged(history, "serializable");
  CHECK(r.verdict == Verdict::unknown);
  CHECK(r.reason.rfind("vacuous:", 0) == 0);
}

TEST_CASE("the minimal history reproduces the verdict and is small") {
  SimulationOptions options;
  options.level = SimulatedLevel::read_committed;
  options.txns = 3000;
  const History history = simulate(options);
  for (const char* model : {"consistent-view", "serializable", "read-atomic"}) {
    const CheckResult r = judged(history, model);
    REQUIRE(r.verdict == Verdict::invalid);
    const Artifact* minimal = file(r, "minimal.jsonl");
    REQUIRE(minimal != nullptr);
    CHECK(std::count(minimal->content.begin(), minimal->content.end(), '\n') <= 12);
  }
}

}  // namespace riven::checkers::isolation
