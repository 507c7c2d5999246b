// What a budget ends, and what is counted exactly.
#include <map>
#include <set>

#include "tests/catch.h"
#include "tests/checkers/isolation/histories.h"
#include "tests/checkers/isolation/simulated.h"

namespace riven::checkers::isolation {

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
  auto c = analyse(history, {}, budget);
  REQUIRE(c);
  CHECK(c->decisions.standing(Model::read_uncommitted) == Standing::undecided);
  CHECK(c->decisions.why(Model::read_uncommitted).find("more than the budget") != std::string::npos);
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
