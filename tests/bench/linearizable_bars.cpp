// Every bar of the linearizability checker (issue 3) in one table: one thread, each cell in a process of its
// own, histories of research/linearizability.md, section 2. `bench_linearizable_bars [--seeds N] [--only
// TEXT]`: N histories of each cell of repeated values (3 unless said), cells whose name contains TEXT, S
// seconds for those of repeated values (9.9 unless said). Time
// and memory are those of the whole check, evidence included and making or reading the history excluded;
// small cells are repeated and the least time counts. The exit code is the number of bars that were missed.
#include <filesystem>

#include "checkers/linearizable/checker.h"
#include "harness/history/journal.h"
#include "harness/history/reader.h"
#include "harness/history/writer.h"
#include "tests/bench/measured.h"
#include "tests/checkers/linearizable/large_appends.h"
#include "tests/checkers/linearizable/large_histories.h"

namespace {

using riven::Verdict;
using riven::bench::Cost;
using riven::bench::kMegabyte;
using riven::linearizable::Model;
using riven::linearizable::testing::LargeAppends;
using riven::linearizable::testing::LargeShape;

struct Bar {
  double seconds = 0;
  double megabytes = 0;  // 0: none
  bool must_answer = true;
  double limit_seconds = 20;
  double limit_megabytes = 2048;
};

class Table {
 public:
  Table(int seeds, std::string only) : seeds_(seeds), only_(std::move(only)) {
    std::printf("%-58s %-16s %-8s %10s %10s %9s\n", "cell", "bar", "verdict", "CPU ms", "wall ms", "peak MB");
  }
  int missed() const { return missed_; }
  int cells() const { return cells_; }

  void check(const std::string& name, const LargeShape& shape, const Bar& bar) {
    if (name.find(only_) == std::string::npos) return;
    const Cost cost = riven::bench::apart([&] {
      const riven::History history = riven::linearizable::testing::large_history(shape);
      const auto checker = riven::linearizable::make_checker({{"model", std::string(to_text(shape.model))}});
      Cost found;
      riven::bench::time_it(found, shape.operations <= 1000 && bar.seconds < 0.01 ? 50 : 1, [&] {
        riven::Budget budget;
        budget.threads = 1;
        budget.memory_bytes = static_cast<uint64_t>(bar.limit_megabytes * kMegabyte);
        budget.deadline_ns = riven::monotonic_now_ns() + static_cast<int64_t>(bar.limit_seconds * 1e9);
        found.verdict = (*checker)->check(history, budget).verdict;
      });
      // A crashed write may explain what was meant to be stale.
      const bool explained = !shape.unique && (shape.crashed > 0 || shape.final_crashed_writes > 0);
      const bool right = found.verdict == (shape.fault ? Verdict::invalid : Verdict::valid) ||
                         (shape.fault && explained && found.verdict == Verdict::valid);
      found.as_expected = right || (found.verdict == Verdict::unknown && !bar.must_answer);
      return found;
    });
    row(name, bar, cost);
  }

  void check_appends(const std::string& name, const LargeAppends& shape, const Bar& bar) {
    if (name.find(only_) == std::string::npos) return;
    const Cost cost = riven::bench::apart([&] {
      const riven::History history = riven::linearizable::testing::large_appends(shape);
      const auto checker = riven::linearizable::make_checker({{"model", "kv"}});
      Cost found;
      riven::bench::time_it(found, 1, [&] {
        riven::Budget budget;
        budget.threads = 1;
        budget.memory_bytes = static_cast<uint64_t>(bar.limit_megabytes * kMegabyte);
        budget.deadline_ns = riven::monotonic_now_ns() + static_cast<int64_t>(bar.limit_seconds * 1e9);
        found.verdict = (*checker)->check(history, budget).verdict;
      });
      const bool valid = shape.fault == LargeAppends::Fault::none;
      found.as_expected = found.verdict == (valid ? Verdict::valid : Verdict::invalid);
      return found;
    });
    row(name, bar, cost);
  }

