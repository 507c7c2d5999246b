// The examples that everybody knows, by hand, each with the verdict that its source gives it.
#include "tests/catch.h"
#include "tests/checkers/isolation/histories.h"

namespace riven::checkers::isolation {

namespace {

using enum Model;

struct Expected {
  const char* cycles;       ///< classes found
  std::vector<Kind> kinds;  ///< anomalies without cycles
  std::vector<Model> refuted;
  std::vector<Model> not_refuted;
};

void judge(const char* source, Maker& maker, const Expected& expected) {
  const History history = maker.history();
  const Analysis a = analysed(history);
  INFO(source << ": refuted: " << weakest_refuted(a));
  CHECK(cycle_names(a) == expected.cycles);
  for (const Kind kind : expected.kinds) {
    INFO(name_of(kind));
    CHECK(a.findings.any(kind));
  }
  for (const Model m : expected.refuted) {
    INFO(name_of(m));
    CHECK(a.decisions.refuted(m));
  }
  for (const Model m : expected.not_refuted) {
    INFO(name_of(m));
    CHECK(a.decisions.standing(m) == Standing::holds);
  }
}

}  // namespace

// Kingsbury, Alvaro: Elle, VLDB'20, section 7. Keys and elements are shortened.
TEST_CASE("published: Elle's case studies") {
  judge("TiDB 2.1.7, retried transactions: 34 is x, 36 is y",
        Maker()
            .run(3, "ax2")
            .run(3, "ax1")
            .invoke(0, "rx21 ay5 ax4")
            .invoke(1, "ax5")
            .ok(1)
            .ok(0)
            .run(2, "rx2154"),
        {"G-single-item",
         {Kind::unseen_overwrite},
         {snapshot_isolation, repeatable_read, consistent_view, cursor_stability},
         {read_committed, monotonic_atomic_view, causal_cerone}});
  judge("YugaByte DB 1.3.1, write skew of two blind appends that each miss the other",
        Maker().invoke(0, "rx ay1").invoke(1, "ry ax1").ok(0).ok(1).run(2, "rx1 ry1"),
        {"G2-item", {}, {serializable, repeatable_read}, {strong_snapshot_isolation}});
  judge("FaunaDB 2.6.0: a transaction does not see its own append", Maker().run(0, "ax6 rx"),
        {"", {Kind::internal}, {read_atomic, snapshot_isolation, serializable}, {read_committed}});
  judge("Dgraph 1.1.1, registers: read skew over three transactions",
        Maker().invoke(0, "wx1").invoke(1, "vx1 wy1").invoke(2, "vy1 vx_").ok(0).ok(1).ok(2),
        {"G-single-item", {}, {consistent_view, snapshot_isolation, serializable}, {read_committed}});
  judge("Dgraph 1.1.1, registers: a read that contradicts the transaction's own write",
        Maker().run(0, "wx2 vx_"),
        {"", {Kind::internal}, {read_atomic, snapshot_isolation}, {read_committed}});
}

// Adya's thesis (MIT, 1999): the histories of chapters 2 to 4, as registers whose order is known by reads.
TEST_CASE("published: Adya's histories") {
  judge("H_wcycle: w1(x1) w2(x2) w2(y2) w1(y1), x1 << x2, y2 << y1",
        Maker().invoke(0, "ax1 ay1").invoke(1, "ax2 ay2").ok(0).ok(1).run(2, "rx12 ry21"),
        {"G0", {}, {read_uncommitted}, {}});
  judge("H_1a: w1(x1) r2(x1) a1 c2", Maker().invoke(0, "wx1").invoke(1, "vx1").fail(0).ok(1),
        {"", {Kind::g1a}, {read_committed}, {read_uncommitted}});
  judge("H_1b: w1(x1.1) r2(x1.1) w1(x1.2) c1 c2", Maker().invoke(0, "wx1 wx2").invoke(1, "vx1").ok(0).ok(1),
        {"G-single-item", {Kind::g1b}, {read_committed}, {read_uncommitted}});
  judge("H_1c: w1(x1) w2(y2) r1(y2) r2(x1)", Maker().invoke(0, "wx1 vy1").invoke(1, "wy1 vx1").ok(0).ok(1),
        {"G1c", {}, {read_committed}, {read_uncommitted}});
  judge("H_1 (section 2.3): inconsistent sums, r2 sees x of T1 but y from before",
        Maker().run(5, "wx1 wy2").invoke(0, "vx1 wx3 vy2 wy4").invoke(1, "vx3 vy2").ok(1).ok(0),
        {"G-single-item", {}, {consistent_view, serializable}, {read_committed}});
  judge("H_2: r2 sees x from before, y of T1: valid only where reads may be of one old state",
        Maker().run(5, "wx1 wy2").invoke(1, "vx1 vy4").invoke(0, "vx1 wx3 vy2 wy4").ok(0).ok(1),
        {"G-single-item", {}, {consistent_view, serializable}, {read_committed}});
  judge("H_lost: r1(x0) r2(x0) w2(x2) c2 w1(x1) c1",
        Maker().run(5, "wx1").invoke(0, "vx1 wx2").invoke(1, "vx1 wx3").ok(1).ok(0),
        {"G2-item", {Kind::lost_update}, {cursor_stability, snapshot_isolation}, {read_committed}});
  judge("H_skew (H_SI): write skew",
        Maker().run(5, "wx1 wy2").invoke(0, "vx1 vy2 wx3").invoke(1, "vx1 vy2 wy4").ok(0).ok(1),
        {"G2-item", {}, {repeatable_read, serializable}, {snapshot_isolation}});
  judge("H_phantom without its predicate, as items: an employee added, the sum from before",
        Maker().run(5, "az0").invoke(0, "rx rz0").invoke(1, "rz0 ax1 az1").ok(1).ok(0).run(2, "rx1 rz01"),
        {"", {}, {}, {strict_serializable}});
  judge("H_broken-view (PL-2+, chapter 4): a reader in the middle of a transfer",
        Maker().invoke(0, "rx ry1").invoke(1, "ax1 ay1").ok(1).ok(0),
        {"G-single-item", {}, {consistent_view}, {read_committed, monotonic_atomic_view}});
  judge("H_no-update (PL-3U, chapter 4): two readers see updates in opposite orders",
        Maker()
            .invoke(0, "ax1")
            .invoke(1, "ay1")
            .invoke(2, "rx1 ry")
            .invoke(3, "rx ry1")
            .ok(0)
            .ok(1)
            .ok(2)
            .ok(3),
        {"G-nonadjacent-item",
         {},
         {serializable, snapshot_isolation},
         {update_serializable, forward_consistent_view}});
  judge("H_serial: nothing", Maker().run(0, "wx1 wy2").run(1, "vx1 wx3").run(2, "vx3 vy2"),
        {"", {}, {}, {strict_serializable}});
}

// Kleppmann's Hermitage: x is test 1, y test 2; the initial values 1 and 2 (10 and 20 there).
TEST_CASE("published: Hermitage's cases") {
  const char* const initial = "wx1 wy2";
  judge("G0, dirty writes", Maker().invoke(0, "ax1 ay1").invoke(1, "ax2 ay2").ok(0).ok(1).run(2, "rx12 ry21"),
        {"G0", {}, {read_uncommitted}, {}});
  judge("G1a, aborted reads", Maker().run(5, initial).invoke(0, "wx3").invoke(1, "vx3").fail(0).ok(1),
        {"", {Kind::g1a}, {read_committed}, {read_uncommitted}});
  judge("G1b, intermediate reads",
        Maker().run(5, initial).invoke(0, "vx1 wx3 wx4").invoke(1, "vx3").ok(0).ok(1),
        {"G-single-item", {Kind::g1b}, {read_committed}, {read_uncommitted}});
  judge("G1c, circular information flow",
        Maker().run(5, initial).invoke(0, "vx1 wx3 vy4").invoke(1, "vy2 wy4 vx3").ok(0).ok(1),
        {"G1c", {}, {read_committed}, {read_uncommitted}});
  judge("OTV, observed transaction vanishes",
        Maker()
            .run(5, "ax1 ay2")
            .invoke(0, "ax3 ay4")
            .invoke(1, "ax5 ay6")
            .invoke(2, "rx13 ry2")
            .ok(0)
            .ok(1)
            .ok(2)
            .run(4, "rx135 ry246"),
        {"G-single-item", {}, {monotonic_atomic_view, read_atomic}, {read_committed}});
  judge("P4, lost update", Maker().run(5, initial).invoke(0, "vx1 wx3").invoke(1, "vx1 wx4").ok(0).ok(1),
        {"G2-item", {Kind::lost_update}, {cursor_stability, snapshot_isolation}, {read_committed}});
  judge("G-single, read skew",
        Maker().run(5, initial).invoke(0, "vx1 vy4").invoke(1, "vx1 vy2 wx3 wy4").ok(1).ok(0),
        {"G-single-item", {}, {consistent_view, repeatable_read, snapshot_isolation}, {read_committed}});
  judge("G-single, write: reads, then overwrites what it has not read",
        Maker()
            .run(5, "ax1 ay2")
            .invoke(0, "rx1 ay3")
            .invoke(1, "rx1 ry2 ax4 ay4")
            .ok(1)
            .ok(0)
            .run(2, "rx14 ry243"),
        {"G-single-item", {}, {consistent_view, repeatable_read, snapshot_isolation}, {read_committed}});
  judge("G2-item, write skew on items",
        Maker().run(5, initial).invoke(0, "vx1 vy2 wx3").invoke(1, "vx1 vy2 wy4").ok(0).ok(1),
        {"G2-item", {}, {serializable, repeatable_read}, {snapshot_isolation}});
  judge("G2, with the third transaction of Fekete, O'Neil, O'Neil: a reader makes it unserializable",
        Maker().run(5, initial).invoke(0, "vx1 vy2 wx3").invoke(1, "vy2 wy4").ok(1).run(2, "vx1 vy4").ok(0),
        {"G2-item", {}, {serializable, repeatable_read}, {snapshot_isolation, strong_snapshot_isolation}});
}

// Cerone, Bernardi, Gotsman: A framework for transactional consistency models with atomic visibility,
// CONCUR'15, figure 1 and section 3; Cerone, Gotsman: Analysing snapshot isolation, PODC'16, figure 2.
TEST_CASE("published: Cerone, Bernardi and Gotsman's anomalies") {
  judge("fractured read", Maker().invoke(0, "ax1 ay1").invoke(1, "rx1 ry").ok(0).ok(1),
        {"G-single-item", {}, {read_atomic, monotonic_atomic_view}, {read_committed}});
  judge("causality violation",
        Maker().invoke(0, "ax1").invoke(1, "rx1 ay1").invoke(2, "rx ry1").ok(0).ok(1).ok(2),
        {"G-single-item",
         {},
         {causal_cerone, prefix, parallel_snapshot_isolation},
         {read_atomic, update_atomic}});
  judge("lost update", Maker().invoke(0, "rx ax1").invoke(1, "rx ax2").ok(0).ok(1),
        {"G2-item",
         {Kind::lost_update},
         {update_atomic, parallel_snapshot_isolation},
         {causal_cerone, prefix}});
  judge("long fork",
        Maker()
            .invoke(0, "ax1")
            .invoke(1, "ay1")
            .invoke(2, "rx1 ry")
            .invoke(3, "rx ry1")
            .ok(0)
            .ok(1)
            .ok(2)
            .ok(3),
        {"G-nonadjacent-item", {}, {prefix, snapshot_isolation}, {parallel_snapshot_isolation}});
  judge("write skew", Maker().invoke(0, "rx ry ax1").invoke(1, "rx ry ay1").ok(0).ok(1),
        {"G2-item", {}, {serializable}, {snapshot_isolation}});
  judge("session guarantee: a client misses its own write", Maker().run(0, "ax1").run(0, "rx"),
        {"G-single-item-process",
         {},
         {read_your_writes, strong_session_read_atomic, strong_session_snapshot_isolation},
         {snapshot_isolation, serializable}});
}

// Biswas, Enea, OOPSLA'19, figure 3: histories that tell neighbouring levels apart.
TEST_CASE("published: Biswas and Enea's separations") {
  judge("read committed, not read atomic", Maker().invoke(0, "ax1 ay1").invoke(1, "ry rx1").ok(0).ok(1),
        {"G-single-item", {}, {read_atomic}, {monotonic_atomic_view}});
  judge("causal, not prefix",
        Maker()
            .invoke(0, "ax1")
            .invoke(1, "ay1")
            .invoke(2, "rx1 ry")
            .invoke(3, "ry1 rx")
            .ok(0)
            .ok(1)
            .ok(2)
            .ok(3),
        {"G-nonadjacent-item", {}, {prefix}, {strong_session_causal}});
  judge("prefix, not snapshot isolation", Maker().invoke(0, "rx ax1").invoke(1, "rx ax2").ok(0).ok(1),
        {"G2-item", {Kind::lost_update}, {snapshot_isolation}, {strong_session_prefix}});
}

}  // namespace riven::checkers::isolation
