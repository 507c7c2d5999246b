#include <optional>
#include <set>

#include "tests/generator/perfect_world.h"
#include "workloads/generators/mutex_generator.h"
#include "workloads/generators/register_generator.h"
#include "workloads/generators/txn_generator.h"

namespace riven {

namespace {

/// A correct store of registers, as outcome() and answer() of a perfect world: operations take effect at
/// once.
struct Registers {
  std::map<int64_t, int64_t> values;
  Value answer_;

  OpType apply(const Op& op) {
    const int64_t key = op.value.list()[0].integer();
    const Value& v = op.value.list()[1];
    answer_ = op.value;
    if (op.f == Symbol("read")) {
      const auto found = values.find(key);
      answer_ = Value::List{Value(key), found == values.end() ? Value() : Value(found->second)};
    } else if (op.f == Symbol("write")) {
      values[key] = v.integer();
    } else {
      const auto found = values.find(key);
      if (found == values.end() || found->second != v.list()[0].integer()) return OpType::fail;
      found->second = v.list()[1].integer();
    }
    return OpType::ok;
  }
};

struct Tally {
  int reads = 0, writes = 0, cas = 0, cas_ok = 0;
};

WorldOptions on_registers(Registers& store, Tally& tally, size_t clients, size_t max_ops) {
  WorldOptions options = with_clients(clients);
  options.max_ops = max_ops;
  options.outcome = [&store, &tally](const Op& op, int64_t) {
    const OpType type = store.apply(op);
    if (op.f == Symbol("read")) ++tally.reads;
    if (op.f == Symbol("write")) ++tally.writes;
    if (op.f == Symbol("cas")) {
      ++tally.cas;
      tally.cas_ok += type == OpType::ok ? 1 : 0;
    }
    return type;
  };
  options.answer = [&store](const Op&) { return store.answer_; };
  return options;
}

}  // namespace

TEST_CASE("register: keys, shares, unique values and compare-and-sets that succeed") {
  Registers store;
  Tally tally;
  RegisterGeneratorOptions options;
  options.ops_per_key = 100;
  options.threads_per_key = 5;
  const Played played = play(register_generator(options), on_registers(store, tally, 10, 10'000));
  REQUIRE(played.ops.size() == 10'000);
  CHECK(std::abs(tally.reads - 5'000) < 200);
  CHECK(tally.cas > 1'500);
  CHECK(tally.cas_ok * 4 > tally.cas);
  CHECK(tally.cas_ok < tally.cas);

  std::map<int64_t, int> ops_of;
  std::set<std::pair<int64_t, int64_t>> written;
  size_t writes = 0;
  for (const Op& op : played.ops) {
    const int64_t key = op.value.list()[0].integer();
    const Value& v = op.value.list()[1];
    ++ops_of[key];
    if (op.f == Symbol("read")) continue;
    written.emplace(key, v.is_list() ? v.list()[1].integer() : v.integer());
    ++writes;
  }
  CHECK(written.size() == writes);
  CHECK(ops_of.size() > 100);
  int shorter = 0;
  for (const auto& [key, n] : ops_of) {
    CHECK(n <= 100);
    shorter += n >= 90 && n < 100 ? 1 : 0;
  }
  CHECK(shorter > 50);
}

TEST_CASE("register: options") {
  Registers store;
  Tally tally;
  RegisterGeneratorOptions options;
  options.keys = 2;
  options.ops_per_key = 50;
  options.values = 3;
  options.cas = false;
  options.read_share = 0;
  const Played played = play(register_generator(options), on_registers(store, tally, 3, 1'000));
  CHECK(played.done);
  CHECK(tally.writes == static_cast<int>(played.ops.size()));
  for (const Op& op : played.ops) CHECK(op.value.list()[1].integer() < 3);

  options.rate_hz = 1'000;
  const Played paced = play(register_generator(options), on_registers(store, tally, 3, 1'000));
  CHECK(paced.ops.back().time_ns > 60'000'000);
}

TEST_CASE("register: a key uses no more processes than allowed") {
  WorldOptions crashing = with_clients(6);
  crashing.max_ops = 5'000;
  crashing.outcome = [](const Op&, int64_t n) { return n % 5 == 0 ? OpType::info : OpType::ok; };
  RegisterGeneratorOptions options;
  options.ops_per_key = 1'000;
  options.threads_per_key = 6;
  options.processes_per_key = 12;
  std::map<int64_t, std::set<Process>> used;
  for (const Op& op : play(register_generator(options), crashing).ops) {
    used[op.value.list()[0].integer()].insert(op.process);
  }
  CHECK(used.size() > 10);
  for (const auto& [key, processes] : used) CHECK(processes.size() <= 12);
}

TEST_CASE("mutex: who acquired releases, who crashed is forgotten") {
  std::map<Process, int> held;
  int acquired = 0;
  int errors = 0;
  std::optional<Process> owner;
  WorldOptions options = with_clients(4);
  options.max_ops = 2'000;
  options.outcome = [&](const Op& op, int64_t n) {
    if (op.f == Symbol("acquire")) {
      errors += owner == op.process ? 1 : 0;
      if (owner) return OpType::fail;
      if (n % 7 == 0) return OpType::info;
      owner = op.process;
      ++acquired;
      return OpType::ok;
    }
    errors += owner != op.process ? 1 : 0;
    if (n % 11 == 0) return OpType::fail;
    owner.reset();
    return OpType::ok;
  };
  const Played played = play(gen::time_limit(3'000, mutex_generator({})), options);
  CHECK(played.done);
  CHECK(errors == 0);
  CHECK(acquired > 50);
  CHECK_FALSE(owner.has_value());
}

TEST_CASE("mutex: a release that always fails does not go on for ever, a key ends released") {
  WorldOptions options = with_clients(1);
  options.outcome = [](const Op& op, int64_t) {
    return op.f == Symbol("release") ? OpType::fail : OpType::ok;
  };
  options.max_ops = 8;
  MutexGeneratorOptions forever;
  CHECK(play(mutex_generator(forever), options).words() ==
        Lines{"acquire [0 nil]", "release [0 nil]", "release [0 nil]", "release [0 nil]", "acquire [0 nil]",
              "release [0 nil]", "release [0 nil]", "release [0 nil]"});
  MutexGeneratorOptions three;
  three.ops_per_key = 3;
  CHECK(play(mutex_generator(three), with_clients(1)).words() ==
        Lines{"acquire [0 nil]", "release [0 nil]", "acquire [0 nil]", "release [0 nil]"});
}

namespace {

struct Txns {
  std::map<int64_t, std::vector<int64_t>> writes;  // by key, in order
  std::map<int64_t, int> accesses;
  int micro_ops = 0;
  size_t longest = 0;
};

Txns read_txns(const Played& played, const char* write) {
  Txns txns;
  for (const Op& op : played.ops) {
    CHECK(op.f == Symbol("txn"));
    txns.longest = std::max(txns.longest, op.value.list().size());
    for (const Value& micro : op.value.list()) {
      const int64_t key = micro.list()[1].integer();
      ++txns.accesses[key];
      ++txns.micro_ops;
      if (micro.list()[0].is_name(write)) {
        txns.writes[key].push_back(micro.list()[2].integer());
      } else {
        CHECK(micro.list()[0].is_name("r"));
        CHECK(micro.list()[2].is_nil());
      }
    }
  }
  return txns;
}

WorldOptions txn_world(size_t max_ops) {
  WorldOptions options = with_clients(5);
  options.max_ops = max_ops;
  return options;
}

}  // namespace

TEST_CASE("append: unique values, key rotation, shares") {
  TxnGeneratorOptions options;
  options.keys = 4;
  options.writes_per_key = 32;
  options.distribution = KeyDistribution::uniform;
  const Played played = play(txn_generators(options).load, txn_world(4'000));
  const Txns txns = read_txns(played, "append");
  CHECK(txns.longest == 4);
  CHECK(std::abs(txns.micro_ops - 10'000) < 300);
  int writes = 0;
  for (const auto& [key, values] : txns.writes) {
    CHECK(values.size() <= 32);
    for (size_t i = 0; i < values.size(); ++i) CHECK(values[i] == static_cast<int64_t>(i) + 1);
    writes += static_cast<int>(values.size());
  }
  CHECK(std::abs(writes - 5'000) < 200);
  CHECK(static_cast<int>(txns.writes.size()) >= writes / 32);
}

TEST_CASE("distributions of keys") {
  TxnGeneratorOptions options;
  options.keys = 6;
  options.writes_per_key = 1'000'000;
  const auto share_of_first = [&](KeyDistribution distribution) {
    options.distribution = distribution;
    const Txns txns = read_txns(play(txn_generators(options).load, txn_world(4'000)), "append");
    return static_cast<double>(txns.accesses.at(0)) / txns.micro_ops;
  };
  CHECK(std::abs(share_of_first(KeyDistribution::uniform) - 1.0 / 6) < 0.02);
  CHECK(std::abs(share_of_first(KeyDistribution::exponential) - 32.0 / 63) < 0.02);
  CHECK(std::abs(share_of_first(KeyDistribution::zipf) - 1 / 2.45) < 0.02);
}

TEST_CASE("wr and rmw: in rmw each write stands behind a read of its key") {
  TxnGeneratorOptions options;
  options.style = TxnStyle::wr;
  CHECK(read_txns(play(txn_generators(options).load, txn_world(500)), "w").writes.size() > 3);
  options.style = TxnStyle::rmw;
  int writes = 0;
  for (const Op& op : play(txn_generators(options).load, txn_world(500)).ops) {
    const Value::List& txn = op.value.list();
    for (size_t i = 0; i < txn.size(); ++i) {
      if (!txn[i].list()[0].is_name("w")) continue;
      ++writes;
      REQUIRE(i > 0);
      CHECK(txn[i - 1].list()[0].is_name("r"));
      CHECK(txn[i - 1].list()[1] == txn[i].list()[1]);
    }
  }
  CHECK(writes > 400);
}

TEST_CASE("final reads cover every key that was used") {
  TxnGeneratorOptions options;
  options.writes_per_key = 8;
  const TxnGenerators made = txn_generators(options);
  CHECK(play(made.final_reads).ops.empty());
  const Txns used = read_txns(play(made.load, txn_world(1'000)), "append");
  const Txns final = read_txns(play(made.final_reads, txn_world(1'000)), "append");
  CHECK(final.writes.empty());
  for (const auto& [key, n] : used.accesses) CHECK(final.accesses.count(key) == 1);
  CHECK(final.longest <= 8);
}

}  // namespace riven