  void read(const std::string& name, const std::string& path, const Bar& bar) {
    if (name.find(only_) == std::string::npos) return;
    const Cost cost = riven::bench::apart([&] {
      Cost found;
      riven::bench::time_it(found, 3, [&] {
        const auto read = riven::read_history(path, {.threads = 1});
        found.as_expected = read && read->history.size() >= 2000000;
      });
      found.verdict = Verdict::valid;
      return found;
    });
    row(name, bar, cost);
  }

  int seeds() const { return seeds_; }
  bool wants(const std::string& name) const { return name.find(only_) != std::string::npos; }

 private:
  void row(const std::string& name, const Bar& bar, const Cost& cost) {
    std::string limit;
    char text[64];
    std::snprintf(text, sizeof text, bar.seconds < 0.01 ? "%.3f s" : "%.4g s", bar.seconds);
    limit = text;
    if (bar.megabytes > 0) limit += ", " + std::to_string(static_cast<int>(bar.megabytes)) + " MB";
    const bool held = cost.as_expected && cost.wall_seconds <= bar.seconds &&
                      (bar.megabytes <= 0 || cost.peak_megabytes <= bar.megabytes);
    ++cells_;
    if (!held) ++missed_;
    std::printf("%-58s %-16s %-8s %10.2f %10.2f %9.1f%s\n", name.c_str(), limit.c_str(),
                std::string(to_text(cost.verdict)).c_str(), cost.cpu_seconds * 1e3, cost.wall_seconds * 1e3,
                cost.peak_megabytes, held ? "" : "  MISSED");
    std::fflush(stdout);
  }

