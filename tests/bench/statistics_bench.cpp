// Counting a history of ten million entries, reading the journal included. Bar: at most 5 s and 700 MB.
#include <benchmark/benchmark.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <string>

#include "checkers/performance.h"
#include "checkers/statistics.h"
#include "checkers/vacuity.h"
#include "harness/core/check.h"
#include "harness/history/journal.h"
#include "harness/history/reader.h"

namespace {

using namespace riven;

constexpr size_t kEntries = 10'000'000;
constexpr Process kThreads = 20;

/// A register run of kThreads clients on 100 keys with a partition every 100,000 operations, as a journal.
class JournalOfTenMillion {
 public:
  JournalOfTenMillion() {
    const char* folder = std::getenv("TMPDIR");
    path_ = std::string(folder == nullptr ? "/tmp" : folder) + "/riven-statistics-" +
            std::to_string(getpid()) + ".riven";
    auto writer = JournalWriter::open(path_, {});
    RIVEN_CHECK(writer.has_value(), "the benchmark's journal could not be made");
    const Symbol functions[] = {Symbol("read"), Symbol("write"), Symbol("cas")};
    const Value error("timeout");
    int64_t now = 0;
    for (size_t i = 0; i < kEntries / 2; ++i) {
      Op op;
      op.process = static_cast<Process>(i % kThreads);
      op.f = functions[i % 3];
      op.value = Value(Value::List{Value(static_cast<int64_t>(i % 100)), Value(static_cast<int64_t>(i))});
      append(**writer, op, now += 20'000);
      op.type = i % 50 == 7 ? OpType::info : i % 9 == 5 ? OpType::fail : OpType::ok;
      if (op.type != OpType::ok) op.error = error;
      append(**writer, op, now += 30'000 + static_cast<int64_t>(i * 7919 % 90'000));
      if (i % 100'000 == 50'000) fault(**writer, i % 200'000 < 100'000, now);
    }
    RIVEN_CHECK((*writer)->close().has_value(), "the benchmark's journal could not be closed");
  }
  ~JournalOfTenMillion() { std::filesystem::remove(path_); }
  const std::string& path() const { return path_; }

 private:
  static void append(JournalWriter& writer, Op& op, int64_t at) {
    op.time_ns = at;
    RIVEN_CHECK(writer.append(op).has_value(), "the benchmark's journal could not be written");
  }
  static void fault(JournalWriter& writer, bool start, int64_t at) {
    Op op;
    op.process = kNemesis;
    op.type = OpType::info;
    op.f = Symbol(start ? "start-partition" : "stop-partition");
    append(writer, op, at);
    append(writer, op, at);
  }
  std::string path_;
};

const std::string& journal_path() {
  static const JournalOfTenMillion journal;
  return journal.path();
}

double peak_mb() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) / 1e3;
}

ReadHistory read() {
  ReadOptions options;
  options.pairing = HistoryBuilder::Pairing::lenient;  // the twenty processes go on after an info
  Result<ReadHistory> history = read_history(journal_path(), options);
  RIVEN_CHECK(history.has_value(), "the benchmark's journal could not be read");
  return std::move(*history);
}

void read_and_count(benchmark::State& state) {
  journal_path();
  for (auto _ : state) {
    const ReadHistory history = read();
    const CheckResult result = checkers::statistics_checker()->check(history.history, {});
    RIVEN_CHECK(result.verdict == Verdict::valid, "the statistics of the benchmark's history went wrong");
  }
  state.counters["peak_MB"] = peak_mb();
}
BENCHMARK(read_and_count)->Unit(benchmark::kMillisecond)->Iterations(2);

template <CheckerPtr (*make)()>
void judge(benchmark::State& state) {
  const ReadHistory history = read();
  const CheckerPtr checker = make();
  for (auto _ : state) benchmark::DoNotOptimize(checker->check(history.history, {}));
  state.counters["peak_MB"] = peak_mb();
}
CheckerPtr performance() { return checkers::performance_checker(); }
CheckerPtr vacuity() { return checkers::vacuity_checker(); }
BENCHMARK(judge<checkers::statistics_checker>)
    ->Unit(benchmark::kMillisecond)
    ->Iterations(3)
    ->Name("statistics");
BENCHMARK(judge<performance>)->Unit(benchmark::kMillisecond)->Iterations(3)->Name("performance");
BENCHMARK(judge<vacuity>)->Unit(benchmark::kMillisecond)->Iterations(3)->Name("vacuity");

}  // namespace

BENCHMARK_MAIN();
