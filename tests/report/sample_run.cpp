#include "tests/report/sample_run.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "checkers/performance.h"
#include "checkers/statistics.h"
#include "checkers/vacuity.h"
#include "harness/core/rng.h"

namespace riven::test {
namespace {

constexpr int64_t kFaultNs = 5'000'000'000;

class Simulation {
 public:
  explicit Simulation(const SampleOptions& options)
      : options_(options),
        rng_(options.seed),
        pause_ns_(options.length_ns * static_cast<int64_t>(options.threads) /
                  static_cast<int64_t>(std::max<size_t>(1, options.operations))) {
    for (size_t t = 0; t < options.threads; ++t)
      threads_.push_back({static_cast<Process>(t), rng_.between(0, pause_ns_), {}, false});
  }

  History run() {
    int64_t next_fault = options_.faults ? kFaultNs : INT64_MAX;
    for (;;) {
      Thread& thread = *std::min_element(threads_.begin(), threads_.end(),
                                         [](const Thread& a, const Thread& b) { return a.at_ns < b.at_ns; });
      for (; next_fault < thread.at_ns && next_fault < options_.length_ns; next_fault += kFaultNs)
        fault(next_fault);
      if (thread.busy)
        complete(thread);
      else if (thread.at_ns >= options_.length_ns)
        break;
      else
        invoke(thread);
    }
    return std::move(*builder_.finish());
  }

 private:
  struct Thread {
    Process process;
    int64_t at_ns;
    Op done;
    bool busy;
  };

  bool partitioned(int64_t at) const { return options_.faults && at / kFaultNs % 2 == 1; }

  void fault(int64_t at) {
    Op op;
    op.process = kNemesis;
    op.type = OpType::info;
    op.f = Symbol(partitioned(at) ? "start-partition" : "stop-partition");
    op.time_ns = at;
    builder_.append(op);
    op.time_ns = at + 4'000'000;
    if (partitioned(at))
      op.value = Value::map({Value::keyword("kind"), Value("majority"), Value::keyword("cut"),
                             Value(Value::List{Value("n4"), Value("n5")})});
    else
      op.value =
          Value::map({Value::keyword("took_effect"), Value(options_.took_effect), Value::keyword("dropped"),
                      Value(options_.took_effect ? rng_.between(500, 90'000) : 0)});
    builder_.append(op);
  }

  void invoke(Thread& thread) {
    Op op;
    op.process = thread.process;
    op.time_ns = thread.at_ns;
    const uint64_t kind = rng_.below(10);
    const bool read = kind < 5;
    const bool cas = kind >= 8;
    const Value key(rng_.between(0, 20));
    op.f = Symbol(read ? "read" : cas ? "cas" : "write");
    const Value argument = read  ? Value()
                           : cas ? Value(Value::List{Value(value_), Value(value_ + 1)})
                                 : Value(++value_);
    op.value = Value(Value::List{key, argument});
    builder_.append(op);
    const bool lost = partitioned(thread.at_ns) && (&thread - threads_.data()) % 5 >= 3;
    op.type = lost ? OpType::info : cas && rng_.chance(0.6) ? OpType::fail : OpType::ok;
    if (read && op.type == OpType::ok) op.value = Value(Value::List{key, Value(value_)});
    if (lost) op.error = Value("timeout: no answer within 1000 ms");
    if (op.type == OpType::fail) op.error = Value("compare failed: the value was another one");
    const double slow = -std::log(1 - rng_.unit());
    const auto latency = static_cast<int64_t>((read ? 1.1e6 : 2.6e6) * (0.5 + slow * slow));
    thread.done = op;
    thread.busy = true;
    thread.at_ns +=
        lost ? 1'000'000'000 + rng_.between(0, 3'000'000) : latency * (partitioned(thread.at_ns) ? 3 : 1);
  }

  void complete(Thread& thread) {
    thread.done.time_ns = thread.at_ns;
    builder_.append(thread.done);
    thread.busy = false;
    if (thread.done.type == OpType::info) thread.process += static_cast<Process>(options_.threads);
    thread.at_ns += rng_.between(pause_ns_ / 8, pause_ns_);
  }

  const SampleOptions options_;
  Rng rng_;
  const int64_t pause_ns_;
  int64_t value_ = 0;
  std::vector<Thread> threads_;
  HistoryBuilder builder_;
};

}  // namespace

History sample_history(const SampleOptions& options) { return Simulation(options).run(); }

RunInfo sample_info() {
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

RunResults sample_results(const History& history) {
  RunResults results;
  for (const CheckerPtr& checker :
       {checkers::statistics_checker(), checkers::performance_checker(), checkers::vacuity_checker()}) {
    results.checks.push_back(checker->check(history, {}));
    results.checks.back().check_ms = 3;
  }
  results.read_ms = 12;
  results.check_ms = 34;
  results.peak_rss_bytes = 41'000'000;
  summarize(results);
  return results;
}

CheckResult sample_refusal(const History& history) {
  CheckResult bad;
  bad.name = "linearizable";
  bad.verdict = Verdict::invalid;
  bad.check_ms = 21;
  bad.reason = "key 7: process 3 read 1204 at 22.318 s, although 1207 had been written before the read began";
  Anomaly anomaly;
  anomaly.type = "stale-read";
  anomaly.count = 3;
  anomaly.sentences = {
      "Key 7: process 3 (n4) read 1204 at index 2210, but process 1 had overwritten it with 1207 0.412 s "
      "before that "
      "read began.",
      "Key 7: process 8 (n4) read 1204 at index 2232, 0.611 s after it was overwritten.",
      "Key 12: process 4 (n5) read 1188 at index 2301, 1.020 s after it was overwritten."};
  for (uint32_t i = 2'000; anomaly.entries.size() < 10 && i < history.size(); ++i)
    if (history.is_client(i)) anomaly.entries.push_back(i);
  anomaly.details = {{"key", 7}, {"stale_by_s", 0.412}};
  bad.anomalies.push_back(std::move(anomaly));
  return bad;
}

}  // namespace riven::test