  int seeds_;
  std::string only_;
  int missed_ = 0;
  int cells_ = 0;
};

std::string cell_name(const char* what, const LargeShape& shape) {
  char text[160];
  std::snprintf(text, sizeof text, "%s, %u operations, c=%u, %g%% crashed, %s", what, shape.operations,
                shape.clients, shape.crashed * 100, shape.fault ? "stale" : "valid");
  return text;
}

void unique_values(Table& table) {
  for (const uint32_t operations : {1000U, 1000000U})
    for (const uint32_t clients : {5U, 20U, 50U})
      for (const double crashed : {0.0, 0.01, 0.05})
        for (const bool fault : {false, true}) {
          LargeShape shape;
          shape.operations = operations;
          shape.clients = clients;
          shape.crashed = crashed;
          shape.fault = fault;
          Bar bar;
          bar.seconds = operations == 1000 ? 0.002 : 1;
          bar.megabytes = operations == 1000 ? 0 : 500;
          table.check(cell_name("unique", shape), shape, bar);
        }
}

void few_values(Table& table, double limit_seconds) {
  const auto cells = [&](uint32_t operations, uint32_t clients) {
    for (const double crashed : {0.0, 0.01, 0.05})
      for (const bool fault : {false, true})
        for (int seed = 1; seed <= table.seeds(); ++seed) {
          LargeShape shape;
          shape.unique = false;
          shape.operations = operations;
          shape.clients = clients;
          shape.crashed = crashed;
          shape.fault = fault;
          shape.seed = static_cast<uint64_t>(seed);
          Bar bar{10, 2048, clients <= 10 || !fault, limit_seconds, 2048};
          if (clients > 10) bar.seconds = 11;  // a budget of ten seconds, kept within a tenth
          table.check(cell_name("0..4", shape) + ", seed " + std::to_string(seed), shape, bar);
        }
  };
  for (const uint32_t operations : {1000U, 10000U, 100000U})
    for (const uint32_t clients : {5U, 10U}) cells(operations, clients);
  cells(10000, 20);
  cells(1000, 50);
}

void collections(Table& table) {
  for (const Model model : {Model::fifo_queue, Model::set, Model::stack, Model::priority_queue})
    for (const bool fault : {false, true}) {
      LargeShape shape;
      shape.model = model;
      shape.operations = 1000000;
      shape.clients = 20;
      shape.fault = fault;
      table.check(cell_name(to_text(model).data(), shape), shape, {2, 600});
    }
}

/// Porcupine's own test data, larger: "x CLIENT N y" by 50 clients, half of the operations gets.
void appends(Table& table) {
  using Fault = LargeAppends::Fault;
  for (const uint32_t keys : {10U, 1000U})
    for (const double crashed : {0.0, 0.05})
      for (const auto& [fault, what] : {std::pair{Fault::none, "valid"}, std::pair{Fault::stale, "stale"}}) {
        LargeAppends shape;
        shape.operations = 1000000;
        shape.keys = keys;
        shape.crashed = crashed;
        shape.fault = fault;
        char name[160];
        std::snprintf(name, sizeof name, "appends, %u operations, %u keys, %g%% crashed, %s",
                      shape.operations, keys, crashed * 100, what);
        table.check_appends(name, shape, {2, 500});
      }
}

void write_file(const riven::History& history, const std::string& path) {
  if (!path.ends_with(".riven")) {
    if (!export_history(history, path)) std::abort();
    return;
  }
  auto journal = riven::JournalWriter::open(path, {});
  if (!journal) std::abort();
  for (size_t i = 0; i < history.size(); ++i)
    if (!(*journal)->append(history.op(i))) std::abort();
  if (!(*journal)->close()) std::abort();
}

void reading(Table& table) {
  const struct {
    const char* name;
    const char* file;
    double seconds;
  } kFormats[] = {{"reading EDN, 1,000,000 operations", "h.edn", 2},
                  {"reading JSON lines, 1,000,000 operations", "h.jsonl", 2},
                  {"reading a journal, 1,000,000 operations", "h.riven", 0.2}};
  std::string folder = (std::filesystem::temp_directory_path() / "riven-bars-XXXXXX").string();
  if (::mkdtemp(folder.data()) == nullptr) std::abort();
  for (const auto& format : kFormats) {
    if (!table.wants(format.name)) continue;
    const std::string path = folder + "/" + format.file;
    riven::bench::apart([&] {  // made apart: what it took does not count
      LargeShape shape;
      shape.operations = 1000000;
      shape.clients = 20;
      write_file(riven::linearizable::testing::large_history(shape), path);
      return Cost{};
    });
    table.read(format.name, path, {format.seconds});
  }
  std::error_code ignored;
  std::filesystem::remove_all(folder, ignored);
}

void crashed_at_the_end(Table& table) {
  for (const bool fault : {false, true})
    for (int seed = 1; seed <= table.seeds(); ++seed) {
      LargeShape shape;
      shape.unique = false;
      shape.final_crashed_writes = 200;
      shape.fault = fault;
      shape.seed = static_cast<uint64_t>(seed);
      table.check(cell_name("0..4, 200 crashed writes at the end", shape) + ", seed " + std::to_string(seed),
                  shape, {1, 0});
    }
}

void budget(Table& table) {
  LargeShape shape;
  shape.unique = false;
  shape.operations = 100000;
  shape.clients = 50;
  shape.crashed = 0.05;
  shape.fault = true;
  table.check("a budget of 5 s and 500 MB: " + cell_name("0..4", shape), shape, {5.5, 550, false, 5, 500});
}

}  // namespace

int main(int argc, char** argv) {
  int seeds = 3;
  std::string only;
  double limit_seconds = 9.9;
  for (int i = 1; i + 1 < argc; i += 2) {
    if (std::strcmp(argv[i], "--seeds") == 0) seeds = std::atoi(argv[i + 1]);
    if (std::strcmp(argv[i], "--only") == 0) only = argv[i + 1];
    if (std::strcmp(argv[i], "--limit") == 0) limit_seconds = std::atof(argv[i + 1]);
  }
  Table table(seeds, only);
  unique_values(table);
  few_values(table, limit_seconds);
  collections(table);
  appends(table);
  reading(table);
  crashed_at_the_end(table);
  budget(table);
  std::printf("%d of %d bars missed\n", table.missed(), table.cells());
  return std::min(table.missed(), 100);
}
