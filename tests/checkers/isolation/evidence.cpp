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

/// `base` with `extra` spliced in at its middle, by processes of their own.
History spliced(const History& base, const History& extra) {
  HistoryBuilder b;
  for (size_t i = 0; i < base.size(); ++i) {
    if (i == base.size() / 2)
      for (size_t e = 0; e < extra.size(); ++e) {
        Op op = extra.op(e);
        op.index = -1;
        op.process += 100;
        b.append(op);
      }
    Op op = base.op(i);
    op.index = -1;
    b.append(op);
  }
  auto built = b.finish(HistoryBuilder::Pairing::lenient);
  REQUIRE(built);
  return std::move(*built);
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
  CHECK(r.figures[0].html.find("<svg") == 0);
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

TEST_CASE("one anomaly in a large valid history is found, with the shortest witness and nothing else") {
  SimulationOptions options;
  options.txns = 30000;
  const History base = simulate(options);
  struct Injected {
    const char* cycles;
    size_t length;
    Maker maker;
  };
  std::vector<Injected> all(3);
  all[0].cycles = "G2-item";
  all[0].length = 2;
  all[0].maker.invoke(0, "rx ry ax1").invoke(1, "rx ry ay1").ok(0).ok(1);
  all[1].cycles = "G-nonadjacent-item";
  all[1].length = 4;
  all[1]
      .maker.invoke(0, "ax1")
      .invoke(1, "ay1")
      .invoke(2, "rx1 ry")
      .invoke(3, "rx ry1")
      .ok(0)
      .ok(1)
      .ok(2)
      .ok(3);
  all[2].cycles = "G-single-item-realtime";
  all[2].length = 2;
  all[2].maker.run(0, "ax1").run(1, "rx");
  for (Injected& one : all) {
    const History history = spliced(base, one.maker.history());
    const Analysis a = analysed(history);
    CHECK(cycle_names(a) == one.cycles);
    REQUIRE(a.cycles.size() == 1);
    CHECK(a.cycles[0].steps.size() == one.length);
  }
}

TEST_CASE("names and numbers do not matter") {
  SimulationOptions options;
  options.level = SimulatedLevel::prefix;
  options.txns = 2000;
  const History history = simulate(options);
  HistoryBuilder b;
  for (size_t i = 0; i < history.size(); ++i) {
    Op op = history.op(i);
    op.index = -1;
    op.process = 1000 - op.process;
    Value::List value;
    for (const Value& mop : op.value.list()) {
      Value::List parts = mop.list();
      parts[1] = Value("key " + std::to_string(parts[1].integer()));
      const auto renamed = [](const Value& v) { return Value("v" + std::to_string(v.integer())); };
      if (parts[2].is_integer())
        parts[2] = renamed(parts[2]);
      else if (parts[2].is_list()) {
        Value::List list;
        for (const Value& e : parts[2].list()) list.push_back(renamed(e));
        parts[2] = Value(std::move(list));
      }
      value.emplace_back(std::move(parts));
    }
    op.value = Value(std::move(value));
    b.append(op);
  }
  auto renamed = b.finish();
  REQUIRE(renamed);
  const Analysis before = analysed(history);
  const Analysis after = analysed(*renamed);
  CHECK(before.decisions.refuted() == after.decisions.refuted());
  CHECK(before.cycles.size() == after.cycles.size());
  CHECK(before.findings.count(Kind::lost_update) == after.findings.count(Kind::lost_update));
  CHECK(before.findings.count(Kind::lost_update) > 0);
}

}  // namespace riven::checkers::isolation
