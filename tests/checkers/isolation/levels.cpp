// Simulated databases: the level promised and all below it hold, the level above is refuted.
#include "tests/catch.h"
#include "tests/checkers/isolation/histories.h"
#include "tests/checkers/isolation/simulated.h"

namespace riven::checkers::isolation {

namespace {

using enum Model;

struct Promise {
  const char* name;
  SimulatedLevel level;
  std::vector<Model> holds;  ///< with all that they imply
  std::vector<Model> fails;  ///< in some of the histories
  size_t txns = 600;
};

const std::vector<Promise>& promises() {
  static const std::vector<Promise> all = {
      {"serial", SimulatedLevel::serial, {strict_serializable}, {}},
      {"stale serial",
       SimulatedLevel::stale_serial,
       {serializable},
       {strict_serializable, strong_session_serializable, strong_session_snapshot_isolation}},
      {"replicas, roaming clients",
       SimulatedLevel::roaming,
       {serializable, monotonic_writes},
       {monotonic_reads, read_your_writes, strong_session_serializable}},
      {"replicas, clients that stay",
       SimulatedLevel::lagging,
       {serializable, monotonic_writes},
       {read_your_writes, strong_session_serializable, strong_session_snapshot_isolation}},
      {"replicas with sessions",
       SimulatedLevel::sessions,
       {strong_session_serializable},
       {strict_serializable, strong_snapshot_isolation, per_key_linearizable}},
      {"snapshots",
       SimulatedLevel::snapshot,
       {strong_snapshot_isolation},
       {repeatable_read, update_serializable}},
      {"stale snapshots",
       SimulatedLevel::stale_snapshot,
       {snapshot_isolation},
       {strong_session_snapshot_isolation, strong_snapshot_isolation, serializable}},
      {"snapshots, nobody aborted", SimulatedLevel::prefix, {prefix}, {update_atomic, cursor_stability}},
      {"replicas that own keys",
       SimulatedLevel::parallel,
       {strong_session_parallel_snapshot_isolation},
       {prefix, snapshot_isolation, update_serializable}},
      {"read committed",
       SimulatedLevel::read_committed,
       {monotonic_snapshot_read},
       {read_atomic, item_cut_isolation}},
      {"read uncommitted", SimulatedLevel::read_uncommitted, {linearizable}, {read_uncommitted}},
  };
  return all;
}

ModelSet with_implied(const std::vector<Model>& models) {
  ModelSet out = 0;
  for (const Model m : models) out |= implied_by(m);
  return out;
}

/// Checks the promise on several histories; the models that are to fail must do so in one of them.
void check(const Promise& p, const SimulationOptions& base) {
  ModelSet refuted = 0;
  for (uint64_t seed = 1; seed <= 3; ++seed) {
    SimulationOptions options = base;
    options.level = p.level;
    options.seed = seed;
    options.txns = p.txns;
    const History history = simulate(options);
    const Analysis a = analysed(history);
    INFO(p.name << ", seed " << seed << (base.registers ? ", registers" : ", lists")
                << ", refuted: " << weakest_refuted(a));
    for (const Model m : members(with_implied(p.holds))) {
      INFO(name_of(m) << ": " << a.decisions.why(m));
      CHECK_FALSE(a.decisions.refuted(m));
      if (!base.registers) CHECK(a.decisions.standing(m) == Standing::holds);
    }
    refuted |= a.decisions.refuted();
  }
  for (const Model m : p.fails) {
    INFO(p.name << ": " << name_of(m));
    CHECK((refuted & bit(m)) != 0);
  }
}

}  // namespace

TEST_CASE("a simulated database of lists is judged at its level") {
  for (const Promise& p : promises()) check(p, {});
}

TEST_CASE("a simulated database of registers is judged at its level") {
  SimulationOptions options;
  options.registers = true;
  options.read_modify_write = true;
  for (Promise p : promises()) {
    if (p.level == SimulatedLevel::read_uncommitted)
      p.fails.clear();  // dirty reads hide the orders of writes
    check(p, options);
  }
  check({"replicas, the last writer wins",
         SimulatedLevel::causal,
         {strong_session_causal},
         {update_atomic, consistent_view, parallel_snapshot_isolation}},
        options);
  check({"replicas in any order",
         SimulatedLevel::read_atomic,
         {strong_session_read_atomic},
         {update_atomic, consistent_view}},
        options);
}

TEST_CASE("a serial database refutes nothing, however long it runs") {
  for (const uint64_t seed : {1U, 2U, 3U}) {
    SimulationOptions options;
    options.seed = seed;
    options.txns = 20000;
    const History history = simulate(options);
    const Analysis a = analysed(history);
    CHECK(weakest_refuted(a).empty());
    CHECK(a.suspects == 0);
  }
}

}  // namespace riven::checkers::isolation
