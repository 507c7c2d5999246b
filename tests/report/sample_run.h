// A simulated register run with partitions, for the tests of the report and of the checkers that feed it.
#pragma once

#include <algorithm>
#include <cmath>
#include <vector>

#include "harness/core/history.h"
#include "harness/core/rng.h"
#include "harness/report/report.h"

namespace riven::test {

struct SampleOptions {
  uint64_t seed = 7;
  size_t operations = 6'000;
  int64_t length_ns = 60'000'000'000;
  size_t threads = 10;
  bool faults = true;
  bool bitten = true;  ///< whether the partitions dropped packets
};

/// Clients on five nodes; partitions of 5 s each 10 s, under which the clients of two nodes time out.
inline History sample_history(const SampleOptions& options = {}) {
  Rng rng(options.seed);
  HistoryBuilder builder;
  struct Thread {
    Process process;
    int64_t free_ns;
    Op done;
    bool busy = false;
  };
  std::vector<Thread> threads;
  const int64_t per_op = options.length_ns * static_cast<int64_t>(options.threads) /
                         static_cast<int64_t>(std::max<size_t>(1, options.operations));
  for (size_t t = 0; t < options.threads; ++t)
    threads.push_back({static_cast<Process>(t), rng.between(0, per_op), {}, false});
  const auto cut = [&](int64_t at) { return options.faults && at / 5'000'000'000 % 2 == 1; };
  int64_t next_fault = options.faults ? 5'000'000'000 : INT64_MAX;
  bool partitioned = false;
  int64_t value = 0;
  const auto nemesis = [&](int64_t at) {
    Op op;
    op.process = kNemesis;
    op.type = OpType::info;
    op.f = Symbol(partitioned ? "stop-partition" : "start-partition");
    op.time_ns = at;
    builder.append(op);
    op.time_ns = at + 4'000'000;
    op.value = partitioned
                   ? Value::map({Value::keyword("bit"), Value(options.bitten), Value::keyword("dropped"),
                                 Value(options.bitten ? rng.between(500, 90'000) : 0)})
                   : Value::map({Value::keyword("kind"), Value("majority"), Value::keyword("cut"),
                                 Value(Value::List{Value("n4"), Value("n5")})});
    builder.append(op);
    partitioned = !partitioned;
  };
  for (;;) {
    auto soonest = threads.begin();
    for (auto t = threads.begin(); t != threads.end(); ++t)
      if (t->free_ns < soonest->free_ns) soonest = t;
    const int64_t now = soonest->free_ns;
    while (next_fault < now && next_fault < options.length_ns) {
      nemesis(next_fault);
      next_fault += 5'000'000'000;
    }
    if (soonest->busy) {
      soonest->done.time_ns = now;
      builder.append(soonest->done);
      soonest->busy = false;
      if (soonest->done.type == OpType::info) soonest->process += static_cast<Process>(options.threads);
      soonest->free_ns = now + rng.between(per_op / 8, per_op);
      continue;
    }
    if (now >= options.length_ns) break;
    const size_t node = static_cast<size_t>(soonest - threads.begin()) % 5;
    Op op;
    op.process = soonest->process;
    op.time_ns = now;
    const uint64_t which = rng.below(10);
    const int64_t key = rng.between(0, 20);
    const Value::List pair = {Value(key), which < 5   ? Value()
                                          : which < 8 ? Value(++value)
                                                      : Value(Value::List{Value(value), Value(value + 1)})};
    op.f = Symbol(which < 5 ? "read" : which < 8 ? "write" : "cas");
    op.value = Value(pair);
    builder.append(op);
    const bool lost = cut(now) && node >= 3;
    op.type = lost ? OpType::info : which >= 8 && rng.chance(0.6) ? OpType::fail : OpType::ok;
    if (which < 5 && op.type == OpType::ok) op.value = Value(Value::List{Value(key), Value(value)});
    if (lost) op.error = Value("timeout: no answer within 1000 ms");
    if (op.type == OpType::fail) op.error = Value("compare failed: the value was another one");
    const double slow = -std::log(1 - rng.unit());
    int64_t latency = static_cast<int64_t>((which < 5 ? 1.1e6 : 2.6e6) * (0.5 + slow * slow));
    if (cut(now)) latency *= 3;
    soonest->done = op;
    soonest->busy = true;
    soonest->free_ns = now + (lost ? 1'000'000'000 + rng.between(0, 3'000'000) : latency);
  }
  return std::move(*builder.finish());
}

inline RunInfo sample_info() {
  RunInfo info;
  info.name = "etcd-register-partition";
  info.workload = "register";
  info.database = "etcd";
  info.model = "linearizable";
  info.seed = 4711;
  info.nodes = {"n1", "n2", "n3", "n4", "n5"};
  info.faults = {"partition"};
  info.started_unix_s = 1'763'682'938;
  info.duration_ns = 60'000'000'000;
  info.concurrency = 10;
  info.rerun_line = "riven run --db etcd --workload register --faults partition --time-limit 60s --seed 4711";
  info.version = "0.1.0";
  info.versions = {{"compiler", "g++ 12.2.0"}, {"etcd", "3.4.23"}, {"kernel", "6.1.0-18-amd64"}};
  info.directory = "results/etcd-register-partition/20251120T235538Z-4711";
  info.options = {
      {"rate", 100}, {"concurrency", "2n"}, {"time-limit", "60s"}, {"db-opt", {{"reads", "serializable"}}}};
  return info;
}

}  // namespace riven::test
