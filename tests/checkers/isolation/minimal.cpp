// The minimal history of every anomaly reproduces the verdict when it is read back from its file.
#include <algorithm>
#include <list>

#include "checkers/isolation/evidence.h"
#include "harness/api/registry.h"
#include "harness/history/reader.h"
#include "tests/catch.h"
#include "tests/checkers/isolation/causal_store.h"
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

bool has(const CheckResult& result, const std::string& type) {
  return std::any_of(result.anomalies.begin(), result.anomalies.end(),
                     [&](const Anomaly& a) { return a.type == type; });
}

/// Checks `history` against `model`, and again what is left of it; the anomaly must be in both.
void reproduces(const History& history, const std::string& model, const std::string& anomaly) {
  INFO(anomaly << " against " << model);
  const CheckResult first = judged(history, model);
  CHECK(first.verdict == Verdict::invalid);
  CHECK(has(first, anomaly));
  const auto file = std::find_if(first.artifacts.begin(), first.artifacts.end(),
                                 [](const Artifact& a) { return a.name == "minimal.jsonl"; });
  REQUIRE(file != first.artifacts.end());
  const auto read = read_history_bytes(file->content, "minimal.jsonl", {.format = Format::jsonl});
  REQUIRE(read);
  CHECK(read->warnings.empty());
  const CheckResult again = judged(read->history, model);
  CHECK(again.verdict == Verdict::invalid);
  INFO(file->content);
  CHECK(has(again, anomaly));
}

/// A few transactions that have nothing to do with the anomaly.
Maker& around(Maker& maker) { return maker.run(7, "aq1").run(8, "rq1 ap1").run(7, "aq2 rp1"); }
Maker& around_registers(Maker& maker) { return maker.run(7, "wq1").run(8, "vq1 wp1").run(7, "vq1 wq2 vp1"); }

}  // namespace

TEST_CASE("the minimal history of each anomaly of lists reproduces the verdict") {
  struct Example {
    const char* anomaly;
    const char* model;
    Maker maker;
  };
  std::list<Example> all;  // a Maker stays where it is
  const auto add = [&](const char* anomaly, const char* model) -> Maker& {
    all.emplace_back();
    all.back().anomaly = anomaly;
    all.back().model = model;
    return around(all.back().maker);
  };
  add("G0", "read-uncommitted").invoke(0, "ax1 ay2").invoke(1, "ax2 ay1").ok(0).ok(1).run(2, "rx12 ry12");
  add("G1c", "read-committed").invoke(0, "ax1 ry1").invoke(1, "ay1 rx1").ok(0).ok(1);
  add("G-single-item", "consistent-view").invoke(1, "rx ry1").invoke(0, "ax1 ay1").ok(0).ok(1);
  add("read-skew", "read-atomic").invoke(1, "rx ry1").invoke(0, "ax1 ay1").ok(0).ok(1);
  add("G2-item", "repeatable-read")
      .invoke(0, "rx ry ax1")
      .invoke(1, "rx ry ay1")
      .ok(0)
      .ok(1)
      .run(2, "rx1 ry1");
  add("write-skew", "serializable")
      .invoke(0, "rx ry ax1")
      .invoke(1, "rx ry ay1")
      .ok(0)
      .ok(1)
      .run(2, "rx1 ry1");
  // With a ww edge between the two rw edges: the order of z's elements has to stay.
  add("G2-item", "repeatable-read")
      .run(6, "az3")
      .invoke(0, "rx ay1")
      .invoke(1, "ax1 az1")
      .invoke(2, "az2 ry")
      .ok(0)
      .ok(1)
      .ok(2)
      .run(3, "rz312 ry1 rx1")
      .run(3, "az4");
  for (const char* const name : {"G-nonadjacent-item", "long-fork"})
    add(name, "snapshot-isolation")
        .invoke(0, "ax1")
        .invoke(1, "ay1")
        .invoke(2, "rx1 ry")
        .invoke(3, "rx ry1")
        .ok(0)
        .ok(1)
        .ok(2)
        .ok(3);
  for (const char* const name : {"G-single-item-realtime", "stale-read"})
    add(name, "strict-serializable").run(0, "ax1").run(1, "rx").run(2, "rx1");
  for (const char* const name : {"G-single-item-process", "non-monotonic-session"})
    add(name, "strong-session-snapshot-isolation").run(0, "ax1").run(0, "rx").run(2, "rx1");
  add("G1a", "read-committed").invoke(0, "ax1").fail(0).run(1, "rx1");
  add("G1b", "read-committed").invoke(0, "ax1 ax2").invoke(1, "rx1").ok(1).ok(0).run(1, "rx12");
  add("internal", "read-atomic").run(0, "ax1 rx").run(1, "rx1");
  add("future-read", "read-committed").run(0, "rx1 ax1");
  add("garbage-read", "read-uncommitted").run(0, "ax1").run(1, "rx17");
  add("incompatible-order", "read-committed").run(0, "ax1").run(0, "ax2").run(1, "rx12").run(1, "rx21");
  add("duplicate-elements", "read-uncommitted").run(0, "ax1").run(1, "rx11");
  add("dirty-update", "read-committed").invoke(0, "ax1").fail(0).run(1, "ax2").run(2, "rx12");
  add("lost-update", "cursor-stability").invoke(0, "rx ax1").invoke(1, "rx ax2").ok(0).ok(1).run(2, "rx12");
  add("lost-write", "strict-serializable").run(0, "ax1").run(0, "ax2").run(1, "rx1");
  add("reordered-writes", "read-uncommitted").run(0, "ax1 ax2").run(1, "rx21");
  add("non-repeatable-read", "item-cut-isolation").invoke(0, "rx rx1").run(1, "ax1").ok(0);
  for (Example& e : all) reproduces(e.maker.history(), e.model, e.anomaly);
}

