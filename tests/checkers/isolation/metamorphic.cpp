// What must not change a verdict: other names, other processes, other keys beside, failed transactions left
// out, the order of entries between which nothing happened; and neither may a second run or more threads.
#include <algorithm>
#include <map>
#include <numeric>
#include <sstream>

#include "harness/api/registry.h"
#include "tests/catch.h"
#include "tests/checkers/isolation/histories.h"
#include "tests/checkers/isolation/oracle.h"
#include "tests/checkers/isolation/simulated.h"
#include "tests/sanitized.h"

namespace riven::checkers {
void add_isolation(Registry& registry);
}

namespace riven::checkers::isolation {

namespace {

using Ops = std::vector<Op>;

Ops ops_of(const History& h) {
  Ops out;
  for (size_t i = 0; i < h.size(); ++i) {
    out.push_back(h.op(i));
    out.back().index = -1;
  }
  return out;
}
History history_of(const Ops& ops) {
  HistoryBuilder b;
  for (const Op& op : ops) b.append(op);
  auto built = b.finish(HistoryBuilder::Pairing::lenient);
  REQUIRE(built);
  return std::move(*built);
}

/// Applies `change` to every key and value of every micro-operation.
template <typename Change>
Ops renamed(Ops ops, Change&& change) {
  for (Op& op : ops) {
    if (!op.value.is_list()) continue;
    Value::List mops;
    for (const Value& mop : op.value.list()) {
      Value::List parts = mop.list();
      parts[1] = change(parts[1], true);
      if (parts[2].is_list()) {
        Value::List seen;
        for (const Value& element : parts[2].list()) seen.push_back(change(element, false));
        parts[2] = Value(std::move(seen));
      } else if (!parts[2].is_nil()) {
        parts[2] = change(parts[2], false);
      }
      mops.emplace_back(std::move(parts));
    }
    op.value = Value(std::move(mops));
  }
  return ops;
}

Ops other_integers(Ops ops) {
  return renamed(std::move(ops), [](const Value& v, bool key) {
    return Value(key ? -3 - v.integer() : 1'000'003 * (v.integer() + 17) % 998'244'353);
  });
}
Ops strings(Ops ops) {
  return renamed(std::move(ops), [](const Value& v, bool key) {
    return Value((key ? "key " : "value ") + std::to_string(v.integer()));
  });
}
Ops lists_as_keys(Ops ops) {
  return renamed(std::move(ops), [](const Value& v, bool key) {
    return key ? Value(Value::List{Value("k"), v, Value()}) : v;
  });
}
Ops other_processes(Ops ops) {
  for (Op& op : ops) op.process = 1000 - op.process * 7 % 1000;
  return ops;
}
Ops slower(Ops ops) {
  for (Op& op : ops) op.time_ns = op.time_ns * 3 + 5;
  return ops;
}
Ops at_one_instant(Ops ops) {
  for (Op& op : ops) op.time_ns = 7;
  return ops;
}
Ops without_failed(const Ops& ops) {
  Ops out;
  std::map<Process, size_t> open;  // where the invocation stands in `out`
  std::vector<char> dropped;
  for (const Op& op : ops) {
    if (op.type == OpType::fail) {
      dropped[open[op.process]] = 1;
      continue;
    }
    if (op.type == OpType::invoke) open[op.process] = out.size();
    out.push_back(op);
    dropped.push_back(0);
  }
  Ops kept;
  for (size_t i = 0; i < out.size(); ++i)
    if (dropped[i] == 0) kept.push_back(out[i]);
  return kept;
}
/// What clients know of the results when they invoke is nothing; some histories leave the value out then.
Ops without_invoked_values(Ops ops) {
  std::map<Process, size_t> open;
  for (size_t i = 0; i < ops.size(); ++i) {
    if (ops[i].type == OpType::invoke) open[ops[i].process] = i;
    if (ops[i].type == OpType::ok) ops[open[ops[i].process]].value = Value();
  }
  return ops;
}
/// A process of its own that works on a key of its own, in the middle of everything else.
Ops with_another_key(const Ops& ops, bool registers) {
  Ops out;
  Value::List all;
  for (size_t i = 0; i < ops.size(); ++i) {
    out.push_back(ops[i]);
    if (i % 3 != 0) continue;
    const auto n = static_cast<int64_t>(i) + 1;
    const Value key("the other one");
    const Value seen = registers ? (all.empty() ? Value() : all.back()) : Value(all);
    all.emplace_back(n);
    for (const OpType type : {OpType::invoke, OpType::ok}) {
      Op op = ops[i];
      op.process = 5000;
      op.type = type;
      op.error = {};
      op.f = Symbol("txn");
      op.value = Value(Value::List{Value::List{Value::keyword("r"), key, type == OpType::ok ? seen : Value()},
                                   Value::List{Value::keyword(registers ? "w" : "append"), key, Value(n)}});
      out.push_back(op);
    }
  }
  return out;
}
/// Neighbouring invocations, and neighbouring returns, of different processes change places.
Ops reordered(Ops ops, Rng& rng) {
  for (size_t round = 0; round < 3; ++round)
    for (size_t i = 1; i < ops.size(); ++i) {
      const bool same_kind = (ops[i].type == OpType::invoke) == (ops[i - 1].type == OpType::invoke);
      if (same_kind && ops[i].process != ops[i - 1].process && rng.chance(0.5)) {
        std::swap(ops[i], ops[i - 1]);
        std::swap(ops[i].time_ns, ops[i - 1].time_ns);
      }
    }
  return ops;
}

/// All that names and numbers of transactions do not enter. The order supposed of a register's versions looks
/// at times: `exact` tells what it proves from what it leaves undecided.
std::string summary(const History& history, bool exact = true) {
  Budget budget;
  budget.threads = 1;
  auto a = analyse(history, {}, budget);
  REQUIRE(a);
  std::ostringstream out;
  for (size_t i = 0; i < kModels; ++i) {
    const auto m = static_cast<Model>(i);
    out << name_of(m) << " " << (exact ? static_cast<int>(a->decisions.standing(m)) : a->decisions.refuted(m))
        << "\n";
  }
  std::map<std::string, size_t> shortest;
  for (const Cycle& c : a->cycles) {
    size_t& length = shortest.try_emplace(name_of(c.cycle_class), c.steps.size()).first->second;
    length = std::min(length, c.steps.size());
  }
  for (const auto& [name, length] : shortest) out << name << " " << length << "\n";
  for (size_t k = 0; k < kKinds; ++k)
    out << name_of(static_cast<Kind>(k)) << " " << a->findings.count(static_cast<Kind>(k)) << "\n";
  return out.str();
}

void check_changes(const History& history, bool registers, Rng& rng) {
  const Ops ops = ops_of(history);
  const std::string expected = summary(history);
  const auto same = [&](const char* change, const Ops& changed) {
    INFO(change);
    CHECK(summary(history_of(changed)) == expected);
  };
  same("nothing", ops);
  same("other integers", other_integers(ops));
  same("strings", strings(ops));
  same("lists as keys", lists_as_keys(ops));
  same("other processes", other_processes(ops));
  same("slower", slower(ops));
  same("at one instant", at_one_instant(ops));
  same("without the values of invocations", without_invoked_values(ops));
  same("another key", with_another_key(ops, registers));
  CHECK(summary(history_of(reordered(ops, rng)), !registers) == summary(history, !registers));
}

}  // namespace

TEST_CASE("verdicts do not depend on names, processes, clocks, and keys beside: small histories") {
  Rng rng(11);
  for (int i = 0; i < 150; ++i) {
    TinyShape shape;
    shape.registers = i % 2 != 0;
    shape.txns = 4;
    const TinyHistory tiny = random_history(rng, shape);
    INFO(described(tiny));
    const History history = to_history(tiny);
    check_changes(history, shape.registers, rng);
    CHECK(summary(history_of(without_failed(ops_of(history)))) == summary(history));
  }
}

TEST_CASE("verdicts do not depend on names, processes, clocks, and keys beside: simulated databases") {
  Rng rng(12);
  for (const SimulatedLevel level :
       {SimulatedLevel::serial, SimulatedLevel::stale_serial, SimulatedLevel::snapshot,
        SimulatedLevel::prefix, SimulatedLevel::read_committed, SimulatedLevel::read_uncommitted,
        SimulatedLevel::lagging, SimulatedLevel::parallel}) {
    SimulationOptions options;
    options.level = level;
    options.txns = 200;
    options.registers = options.read_modify_write = rng.chance(0.5);
    INFO("level " << static_cast<int>(level) << (options.registers ? " registers" : " lists"));
    check_changes(simulate(options), options.registers, rng);
  }
}

TEST_CASE("two runs say the same, byte by byte, with any number of threads") {
  Registry registry;
  add_isolation(registry);
  auto checker = registry.checkers().front().make({{"model", "strict-serializable"}});
  REQUIRE(checker);
  const auto told = [&](const History& history, unsigned threads) {
    Budget budget;
    budget.threads = threads;
    const CheckResult result = (*checker)->check(history, budget);
    std::string out = result.reason + result.details.dump();
    for (const Anomaly& a : result.anomalies) {
      out += a.type + std::to_string(a.count) + a.details.dump();
      for (const std::string& sentence : a.sentences) out += sentence;
      for (const uint32_t entry : a.entries) out += " " + std::to_string(entry);
    }
    for (const Figure& f : result.figures) out += text_of(f);
    for (const Artifact& a : result.artifacts) out += a.name + "\n" + a.content;
    return out;
  };
  for (const SimulatedLevel level : {SimulatedLevel::prefix, SimulatedLevel::lagging})
    for (const bool registers : {false, true}) {
      if (kSanitized && registers == (level == SimulatedLevel::prefix)) continue;
      SimulationOptions options;
      options.level = level;
      options.txns = 8500;  // more than one task of each pass
      options.registers = options.read_modify_write = registers;
      const History history = simulate(options);
      const std::string once = told(history, 1);
      CHECK(once.size() > 1000);
      for (const unsigned threads : {1U, 3U}) CHECK(once == told(history, threads));
    }
}

}  // namespace riven::checkers::isolation
