// Each anomaly by hand: found where it is, not found where it is not.
#include "tests/catch.h"
#include "tests/checkers/isolation/histories.h"

namespace riven::checkers::isolation {

namespace {
Analysis of(Maker& maker) {
  static std::vector<History> kept;  // an analysis borrows from its history
  kept.push_back(maker.history());
  return analysed(kept.back());
}
}  // namespace

TEST_CASE("a serial history refutes nothing") {
  const Analysis a = of(Maker().run(0, "ax1").run(1, "ax2 rx12").run(0, "rx12 ay1").run(2, "ry1"));
  CHECK(weakest_refuted(a).empty());
  CHECK(a.cycles.empty());
  CHECK(a.dependency_count > 0);
}

TEST_CASE("G0: writes that cross") {
  const Analysis a = of(Maker().invoke(0, "ax1 ay2").invoke(1, "ax2 ay1").ok(0).ok(1).run(2, "rx12 ry12"));
  CHECK(cycle_names(a).substr(0, 2) == "G0");
  CHECK(a.decisions.refuted(Model::read_uncommitted));
}

TEST_CASE("G1c: two transactions read each other") {
  const Analysis a = of(Maker().invoke(0, "ax1 ry1").invoke(1, "ay1 rx1").ok(0).ok(1));
  CHECK(cycle_names(a) == "G1c");
  CHECK(a.decisions.refuted(Model::read_committed));
  CHECK_FALSE(a.decisions.refuted(Model::read_uncommitted));
}

TEST_CASE("G-single: read skew") {
  const Analysis a = of(Maker().invoke(1, "rx ry1").invoke(0, "ax1 ay1").ok(0).ok(1));
  CHECK(cycle_names(a) == "G-single-item");
  CHECK(a.decisions.refuted(Model::consistent_view));
  CHECK(a.decisions.refuted(Model::read_atomic));
  CHECK_FALSE(a.decisions.refuted(Model::monotonic_atomic_view));  // the old value was read first
}

TEST_CASE("monotonic atomic view: the old value is read after the new one") {
  const Analysis a = of(Maker().invoke(1, "ry1 rx").invoke(0, "ax1 ay1").ok(0).ok(1));
  CHECK(a.decisions.refuted(Model::monotonic_atomic_view));
  CHECK_FALSE(a.decisions.refuted(Model::read_committed));
}

TEST_CASE("G2-item: write skew") {
  const Analysis a = of(Maker().invoke(0, "rx ry ax1").invoke(1, "rx ry ay1").ok(0).ok(1).run(2, "rx1 ry1"));
  CHECK(cycle_names(a) == "G2-item");
  CHECK(weakest_refuted(a) == "update-serializable repeatable-read");
  CHECK_FALSE(a.decisions.refuted(Model::strong_snapshot_isolation));
}

TEST_CASE("G-nonadjacent: long fork") {
  const Analysis a = of(Maker()
                            .invoke(0, "ax1")
                            .invoke(1, "ay1")
                            .invoke(2, "rx1 ry")
                            .invoke(3, "rx ry1")
                            .ok(0)
                            .ok(1)
                            .ok(2)
                            .ok(3));
  CHECK(cycle_names(a) == "G-nonadjacent-item");
  CHECK(a.decisions.refuted(Model::prefix));
  CHECK(a.decisions.refuted(Model::snapshot_isolation));
  CHECK_FALSE(a.decisions.refuted(Model::parallel_snapshot_isolation));
}

TEST_CASE("stale read: real time alone") {
  const Analysis a = of(Maker().run(0, "ax1").run(1, "rx").run(2, "rx1"));
  CHECK(cycle_names(a) == "G-single-item-realtime");
  CHECK(a.findings.count(Kind::stale_read) == 1);
  CHECK(weakest_refuted(a) == "strong-snapshot-isolation per-key-linearizable");
}

TEST_CASE("a session does not see its own write") {
  const Analysis a = of(Maker().run(0, "ax1").run(0, "rx").run(2, "rx1"));
  CHECK(cycle_names(a) == "G-single-item-process");
  CHECK(a.decisions.refuted(Model::read_your_writes));
  CHECK(a.decisions.refuted(Model::strong_session_read_atomic));
  CHECK_FALSE(a.decisions.refuted(Model::serializable));
}

TEST_CASE("anomalies without a cycle") {
  SECTION("G1a") {
    const Analysis a = of(Maker().invoke(0, "ax1").fail(0).run(1, "rx1"));
    CHECK(a.findings.count(Kind::g1a) == 1);
    CHECK(a.decisions.refuted(Model::read_committed));
    const Analysis b = of(Maker().run(1, "rx1").run(1, "rx").invoke(0, "ax1").fail(0));
    CHECK(b.decisions.standing(Model::monotonic_reads) == Standing::undecided);
  }
  SECTION("G1b") {
    const Analysis a = of(Maker().invoke(0, "ax1 ax2").invoke(1, "rx1").ok(1).ok(0).run(1, "rx12"));
    CHECK(a.findings.count(Kind::g1b) == 1);
    CHECK(a.decisions.refuted(Model::read_committed));
  }
  SECTION("internal") {
    const Analysis a = of(Maker().run(0, "ax1 rx").run(1, "rx1"));
    CHECK(a.findings.count(Kind::internal) == 1);
    CHECK(a.decisions.refuted(Model::read_atomic));
    CHECK(a.decisions.refuted(Model::read_your_writes));
  }
  SECTION("future read") {
    const Analysis a = of(Maker().run(0, "rx1 ax1"));
    CHECK(a.findings.count(Kind::future_read) == 1);
    CHECK(a.decisions.refuted(Model::read_committed));
  }
  SECTION("garbage") {
    const Analysis a = of(Maker().run(0, "rx7"));
    CHECK(a.findings.count(Kind::garbage_read) == 1);
    CHECK(a.decisions.refuted(Model::read_uncommitted));
    CHECK(a.decisions.standing(Model::monotonic_reads) == Standing::undecided);
  }
  SECTION("incompatible order") {
    const Analysis a = of(Maker().run(0, "ax1").run(0, "ax2").run(1, "rx12").run(1, "rx21"));
    CHECK(a.findings.count(Kind::incompatible_order) == 1);
    CHECK(a.decisions.refuted(Model::read_committed));
  }
  SECTION("duplicate elements") {
    const Analysis a = of(Maker().run(0, "ax1").run(1, "rx11"));
    CHECK(a.findings.count(Kind::duplicate_elements) == 1);
    CHECK(a.decisions.refuted(Model::read_uncommitted));
  }
  SECTION("dirty update") {
    const Analysis a = of(Maker().invoke(0, "ax1").fail(0).run(1, "ax2").run(2, "rx12"));
    CHECK(a.findings.count(Kind::dirty_update) == 1);
    CHECK(a.findings.count(Kind::g1a) == 1);
  }
  SECTION("lost update") {
    const Analysis a = of(Maker().invoke(0, "rx ax1").invoke(1, "rx ax2").ok(0).ok(1).run(2, "rx12"));
    CHECK(a.findings.count(Kind::lost_update) == 1);
    CHECK(a.decisions.refuted(Model::cursor_stability));
  }
  SECTION("lost write") {
    const Analysis a = of(Maker().run(0, "ax1").run(0, "ax2").run(1, "rx1"));
    CHECK(a.findings.count(Kind::lost_write) == 1);
    CHECK(a.decisions.refuted(Model::strict_serializable));
    CHECK_FALSE(a.decisions.refuted(Model::serializable));
  }
  SECTION("own writes in another order") {
    const Analysis a = of(Maker().run(0, "ax1 ax2").run(1, "rx21"));
    CHECK(a.findings.count(Kind::reordered_writes) == 1);
    CHECK(a.decisions.refuted(Model::read_uncommitted));
  }
}

TEST_CASE("transactions of unknown outcome") {
  SECTION("nobody saw it: it may never have happened") {
    CHECK(weakest_refuted(of(Maker().invoke(0, "ax1 ry_").info(0).run(1, "rx"))).empty());
  }
  SECTION("somebody did: it counts, but has no end in time") {
    const Analysis a = of(Maker().invoke(0, "ax1 ay1").info(0).run(1, "rx").run(1, "rx1 ry"));
    CHECK(a.decisions.refuted(Model::read_atomic));
    CHECK(weakest_refuted(of(Maker().invoke(0, "ax1").info(0).run(1, "rx").run(1, "rx1"))).empty());
  }
}

TEST_CASE("names: elements that are no integers, keys of any kind") {
  HistoryBuilder b;
  const auto txn = [&](Process p, const Value& value) {
    for (const OpType type : {OpType::invoke, OpType::ok})
      b.append({.index = -1,
                .time_ns = 1,
                .process = p,
                .type = type,
                .f = Symbol("txn"),
                .value = value,
                .error = {}});
  };
  const Value key(Value::List{Value(1), Value("k")});
  const auto append = [&](Value element) { return Value(Value::List{"append", key, std::move(element)}); };
  txn(0, Value::List{append("one")});
  txn(1, Value::List{append(2)});
  txn(2, Value::List{Value::List{"r", key, Value::List{"one", 2}},
                     Value::List{"r", key, Value::List{"one", 2}}});
  txn(3, Value::List{Value(Value::List{"r", key, Value::List{"one"}})});
  auto history = b.finish();
  REQUIRE(history);
  const Analysis a = analysed(*history);
  CHECK(a.findings.count(Kind::garbage_read) == 0);
  CHECK(cycle_names(a) == "G-single-item-realtime");
}

}  // namespace riven::checkers::isolation
