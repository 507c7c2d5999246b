// Journal and readers: entries written a second, bytes an entry, time and memory to read a million
// operations. RIVEN_BENCH_OPS (default 1,000,000) scales all but the ten million entries of the scan.
#include <benchmark/benchmark.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <map>
#include <string>

#include "harness/core/rng.h"
#include "harness/history/journal.h"
#include "harness/history/reader.h"
#include "harness/history/writer.h"

namespace riven {
namespace {

int64_t operations() {
  const char* const text = std::getenv("RIVEN_BENCH_OPS");
  return text != nullptr ? std::atoll(text) : 1000000;
}

/// A folder for the files of all benchmarks, removed at the end.
class Folder {
 public:
  Folder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "riven-bench-XXXXXX").string();
    path_ = ::mkdtemp(pattern.data());
  }
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  std::string file(const std::string& name) const { return (path_ / name).string(); }

 private:
  std::filesystem::path path_;
};

Folder& folder() {
  static Folder instance;
  return instance;
}

/// A register on which 20 clients read, write and compare-and-set; calls fn(op) for each entry.
template <typename Fn>
void register_entries(int64_t ops, Fn&& fn) {
  static const Symbol kFunctions[] = {Symbol("read"), Symbol("write"), Symbol("cas")};
  Rng rng(7);
  int64_t time = 0;
  int64_t current = 0;
  Op op;
  for (int64_t i = 0; i < ops; i += 20) {
    Value values[20];
    uint64_t functions[20];
    for (int p = 0; p < 20; ++p) {
      functions[p] = rng.below(3);
      ++current;
      values[p] = functions[p] == 0   ? Value()
                  : functions[p] == 1 ? Value(current)
                                      : Value(Value::List{Value(current - 1), Value(current)});
    }
    for (int entry = 0; entry < 40; ++entry) {
      const int p = entry % 20;
      op.process = p;
      op.time_ns = time += rng.between(200, 20000);
      op.type = entry < 20 ? OpType::invoke : OpType::ok;
      op.f = kFunctions[functions[p]];
      op.value = values[p];
      if (entry >= 20 && functions[p] == 0) op.value = Value(current);
      fn(op);
    }
  }
}

/// List-append transactions of 2.5 micro-operations by 20 clients; a key lives for 32 appends.
History transactions(int64_t count) {
  const Symbol txn("txn");
  const Symbol append("append");
  const Symbol r("r");
  Rng rng(8);
  HistoryBuilder builder;
  std::map<int64_t, std::vector<int64_t>> lists;
  int64_t first_key = 0;
  int64_t next = 0;
  int64_t time = 0;
  struct Mop {
    bool write;
    int64_t key;
    int64_t value;
  };
  for (int64_t i = 0; i < count; i += 20) {
    std::vector<Mop> all[20];
    for (auto& mops : all) {
      mops.resize(1 + rng.below(4));
      for (Mop& mop : mops) mop = {rng.chance(0.5), first_key + rng.between(0, 9), ++next};
    }
    const auto write = [&](int p, bool done) {
      builder.begin(time += rng.between(200, 20000), p, done ? OpType::ok : OpType::invoke, txn);
      ValueWriter& out = builder.value();
      out.begin_list();
      for (const Mop& mop : all[p]) {
        out.begin_list();
        out.keyword(mop.write ? append : r);
        out.integer(mop.key);
        std::vector<int64_t>& list = lists[mop.key];
        if (mop.write) {
          if (done) list.push_back(mop.value);
          if (list.size() >= 32 && mop.key == first_key) lists.erase(first_key++);
          out.integer(mop.value);
        } else if (done) {
          out.begin_list();
          for (const int64_t item : list) out.integer(item);
          out.end();
        } else {
          out.nil();
        }
        out.end();
      }
      out.end();
      builder.commit();
    };
    for (int p = 0; p < 20; ++p) write(p, false);
    for (int p = 0; p < 20; ++p) write(p, true);
  }
  return *builder.finish();
}