TEST_CASE("the minimal history of each anomaly of registers reproduces the verdict") {
  struct Example {
    const char* anomaly;
    const char* model;
    Maker maker;
  };
  std::list<Example> all;  // a Maker stays where it is
  const auto add = [&](const char* anomaly, const char* model) -> Maker& {
    all.emplace_back();
    all.back().anomaly = anomaly;
    all.back().model = model;
    return around_registers(all.back().maker);
  };
  add("garbage-read", "read-uncommitted").run(0, "vx7");
  add("G1a", "read-committed").invoke(0, "wx1").fail(0).run(1, "vx1");
  add("G1b", "read-committed").run(0, "wx1 wx2").run(1, "vx1");
  add("internal", "read-atomic").run(0, "wx1 vx_");
  add("lost-update", "snapshot-isolation").invoke(0, "vx_ wx1").invoke(1, "vx_ wx2").ok(0).ok(1);
  add("G2-item", "serializable").invoke(0, "vx_ vy_ wx1").invoke(1, "vx_ vy_ wy1").ok(0).ok(1);
  add("G-single-item", "consistent-view").invoke(0, "vx_ vy1").invoke(1, "wx1 wy1").ok(1).ok(0);
  add("G1c", "read-committed").invoke(0, "wx1 vy1").invoke(1, "wy1 vx1").ok(0).ok(1);
  add("fractured-read", "read-atomic")
      .invoke(0, "wx1 wy1")
      .invoke(1, "wx2 wy2")
      .invoke(2, "vx1 vy2")
      .invoke(3, "vx2 vy1")
      .ok(0)
      .ok(1)
      .ok(2)
      .ok(3);
  add("causality-violation", "strong-session-causal")
      .run(0, "wx1")
      .run(0, "wx2 wy1")
      .run(1, "vy1")
      .run(1, "vx1");
  for (Example& e : all) reproduces(e.maker.history(), e.model, e.anomaly);
}

TEST_CASE("a minimal history holds few operations, and refutes for the reason that the whole one gives") {
  for (const SimulatedLevel level :
       {SimulatedLevel::stale_serial, SimulatedLevel::snapshot, SimulatedLevel::prefix,
        SimulatedLevel::read_committed, SimulatedLevel::read_uncommitted}) {
    for (const bool registers : {false, true}) {
      SimulationOptions options;
      options.level = level;
      options.txns = 700;
      options.registers = options.read_modify_write = registers;
      const History history = simulate(options);
      const CheckResult whole = judged(history, "strict-serializable");
      INFO("level " << static_cast<int>(level) << (registers ? ", registers" : ", lists"));
      REQUIRE(whole.verdict == Verdict::invalid);
      const auto file = std::find_if(whole.artifacts.begin(), whole.artifacts.end(),
                                     [](const Artifact& a) { return a.name == "minimal.jsonl"; });
      REQUIRE(file != whole.artifacts.end());
      CHECK(std::count(file->content.begin(), file->content.end(), '\n') <= 16);
      const auto read = read_history_bytes(file->content, "minimal.jsonl", {.format = Format::jsonl});
      REQUIRE(read);
      for (const Anomaly& a : judged(read->history, "strict-serializable").anomalies)
        if (a.type.find("read") == std::string::npos || !has(whole, a.type))
          CHECK((a.type != "garbage-read" && a.type != "G1a"));
    }
  }
}

}  // namespace riven::checkers::isolation
