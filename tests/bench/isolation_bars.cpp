// Every bar of the isolation checker (issue 5) in one table: `bench_isolation_bars [--only TEXT] [--huge]
// [--repeats N]`. Each cell runs in a process of its own, all cores unless it says otherwise; the least of N
// times (3 by default) counts. CPU and wall are those of the work, the making of the history excluded; the
// peak is the process's, the history included. --huge adds the ten million transactions. The exit code is
// the number of bars that were missed.
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <functional>
#include <string>

#include "checkers/isolation/analysis.h"
#include "harness/core/check.h"
#include "harness/history/journal.h"
#include "harness/history/reader.h"
#include "harness/history/writer.h"
#include "tests/bench/measured.h"
#include "tests/checkers/isolation/causal_store.h"
#include "tests/checkers/isolation/simulated.h"
#include "tests/checkers/isolation/spoiled.h"

namespace {

using namespace riven;
using namespace riven::checkers::isolation;

struct Cost {
  double cpu_seconds = 0;
  double wall_seconds = 0;
  double peak_megabytes = 0;
  double megabytes_read = 0;
  bool right = false;  ///< what was found is what had to be
};

class Bars {
 public:
  Bars(std::string only, int repeats) : only_(std::move(only)), repeats_(repeats) {
    std::printf("%-62s %-16s %8s %8s %8s  %s\n", "bar", "at most", "CPU s", "wall s", "peak MB", "");
  }
  ~Bars() {
    std::error_code ignored;
    for (const std::string& path : files_) std::filesystem::remove(path, ignored);
  }
  Bars(const Bars&) = delete;
  Bars& operator=(const Bars&) = delete;
  int missed() const { return missed_; }

  /// Times an analysis; `fits` says whether it is right. Returns the wall time, 0 where it did not run.
  double check(const std::string& name, double seconds, double megabytes,
               const std::function<History()>& make, const std::function<bool(const Analysis&)>& fits,
               const AnalysisOptions& options = {}) {
    return row(name, seconds, megabytes, [&] {
      const History history = make();
      bench::start_of_peak();
      return timed([&] {
        const auto a = analyse(history, options, Budget{});
        return a.has_value() && fits(*a);
      });
    });
  }

  /// A file made by `write`, read by `read`; the bar may be a rate.
  void file(const std::string& name, double seconds, double rate, const char* ending,
            const std::function<void(const std::string&)>& write,
            const std::function<bool(const std::string&)>& read) {
    if (name.find(only_) == std::string::npos) return;
    const std::string path =
        (std::filesystem::temp_directory_path() / ("riven-bars-" + std::to_string(::getpid()) + ending))
            .string();
    if (!std::filesystem::exists(path)) {
      bench::in_child(
          [&] {
            write(path);
            return Cost{};
          },
          Cost{});
      files_.push_back(path);
    }
    const double size = static_cast<double>(std::filesystem::file_size(path)) / 1e6;
    row(name + " (" + std::to_string(static_cast<int>(size)) + " MB)", rate > 0 ? size / rate : seconds, 0,
        [&] { return timed([&] { return read(path); }); });
  }

 private:
  Cost timed(const std::function<bool()>& work) const {
    Cost out;
    out.cpu_seconds = out.wall_seconds = 1e9;
    out.right = true;
    for (int i = 0; i < repeats_; ++i) {
      const double cpu = bench::cpu_now();
      const int64_t began_ns = monotonic_now_ns();
      out.right = work() && out.right;
      out.cpu_seconds = std::min(out.cpu_seconds, bench::cpu_now() - cpu);
      out.wall_seconds = std::min(out.wall_seconds, static_cast<double>(monotonic_now_ns() - began_ns) / 1e9);
    }
    out.peak_megabytes = bench::status_megabytes("VmHWM");
    return out;
  }

