// Simulated databases: the level promised holds, the one above is refuted.
#include <map>
#include <set>

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

TEST_CASE("a budget that runs out leaves models undecided and says how far it got") {
  SimulationOptions options;
  options.level = SimulatedLevel::stale_serial;
  const History history = simulate(options);
  Budget budget;
  budget.deadline_ns = 0;
  auto a = analyse(history, {}, budget);
  REQUIRE(a);
  CHECK(a->cut_short == "the time ran out after the transactions were read");
  for (const Model m : {Model::read_uncommitted, Model::strict_serializable}) {
    CHECK(a->decisions.standing(m) == Standing::undecided);
    CHECK(a->decisions.why(m) == a->cut_short);
  }
  // Memory for the columns, not for the cyclic parts: the rest is decided, and nothing holds unproved.
  budget.deadline_ns = INT64_MAX;
  budget.memory_bytes = history.size() * 220;
  auto b = analyse(history, {}, budget);
  REQUIRE(b);
  CHECK_FALSE(b->decisions.standing(Model::strict_serializable) == Standing::holds);
  budget.memory_bytes = 1000;
  CHECK_FALSE(analyse(history, {}, budget));
}

TEST_CASE("lost updates are counted, each version that several updated once") {
  for (const bool registers : {false, true}) {
    SimulationOptions options;
    options.level = SimulatedLevel::read_committed;
    options.txns = 2000;
    options.registers = options.read_modify_write = registers;
    const History history = simulate(options);
    std::map<std::pair<int64_t, std::string>, int> updates;  // key, what was read -> transactions that wrote
    for (size_t i = 0; i < history.size(); ++i) {
      if (history.type(i) != OpType::ok) continue;
      const Op op = history.op(i);
      std::map<int64_t, std::string> seen;  // what the first access of a key read
      std::set<int64_t> written;
      for (const Value& mop : op.value.list()) {
        const int64_t key = mop.list()[1].integer();
        if (mop.list()[0].is_name("r")) {
          if (written.count(key) == 0) seen.try_emplace(key, to_edn(mop.list()[2]));
        } else if (written.insert(key).second && seen.count(key) != 0) {
          ++updates[{key, seen[key]}];
        }
      }
    }
    uint64_t expected = 0;
    for (const auto& [version, count] : updates) expected += count > 1 ? 1 : 0;
    const Analysis a = analysed(history);
    CHECK(expected > 10);
    CHECK(a.findings.count(Kind::lost_update) == expected);
  }
}

}  // namespace riven::checkers::isolation
