// Simulated databases: the level promised holds, the one above is refuted.
#include "tests/catch.h"
#include "tests/checkers/isolation/histories.h"
#include "tests/checkers/isolation/simulated.h"

namespace riven::checkers::isolation {

namespace {
struct Promise {
  SimulatedLevel level;
  Model holds;
  Model fails;
};
}  // namespace

TEST_CASE("a simulated database is judged at its level") {
  for (const Promise& p :
       {Promise{SimulatedLevel::stale_serial, Model::serializable, Model::strict_serializable},
        Promise{SimulatedLevel::snapshot, Model::strong_snapshot_isolation, Model::serializable},
        Promise{SimulatedLevel::prefix, Model::prefix, Model::snapshot_isolation},
        Promise{SimulatedLevel::read_committed, Model::monotonic_snapshot_read, Model::read_atomic},
        Promise{SimulatedLevel::read_uncommitted, Model::linearizable, Model::read_uncommitted}}) {
    for (const bool registers : {false, true}) {
      SimulationOptions options;
      options.level = p.level;
      options.txns = 1500;
      options.registers = registers;
      options.read_modify_write = registers;
      const History history = simulate(options);
      const Analysis a = analysed(history);
      INFO(name_of(p.holds) << (registers ? " registers" : " lists") << ", refuted: " << weakest_refuted(a));
      CHECK_FALSE(a.decisions.refuted(p.holds));
      if (!registers) CHECK(a.decisions.standing(p.holds) == Standing::holds);
      if (!registers || p.level != SimulatedLevel::read_uncommitted) CHECK(a.decisions.refuted(p.fails));
    }
  }
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

TEST_CASE("two runs find the same") {
  SimulationOptions options;
  options.level = SimulatedLevel::prefix;
  options.txns = 3000;
  const History history = simulate(options);
  const auto told = [&](unsigned threads) {
    Budget budget;
    budget.threads = threads;
    auto a = analyse(history, {}, budget);
    REQUIRE(a);
    std::string out;
    for (const Cycle& c : a->cycles) {
      out += name_of(c.cycle_class);
      for (const auto& s : c.steps) out += " " + std::to_string(s.txn) + "/" + std::to_string(s.label);
    }
    return out;
  };
  const std::string once = told(1);
  CHECK_FALSE(once.empty());
  CHECK(once == told(2));
  CHECK(once == told(5));
}

}  // namespace riven::checkers::isolation
