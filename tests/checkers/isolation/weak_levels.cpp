// The levels that need no order of versions: registers, against brute force over all orders of their writes.
#include "checkers/isolation/weak_levels.h"

#include "checkers/isolation/evidence.h"
#include "tests/catch.h"
#include "tests/checkers/isolation/causal_store.h"
#include "tests/checkers/isolation/histories.h"
#include "tests/checkers/isolation/oracle.h"

namespace riven::checkers::isolation {

namespace {

using enum Model;

constexpr Model kDecided[] = {read_committed,       monotonic_atomic_view,         read_atomic,
                              causal_cerone,        strong_session_read_committed, strong_session_read_atomic,
                              strong_session_causal};

/// Whatever is said of these must be right, too.
constexpr Model kOthers[] = {item_cut_isolation,
                             monotonic_view,
                             cursor_stability,
                             consistent_view,
                             update_atomic,
                             parallel_snapshot_isolation,
                             prefix,
                             snapshot_isolation,
                             serializable,
                             strong_session_prefix,
                             strong_session_snapshot_isolation,
                             strong_session_serializable,
                             strong_read_committed,
                             strong_snapshot_isolation,
                             strict_serializable,
                             causal};

Analysis of(Maker& maker) {
  static std::vector<History> kept;  // an analysis borrows from its history
  kept.push_back(maker.history());
  return analysed(kept.back());
}

/// Registers that are written blindly and read as anything that was written, or nil.
TinyHistory blind_registers(Rng& rng) {
  TinyShape shape;
  shape.registers = true;
  shape.txns = 2 + static_cast<int>(rng.below(3));
  shape.sessions = 1 + static_cast<int>(rng.below(3));
  shape.noise = 1;
  return random_history(rng, shape);
}

}  // namespace

TEST_CASE("weak levels of registers agree with brute force over all orders of their writes") {
  Rng rng(21);
  std::array<int, kModels> refuted{};
  std::array<int, kModels> held{};
  int told = 0;
  for (int round = 0; round < 1500; ++round) {
    const TinyHistory tiny = blind_registers(rng);
    const History history = to_history(tiny);
    const Analysis a = analysed(history);
    const Judgement truth = judge_by_force(tiny, {.write_follows_read = true});
    if (truth.contradiction) continue;
    const ModelSet expected = truth.holding;
    for (const Model m : kDecided) {
      const bool holds = (expected & bit(m)) != 0;
      INFO("round " << round << ", " << name_of(m));
      CHECK(a.decisions.standing(m) == (holds ? Standing::holds : Standing::refuted));
      (holds ? held : refuted)[index_of(m)]++;
    }
    for (const Model m : kOthers) {
      if (a.decisions.standing(m) == Standing::undecided) continue;
      INFO("round " << round << ", " << name_of(m));
      CHECK((a.decisions.standing(m) == Standing::holds) == ((expected & bit(m)) != 0));
    }
    for (const WeakCycle& cycle : a.weak_cycles) {
      ++told;
      REQUIRE(cycle.steps.size() >= 2);
      for (const WeakStep& step : cycle.steps)
        if (step.label == kWwForced) CHECK(step.reader != kNone);
    }
  }
  for (const Model m : kDecided) {
    INFO(name_of(m));
    CHECK(refuted[index_of(m)] > 20);
    CHECK(held[index_of(m)] > 20);
  }
  CHECK(told > 10);
}

TEST_CASE("registers: what blind writes leave open, the weak levels decide") {
  SECTION("a fractured read, whatever the order of writes") {
    // 2 reads both of 0's writes in part, 3 the other way round.
    const Analysis a = of(Maker()
                              .invoke(0, "wx1 wy1")
                              .invoke(1, "wx2 wy2")
                              .invoke(2, "vx1 vy2")
                              .invoke(3, "vx2 vy1")
                              .ok(0)
                              .ok(1)
                              .ok(2)
                              .ok(3));
    CHECK(a.decisions.refuted(read_atomic));
    CHECK(a.decisions.standing(read_committed) == Standing::holds);
  }
  SECTION("an order against real time is found") {
    const Analysis a = of(Maker().run(0, "wx1").run(1, "wx2").run(2, "vx2").run(2, "vx1").run(3, "vx1"));
    CHECK(a.decisions.standing(strong_session_causal) == Standing::holds);
    CHECK(a.decisions.refuted(strict_serializable));
  }
  SECTION("causality: the session's own past") {
    const Analysis a = of(Maker().run(0, "wx1").run(0, "wx2 wy1").run(1, "vy1").run(1, "vx1"));
    CHECK(a.decisions.refuted(strong_session_causal));
    CHECK(a.decisions.standing(strong_session_read_committed) == Standing::holds);
    CHECK(a.decisions.standing(causal_cerone) == Standing::holds);
    CHECK(a.decisions.refuted(causal));
  }
  SECTION("causality: an old write of the session is missed, whatever came after it") {
    const Analysis a = of(Maker().run(0, "wy2 wx1").run(0, "vy2 wy3").run(0, "wx4").run(0, "vx_ vy3"));
    CHECK(a.decisions.refuted(strong_session_causal));
    CHECK(a.decisions.refuted(causal_cerone));
    CHECK(a.decisions.standing(read_atomic) == Standing::holds);
  }
}

TEST_CASE("a causal store is causal, one that tears its transactions is not") {
  for (const uint64_t seed : {1U, 2U, 3U}) {
    CausalStoreOptions options;
    options.seed = seed;
    options.txns = 1500;
    const History good = simulate_causal_store(options);
    const Analysis a = analysed(good);
    CHECK(a.decisions.standing(strong_session_causal) == Standing::holds);
    CHECK(a.decisions.standing(causal) == Standing::holds);
    CHECK_FALSE(a.decisions.standing(serializable) == Standing::holds);
    options.fractured = 0.5;
    const History torn = simulate_causal_store(options);
    const Analysis b = analysed(torn);
    CHECK(b.decisions.refuted(read_atomic));
    CHECK(b.decisions.refuted(strong_session_causal));
    CHECK(b.decisions.standing(read_committed) == Standing::holds);
  }
}

}  // namespace riven::checkers::isolation