void write_register_journal(const std::string& path, int64_t ops) {
  std::error_code ignored;
  std::filesystem::remove(path, ignored);
  auto writer = JournalWriter::open(path, {});
  register_entries(ops, [&](const Op& op) { static_cast<void>((*writer)->append(op)); });
  static_cast<void>((*writer)->close());
}

/// The file of that name with that many operations, made once.
const std::string& prepared(const std::string& name, int64_t ops) {
  static std::map<std::string, std::string> files;
  auto [at, is_new] = files.try_emplace(name, folder().file(name));
  if (!is_new) return at->second;
  const std::string& path = at->second;
  if (path.ends_with(".riven")) {
    write_register_journal(path, ops);
  } else if (name.starts_with("txn")) {
    static_cast<void>(export_history(transactions(ops), path));
  } else {
    const auto history = read_history(prepared("register.riven", ops));
    static_cast<void>(export_history(history->history, path));
  }
  return path;
}

double peak_mb() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) / 1024;
}

void journal_write(benchmark::State& state) {
  std::vector<Op> ops;
  register_entries(operations(), [&](const Op& op) { ops.push_back(op); });
  const std::string path = folder().file("write.riven");
  for (auto _ : state) {
    std::error_code ignored;
    std::filesystem::remove(path, ignored);
    auto writer = JournalWriter::open(path, {});
    for (const Op& op : ops) static_cast<void>((*writer)->append(op));
    static_cast<void>((*writer)->close());
  }
  state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(ops.size()));
  state.counters["bytes_per_entry"] =
      static_cast<double>(std::filesystem::file_size(path)) / static_cast<double>(ops.size());
}
BENCHMARK(journal_write)->Unit(benchmark::kMillisecond)->UseRealTime();

void read_file(benchmark::State& state, const std::string& name) {
  const std::string& path = prepared(name, operations());
  size_t entries = 0;
  for (auto _ : state) {
    const auto read = read_history(path, {.threads = static_cast<unsigned>(state.range(0))});
    if (!read) return state.SkipWithError(read.error().message.c_str());
    entries = read->history.size();
    state.counters["history_MB"] = static_cast<double>(read->history.memory_bytes()) / 1e6;
  }
  state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(entries));
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(std::filesystem::file_size(path)));
}
BENCHMARK_CAPTURE(read_file, journal, "register.riven")->Arg(1)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK_CAPTURE(read_file, edn, "register.edn")
    ->Arg(1)
    ->Arg(0)
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();
BENCHMARK_CAPTURE(read_file, jsonl, "register.jsonl")
    ->Arg(1)
    ->Arg(0)
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();
BENCHMARK_CAPTURE(read_file, txn_edn, "txn.edn")
    ->Arg(1)
    ->Arg(0)
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();
BENCHMARK_CAPTURE(read_file, txn_jsonl, "txn.jsonl")
    ->Arg(1)
    ->Arg(0)
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();

/// Reading and counting ten million entries; peak_MB is the whole process's, so run it alone
/// (--benchmark_filter=scan) for that.
void journal_scan(benchmark::State& state) {
  constexpr int64_t kOperations = 5000000;
  const std::string& path = prepared("scan.riven", kOperations);
  for (auto _ : state) {
    const auto read = read_history(path);
    uint64_t counts[4] = {};
    int64_t latest = 0;
    for (size_t i = 0; i < read->history.size(); ++i) {
      ++counts[static_cast<size_t>(read->history.type(i))];
      const uint32_t end = read->history.pair(i);
      if (end != History::kNone && end > i)
        latest = std::max(latest, read->history.time_ns(end) - read->history.time_ns(i));
    }
    benchmark::DoNotOptimize(counts);
    benchmark::DoNotOptimize(latest);
    state.SetItemsProcessed(state.items_processed() + static_cast<int64_t>(read->history.size()));
  }
  state.counters["peak_MB"] = peak_mb();
}
BENCHMARK(journal_scan)->Unit(benchmark::kMillisecond)->UseRealTime();

}  // namespace
}  // namespace riven

BENCHMARK_MAIN();
