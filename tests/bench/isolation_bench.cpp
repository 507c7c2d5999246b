// Transactional isolation: whole checks of simulated histories (2.5 micro-operations a transaction, 20
// clients).
#include <benchmark/benchmark.h>

#include "checkers/isolation/analysis.h"
#include "tests/checkers/isolation/simulated.h"

namespace {

using namespace riven;
using namespace riven::checkers::isolation;

void check(benchmark::State& state, const SimulationOptions& simulation,
           const AnalysisOptions& options = {}) {
  const History history = simulate(simulation);
  for (auto _ : state) {
    auto a = analyse(history, options, Budget{});
    benchmark::DoNotOptimize(a);
  }
  state.SetItemsProcessed(static_cast<int64_t>(state.iterations()) * static_cast<int64_t>(simulation.txns));
}

SimulationOptions of(benchmark::State& state, SimulatedLevel level) {
  SimulationOptions o;
  o.level = level;
  o.txns = static_cast<size_t>(state.range(0));
  return o;
}

void BM_list_append_valid(benchmark::State& state) { check(state, of(state, SimulatedLevel::serial)); }
BENCHMARK(BM_list_append_valid)->Arg(100'000)->Arg(1'000'000)->Unit(benchmark::kMillisecond)->UseRealTime();

void BM_list_append_snapshot_isolation(benchmark::State& state) {
  check(state, of(state, SimulatedLevel::snapshot));
}
BENCHMARK(BM_list_append_snapshot_isolation)->Arg(100'000)->Unit(benchmark::kMillisecond)->UseRealTime();

void BM_list_append_read_uncommitted(benchmark::State& state) {
  check(state, of(state, SimulatedLevel::read_uncommitted));
}
BENCHMARK(BM_list_append_read_uncommitted)->Arg(10'000)->Unit(benchmark::kMillisecond)->UseRealTime();

void BM_registers_linearizable_keys(benchmark::State& state) {
  SimulationOptions o = of(state, SimulatedLevel::serial);
  o.registers = true;
  AnalysisOptions options;
  options.registers.linearizable_keys = true;
  check(state, o, options);
}
BENCHMARK(BM_registers_linearizable_keys)->Arg(1'000'000)->Unit(benchmark::kMillisecond)->UseRealTime();

void BM_registers_read_modify_write(benchmark::State& state) {
  SimulationOptions o = of(state, SimulatedLevel::serial);
  o.registers = o.read_modify_write = true;
  check(state, o);
}
BENCHMARK(BM_registers_read_modify_write)->Arg(1'000'000)->Unit(benchmark::kMillisecond)->UseRealTime();

}  // namespace

BENCHMARK_MAIN();
