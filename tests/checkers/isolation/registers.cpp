// Registers: version orders inferred, certain and supposed.
#include "tests/catch.h"
#include "tests/checkers/isolation/histories.h"
#include "tests/checkers/isolation/simulated.h"

namespace riven::checkers::isolation {

namespace {
Analysis judged(Maker& maker, const RegisterOptions& registers = {}) {
  static std::vector<History> kept;  // an analysis borrows from its history
  kept.push_back(maker.history());
  AnalysisOptions options;
  options.registers = registers;
  return analysed(kept.back(), options);
}
}  // namespace

TEST_CASE("registers: serial read-modify-writes are ordered for certain") {
  const Analysis a = judged(Maker().run(0, "vx_ wx1").run(1, "vx1 wx2").run(2, "vx2").run(0, "vx2 wx3 vx3"));
  CHECK(weakest_refuted(a).empty());
  CHECK(a.decisions.standing(Model::strict_serializable) == Standing::holds);
}

TEST_CASE("registers: blind writes leave an order open that real time proves") {
  const Analysis a = judged(Maker().run(0, "wx1").run(1, "wx2").run(2, "vx2"));
  CHECK(a.decisions.standing(Model::strict_serializable) == Standing::holds);
}

TEST_CASE("registers: a stale read") {
  Maker stale;
  stale.run(0, "wx1").run(1, "wx2").run(2, "vx1");
  const Analysis a = judged(stale);
  CHECK(a.decisions.refuted(Model::strict_serializable));
  CHECK_FALSE(a.decisions.refuted(Model::serializable));
  Maker again;
  again.run(0, "wx1").run(1, "wx2").run(2, "vx1");
  CHECK(judged(again, {true, true, false, true}).findings.any(Kind::cyclic_versions));
}

TEST_CASE("registers: anomalies of single reads") {
  CHECK(judged(Maker().run(0, "vx7")).findings.count(Kind::garbage_read) == 1);
  CHECK(judged(Maker().invoke(0, "wx1").fail(0).run(1, "vx1")).findings.count(Kind::g1a) == 1);
  CHECK(judged(Maker().run(0, "wx1 wx2").run(1, "vx1")).findings.count(Kind::g1b) == 1);
  // That the writer committed is no part of Adya's definition of G1b.
  const Analysis aborted = judged(Maker().invoke(0, "wx1 wx2").fail(0).run(1, "vx1"));
  CHECK(aborted.findings.count(Kind::g1a) == 1);
  CHECK(aborted.findings.count(Kind::g1b) == 1);
  CHECK(judged(Maker().run(0, "wx1 vx_")).findings.count(Kind::internal) == 1);
  CHECK(judged(Maker().run(0, "vx1 wx1")).findings.count(Kind::future_read) == 1);
}

TEST_CASE("registers: cycles") {
  SECTION("lost update") {
    const Analysis a = judged(Maker().invoke(0, "vx_ wx1").invoke(1, "vx_ wx2").ok(0).ok(1));
    CHECK(a.findings.count(Kind::lost_update) == 1);
    CHECK(a.decisions.refuted(Model::cursor_stability));
    CHECK(a.decisions.refuted(Model::snapshot_isolation));
    CHECK_FALSE(a.decisions.refuted(Model::read_committed));
  }
  SECTION("write skew") {
    const Analysis a = judged(Maker().invoke(0, "vx_ vy_ wx1").invoke(1, "vx_ vy_ wy1").ok(0).ok(1));
    CHECK(cycle_names(a) == "G2-item");
    CHECK(a.decisions.refuted(Model::serializable));
    CHECK(a.decisions.standing(Model::snapshot_isolation) == Standing::holds);
  }
  SECTION("read skew") {
    const Analysis a = judged(Maker().invoke(0, "vx_ vy1").invoke(1, "wx1 wy1").ok(1).ok(0));
    CHECK(cycle_names(a) == "G-single-item");
    CHECK(a.decisions.refuted(Model::consistent_view));
  }
  SECTION("circular information flow") {
    const Analysis a = judged(Maker().invoke(0, "wx1 vy1").invoke(1, "wy1 vx1").ok(0).ok(1));
    CHECK(cycle_names(a) == "G1c");
    CHECK(a.decisions.refuted(Model::read_committed));
  }
}

TEST_CASE("registers: a write of unknown outcome counts once it was read") {
  const Analysis a = judged(Maker().invoke(0, "wx1").info(0).run(1, "vx_").run(1, "vx1").run(1, "vx_"));
  CHECK(a.decisions.refuted(Model::strict_serializable));
  CHECK(weakest_refuted(judged(Maker().invoke(0, "wx1").info(0).run(1, "vx_").run(1, "vx1"))).empty());
}

TEST_CASE("registers: a transaction of unknown outcome that was read on one key counts on all") {
  const Analysis a = judged(Maker().invoke(0, "wx2 wy3").info(0).run(1, "vy3 wx4"));
  CHECK_FALSE(a.decisions.refuted(Model::read_committed));
  CHECK_FALSE(a.decisions.refuted(Model::strict_serializable));
  CHECK(judged(Maker().invoke(0, "wx2 wy3").info(0).run(1, "vy3 vx_")).decisions.refuted(Model::read_atomic));
}

TEST_CASE("registers: an own write that was read shows nothing of what it overwrote") {
  Maker maker;
  maker.invoke(2, "vx2 wx1 vx1").run(1, "wx2").run(1, "wx4").invoke(1, "vx1").ok(2).ok(1);
  const Analysis a = judged(maker, {true, true, true, false});
  CHECK(a.decisions.refuted(Model::update_atomic));
  CHECK_FALSE(a.decisions.refuted(Model::read_atomic));
}

TEST_CASE("registers: a session reads what it writes only later") {
  const Analysis a = judged(Maker().run(1, "vx1").run(1, "wx1"));
  CHECK(a.decisions.refuted(Model::pram));
  CHECK_FALSE(a.decisions.refuted(Model::serializable));
}

TEST_CASE("registers: sequential keys order what each session sees") {
  const RegisterOptions sequential{true, true, true, false};
  CHECK(judged(Maker().run(0, "wx1").run(0, "vx1 vx_"), sequential).findings.any(Kind::cyclic_versions));
  // Nothing comes after what its client knows no end of.
  const Analysis a = judged(Maker().invoke(0, "wx1").info(0).run(0, "vx_").run(1, "vx1"), sequential);
  CHECK_FALSE(a.findings.any(Kind::cyclic_versions));
  const Analysis b = judged(Maker().run(0, "wx1").run(0, "vx_"), sequential);
  CHECK(b.decisions.refuted(Model::view_serializable));
}

TEST_CASE("registers: version numbers are an explicit order") {
  const auto judged_with = [](int first, int second, const RegisterOptions& registers) {
    // Two blind writes at once, then both are read by one session, the second first.
    HistoryBuilder b;
    const auto entry = [&](Process p, OpType type, const Value& mop) {
      b.append({.index = -1,
                .time_ns = 1,
                .process = p,
                .type = type,
                .f = Symbol("txn"),
                .value = Value(Value::List{mop}),
                .error = {}});
    };
    const auto write = [](int value, int number) {
      return Value(Value::List{Value::keyword("w"), "x", value, number});
    };
    const auto read = [](const Value& value) { return Value(Value::List{Value::keyword("r"), "x", value}); };
    entry(0, OpType::invoke, write(1, first));
    entry(1, OpType::invoke, write(2, second));
    entry(0, OpType::ok, write(1, first));
    entry(1, OpType::ok, write(2, second));
    for (const int value : {2, 1}) {
      entry(2, OpType::invoke, read(Value()));
      entry(2, OpType::ok, read(value));
    }
    auto history = b.finish();
    REQUIRE(history);
    AnalysisOptions options;
    options.registers = registers;
    const Analysis a = analysed(*history, options);
    return std::pair(a.decisions.standing(Model::strong_session_snapshot_isolation),
                     a.decisions.standing(Model::serializable));
  };
  CHECK(judged_with(8, 7, {}).first == Standing::holds);
  CHECK(judged_with(7, 8, {}).first == Standing::refuted);
  CHECK(judged_with(7, 8, {}).second == Standing::holds);
  RegisterOptions without;
  without.numbers = false;
  CHECK(judged_with(7, 8, without).first != Standing::refuted);
}

TEST_CASE("registers: an execution is found for blind writes of a serial database") {
  for (const SimulatedLevel level : {SimulatedLevel::serial, SimulatedLevel::stale_serial}) {
    for (const uint64_t seed : {1U, 2U, 3U}) {
      SimulationOptions options;
      options.level = level;
      options.seed = seed;
      options.txns = 1500;
      options.registers = true;
      const History history = simulate(options);
      const Analysis a = analysed(history);
      INFO("level " << static_cast<int>(level) << ", seed " << seed << ": " << weakest_refuted(a));
      const bool stale = level == SimulatedLevel::stale_serial;
      CHECK_FALSE(a.decisions.refuted(Model::serializable));
      CHECK(a.decisions.standing(Model::strict_serializable) ==
            (stale ? Standing::refuted : Standing::holds));
    }
  }
}

}  // namespace riven::checkers::isolation
