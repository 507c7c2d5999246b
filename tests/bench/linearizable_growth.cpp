// How the near-linear engines of the linearizability checker grow: `bench_linearizable_growth [--only TEXT]
// [--from N] [--most N]`: histories of N = 10,000 to 10,000,000 operations by 20 clients, ten times as many
// each time, of cells whose name contains TEXT. The bar: ten times the operations cost at most twelve times
// the time, evidence included. One thread, each check in a process of its own; the least CPU time of several
// counts. The exit code is the number of bars that were missed.
#include "checkers/linearizable/checker.h"
#include "tests/bench/measured.h"
#include "tests/checkers/linearizable/large_histories.h"

namespace {

using namespace riven;
using linearizable::Model;
using linearizable::testing::LargeShape;

constexpr double kMostGrowth = 12;

struct Cell {
  std::string name;
  LargeShape shape;
  bool observed = true;  ///< registers: failed cas say what they saw
  double crashed = 0.05;
};

std::vector<Cell> cells() {
  std::vector<Cell> out;
  LargeShape shape;
  shape.clients = 20;
  out.push_back({"zones, failed cas observed", shape});
  out.push_back({"zones, failed cas ignored", shape, false});
  shape.only_cas = true;
  out.push_back({"versions, failed cas observed", shape});
  out.push_back({"versions, failed cas ignored", shape, false});
  shape.only_cas = false;
  // Crashed removals need a search where they matter: fewer of those.
  for (const auto& [name, model, crashed] :
       {std::tuple{"set", Model::set, 0.05}, std::tuple{"queue", Model::fifo_queue, 0.05},
        std::tuple{"stack", Model::stack, 0.05}, std::tuple{"priority-queue", Model::priority_queue, 0.05}}) {
    shape.model = model;
    out.push_back({name, shape, true, crashed});
  }
  return out;
}

bench::Cost measure(const Cell& cell) {
  return bench::apart([&] {
    const History history = linearizable::testing::large_history(cell.shape);
    std::map<std::string, std::string> options{{"model", std::string(to_text(cell.shape.model))}};
    if (cell.shape.model == Model::cas_register) options["failed-cas"] = cell.observed ? "observe" : "ignore";
    const auto checker = linearizable::make_checker(options);
    bench::Cost found;
    const int repeats = cell.shape.operations <= 10'000 ? 20 : cell.shape.operations <= 100'000 ? 5 : 2;
    bench::time_it(found, repeats, [&] {
      Budget budget;
      budget.threads = 1;
      budget.memory_bytes = uint64_t{12} << 30;
      found.verdict = (*checker)->check(history, budget).verdict;
    });
    found.as_expected = found.verdict == (cell.shape.fault ? Verdict::invalid : Verdict::valid);
    return found;
  });
}

}  // namespace

int main(int argc, char** argv) {
  std::string only;
  uint32_t first = 10'000;
  uint32_t most = 10'000'000;
  for (int i = 1; i + 1 < argc; i += 2) {
    if (std::strcmp(argv[i], "--only") == 0) only = argv[i + 1];
    if (std::strcmp(argv[i], "--from") == 0) first = static_cast<uint32_t>(std::atoll(argv[i + 1]));
    if (std::strcmp(argv[i], "--most") == 0) most = static_cast<uint32_t>(std::atoll(argv[i + 1]));
  }
  std::printf("%-46s %10s %8s %10s %9s %8s %6s\n", "cell", "operations", "verdict", "CPU ms", "peak MB",
              "growth", "bar");
  int missed = 0;
  int bars = 0;
  for (const Cell& kind : cells())
    for (const double crashed : {0.0, kind.crashed})
      for (const bool fault : {false, true}) {
        Cell cell = kind;
        cell.shape.crashed = crashed;
        cell.shape.fault = fault;
        cell.name += std::string(crashed > 0 ? ", crashed" : "") + (fault ? ", invalid" : ", valid");
        if (cell.name.find(only) == std::string::npos) continue;
        double before = 0;
        for (uint64_t n = first; n <= most; n *= 10) {
          cell.shape.operations = static_cast<uint32_t>(n);
          const bench::Cost cost = measure(cell);
          const double growth = before > 0 ? cost.cpu_seconds / before : 0;
          before = cost.cpu_seconds;
          const bool held = cost.as_expected && growth <= kMostGrowth;
          ++bars;
          if (!held) ++missed;
          std::printf("%-46s %10llu %8s %10.2f %9.1f %8.1f %6.0f  %s\n", cell.name.c_str(),
                      static_cast<unsigned long long>(n), std::string(to_text(cost.verdict)).c_str(),
                      cost.cpu_seconds * 1e3, cost.peak_megabytes, growth, kMostGrowth,
                      held ? "met" : "MISSED");
          std::fflush(stdout);
        }
      }
  std::printf("%d of %d bars missed\n", missed, bars);
  return std::min(missed, 100);
}