  double row(const std::string& name, double seconds, double megabytes, const std::function<Cost()>& work) {
    if (name.find(only_) == std::string::npos) return 0;
    const Cost cost = bench::in_child(work, Cost{});
    const bool met =
        cost.right && cost.wall_seconds <= seconds && (megabytes == 0 || cost.peak_megabytes <= megabytes);
    missed_ += met ? 0 : 1;
    char bar[64];
    std::snprintf(bar, sizeof bar, megabytes > 0 ? "%.2f s, %.0f MB" : "%.2f s", seconds, megabytes);
    std::printf("%-62s %-16s %8.2f %8.2f %8.0f  %s\n", name.c_str(), bar, cost.cpu_seconds, cost.wall_seconds,
                cost.peak_megabytes,
                !cost.right ? "WRONG"
                : met       ? "met"
                            : "missed");
    std::fflush(stdout);
    return cost.wall_seconds;
  }

  std::string only_;
  int repeats_;
  int missed_ = 0;
  std::vector<std::string> files_;
};

History simulated(size_t txns, SimulatedLevel level = SimulatedLevel::serial, int clients = 20) {
  SimulationOptions o;
  o.level = level;
  o.txns = txns;
  o.clients = clients;
  return simulate(o);
}
bool all_hold(const Analysis& a) {
  for (size_t m = 0; m < kModels; ++m)
    if (a.decisions.standing(static_cast<Model>(m)) != Standing::holds) return false;
  return true;
}

void list_append(Bars& bars, bool huge) {
  bars.check(
      "list-append, 100,000 valid, all models", 0.1, 0, [] { return simulated(100'000); }, all_hold);
  bars.check(
      "list-append, 1,000,000 valid, all models", 1.0, 700, [] { return simulated(1'000'000); }, all_hold);
  if (huge)
    bars.check(
        "list-append, 10,000,000 valid, all models", 15, 6000, [] { return simulated(10'000'000); },
        all_hold);
  for (const auto& [level, name] :
       {std::pair{SimulatedLevel::read_uncommitted, "read uncommitted"}, {SimulatedLevel::prefix, "prefix"}})
    bars.check(
        std::string("one cyclic part of 10,000 transactions, ") + name, 0.5, 0,
        [level = level] { return simulated(10'000, level, 50); },
        [](const Analysis& a) {
          return a.largest_suspect > 5000 && !a.cycles.empty() && !a.search_exhausted;
        });
  const double valid = bars.check(
      "list-append, 1,000,000 valid, as base of the next", 1.0, 0, [] { return simulated(1'000'000); },
      all_hold);
  bars.check(
      "the same with 1,000 anomalies", 2 * std::max(valid, 0.5), 0,
      [] { return spoiled(simulated(1'000'000), 1000); },
      [](const Analysis& a) { return a.cycles.size() > 500 && !a.search_exhausted; });
  for (size_t kind = 0; kind < kSpoils.size(); ++kind) {
    const Spoil& spoil = kSpoils[kind];
    bars.check(
        "one " + std::string(spoil.name) + " in 1,000,000, shortest witness", 2.0, 0,
        [kind] { return spoiled(simulated(1'000'000), 1, kind); },
        [&spoil](const Analysis& a) {
          if (spoil.steps == 0) return a.findings.count(Kind::g1a) == 1;
          return a.cycles.size() == 1 && name_of(a.cycles[0].cycle_class) == spoil.name &&
                 a.cycles[0].steps.size() == spoil.steps;
        });
  }
}

void registers(Bars& bars) {
  AnalysisOptions linearizable;
  linearizable.registers.linearizable_keys = true;
  bars.check(
      "rw-register, linearizable keys, 1,000,000", 5, 0,
      [] {
        SimulationOptions o;
        o.txns = 1'000'000;
        o.registers = true;
        return simulate(o);
      },
      all_hold, linearizable);
  for (const double fractured : {0.0, 0.001})
    bars.check(
        std::string("read committed, read atomic, causal; unknown order, 1,000,000") +
            (fractured > 0 ? ", torn" : ""),
        5, 0,
        [fractured] {
          CausalStoreOptions o;
          o.txns = 1'000'000;
          o.fractured = fractured;
          return simulate_causal_store(o);
        },
        [fractured](const Analysis& a) {
          const Standing wanted = fractured > 0 ? Standing::refuted : Standing::holds;
          return a.decisions.standing(Model::read_committed) == Standing::holds &&
                 a.decisions.standing(Model::read_atomic) == wanted &&
                 a.decisions.standing(Model::strong_session_causal) == wanted;
        });
}

void write_journal(const History& history, const std::string& path) {
  auto writer = JournalWriter::open(path, {});
  RIVEN_CHECK(writer.has_value(), "no journal");
  for (size_t i = 0; i < history.size(); ++i)
    RIVEN_CHECK((*writer)->append(history.op(i)).has_value(), "no space for a journal");
  RIVEN_CHECK((*writer)->close().has_value(), "no space for a journal");
}

void files(Bars& bars) {
  const auto write = [](const std::string& path) {
    RIVEN_CHECK(export_history(simulated(1'000'000), path).has_value(), "no space for a history");
  };
  bars.file(
      "journal of 1,000,000, read and judged", 2.0, 0, ".riven",
      [](const std::string& path) { write_journal(simulated(1'000'000), path); },
      [](const std::string& path) {
        const auto read = read_history(path);
        if (!read) return false;
        const auto a = analyse(read->history, {}, Budget{});
        return a.has_value() && all_hold(*a);
      });
  for (const unsigned threads : {1U, 2U})
    bars.file("EDN of 1,000,000, " + std::to_string(threads) + " core(s), 150 MB/s a core", 0,
              150.0 * threads, ".edn", write, [threads](const std::string& path) {
                const auto read = read_history(path, {.threads = threads});
                return read.has_value() && read->history.size() == 2'000'000;
              });
  bars.file("EDN of 1,000,000, two cores, 482 MB in 4 s", 0, 482.0 / 4, ".edn", write,
            [](const std::string& path) { return read_history(path, {.threads = 2}).has_value(); });
}

/// Long lists: the values are far more than the columns, and than the memory that the check is given.
void larger_than_memory(Bars& bars) {
  constexpr uint64_t kMemory = 300'000'000;
  bars.file(
      "journal of 500,000 with long lists in less memory than it needs", 30, 0, ".long.riven",
      [](const std::string& path) {
        SimulationOptions o;
        o.txns = 500'000;
        o.writes_per_key = 2048;
        write_journal(simulate(o), path);
      },
      [](const std::string& path) {
        const auto read = read_history(path, {.memory_bytes = kMemory});
        if (!read) return false;
        Budget budget;
        budget.memory_bytes = kMemory;
        const auto a = analyse(read->history, {}, budget);
        const uint64_t all = read->history.memory_bytes() + read->history.spilled_bytes();
        std::printf("(a history of %.0f MB)\n", static_cast<double>(all) / 1e6);
        return a.has_value() && all_hold(*a) &&
               bench::status_megabytes("VmHWM") * 1e6 < static_cast<double>(kMemory) && all > kMemory;
      });
}

}  // namespace

int main(int argc, char** argv) {
  std::string only;
  bool huge = false;
  int repeats = 3;
  for (int i = 1; i < argc; ++i) {
    if (std::strcmp(argv[i], "--huge") == 0) huge = true;
    if (std::strcmp(argv[i], "--only") == 0 && i + 1 < argc) only = argv[++i];
    if (std::strcmp(argv[i], "--repeats") == 0 && i + 1 < argc) repeats = std::max(1, std::atoi(argv[++i]));
  }
  Bars bars(only, repeats);
  list_append(bars, huge);
  registers(bars);
  files(bars);
  larger_than_memory(bars);
  return bars.missed();
}
