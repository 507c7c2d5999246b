// Transactional isolation: whole checks of simulated histories (2.5 micro-operations a transaction, 20
// clients), all models decided.
#include <benchmark/benchmark.h>

#include <filesystem>

#include "checkers/isolation/analysis.h"
#include "harness/core/check.h"
#include "harness/history/journal.h"
#include "harness/history/reader.h"
#include "tests/checkers/isolation/causal_store.h"
#include "tests/checkers/isolation/simulated.h"
#include "tests/checkers/isolation/spoiled.h"

namespace {

using namespace riven;
using namespace riven::checkers::isolation;

/// Times the analysis of `history`; also counts what it found, so that a benchmark of nothing shows.
void check(benchmark::State& state, const History& history, const AnalysisOptions& options = {}) {
  size_t txns = 0;
  for (auto _ : state) {
    auto a = analyse(history, options, Budget{});
    RIVEN_CHECK(a.has_value(), "a simulated history cannot be analysed");
    txns = a->transactions.size();
    size_t holds = 0;
    for (size_t m = 0; m < kModels; ++m)
      holds += a->decisions.standing(static_cast<Model>(m)) == Standing::holds ? 1 : 0;
    state.counters["holds"] = static_cast<double>(holds);
    state.counters["refuted"] = static_cast<double>(members(a->decisions.refuted()).size());
    state.counters["cycles"] = static_cast<double>(a->cycles.size());
    state.counters["largest_part"] = static_cast<double>(a->largest_suspect);
    state.counters["exhausted"] = a->search_exhausted ? 1 : 0;
  }
  state.SetItemsProcessed(static_cast<int64_t>(state.iterations()) * static_cast<int64_t>(txns));
}

SimulationOptions of(benchmark::State& state, SimulatedLevel level) {
  SimulationOptions o;
  o.level = level;
  o.txns = static_cast<size_t>(state.range(0));
  return o;
}

void list_append_valid(benchmark::State& state) { check(state, simulate(of(state, SimulatedLevel::serial))); }
BENCHMARK(list_append_valid)
    ->Arg(100'000)
    ->Arg(1'000'000)
    ->Arg(10'000'000)
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime()
    ->MeasureProcessCPUTime();

void list_append_at_level(benchmark::State& state, SimulatedLevel level) {
  check(state, simulate(of(state, level)));
}
BENCHMARK_CAPTURE(list_append_at_level, stale_serial, SimulatedLevel::stale_serial)
    ->Arg(100'000)
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime()
    ->MeasureProcessCPUTime();
BENCHMARK_CAPTURE(list_append_at_level, snapshot, SimulatedLevel::snapshot)
    ->Arg(100'000)
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime()
    ->MeasureProcessCPUTime();
BENCHMARK_CAPTURE(list_append_at_level, read_committed, SimulatedLevel::read_committed)
    ->Arg(100'000)
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime()
    ->MeasureProcessCPUTime();
BENCHMARK_CAPTURE(list_append_at_level, read_uncommitted, SimulatedLevel::read_uncommitted)
    ->Arg(10'000)
    ->Arg(100'000)
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime()
    ->MeasureProcessCPUTime();

/// What a process does that judges a journal: reads it, analyses it.
void journal_to_models(benchmark::State& state) {
  const std::string path =
      (std::filesystem::temp_directory_path() / ("riven-bench-" + std::to_string(state.range(0)) + ".riven"))
          .string();
  std::filesystem::remove(path);
  {
    const History history = simulate(of(state, SimulatedLevel::serial));
    auto writer = JournalWriter::open(path, {});
    RIVEN_CHECK(writer.has_value(), "no journal");
    for (size_t i = 0; i < history.size(); ++i)
      RIVEN_CHECK((*writer)->append(history.op(i)).has_value(), "no space for a journal");
    RIVEN_CHECK((*writer)->close().has_value(), "no space for a journal");
  }
  for (auto _ : state) {
    const auto read = read_history(path);
    RIVEN_CHECK(read.has_value(), "an unreadable journal");
    auto a = analyse(read->history, {}, Budget{});
    RIVEN_CHECK(a.has_value() && a->decisions.refuted() == 0, "a serial history is refuted");
  }
  std::filesystem::remove(path);
}
BENCHMARK(journal_to_models)
    ->Arg(1'000'000)
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime()
    ->MeasureProcessCPUTime();

/// The same valid history without and with a thousand anomalies.
void list_append_spoiled(benchmark::State& state) {
  SimulationOptions o;
  o.txns = 1'000'000;
  check(state, spoiled(simulate(o), static_cast<size_t>(state.range(0))));
}
BENCHMARK(list_append_spoiled)
    ->Arg(0)
    ->Arg(1000)
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime()
    ->MeasureProcessCPUTime();

/// One cyclic part of ten thousand transactions.
void list_append_large_component(benchmark::State& state, SimulatedLevel level) {
  SimulationOptions o = of(state, level);
  o.clients = 50;
  check(state, simulate(o));
}
BENCHMARK_CAPTURE(list_append_large_component, read_uncommitted, SimulatedLevel::read_uncommitted)
    ->Arg(10'000)
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime()
    ->MeasureProcessCPUTime();
BENCHMARK_CAPTURE(list_append_large_component, prefix, SimulatedLevel::prefix)
    ->Arg(10'000)
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime()
    ->MeasureProcessCPUTime();

void registers_linearizable_keys(benchmark::State& state) {
  SimulationOptions o = of(state, SimulatedLevel::serial);
  o.registers = true;
  AnalysisOptions options;
  options.registers.linearizable_keys = true;
  check(state, simulate(o), options);
}
BENCHMARK(registers_linearizable_keys)
    ->Arg(1'000'000)
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime()
    ->MeasureProcessCPUTime();

void registers_read_modify_write(benchmark::State& state) {
  SimulationOptions o = of(state, SimulatedLevel::serial);
  o.registers = o.read_modify_write = true;
  check(state, simulate(o));
}
BENCHMARK(registers_read_modify_write)
    ->Arg(1'000'000)
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime()
    ->MeasureProcessCPUTime();

/// Registers written blindly at a level above those that need no order of versions.
void registers_blind(benchmark::State& state, SimulatedLevel level) {
  SimulationOptions o = of(state, level);
  o.registers = true;
  check(state, simulate(o));
}
BENCHMARK_CAPTURE(registers_blind, snapshot, SimulatedLevel::snapshot)
    ->Arg(100'000)
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime()
    ->MeasureProcessCPUTime();
BENCHMARK_CAPTURE(registers_blind, prefix, SimulatedLevel::prefix)
    ->Arg(100'000)
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime()
    ->MeasureProcessCPUTime();

/// Registers written blindly, 50 sessions, an order of versions that is not that of time.
void registers_unknown_order(benchmark::State& state, double fractured) {
  CausalStoreOptions o;
  o.txns = static_cast<size_t>(state.range(0));
  o.fractured = fractured;
  check(state, simulate_causal_store(o));
}
BENCHMARK_CAPTURE(registers_unknown_order, causal, 0)
    ->Arg(1'000'000)
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime()
    ->MeasureProcessCPUTime();
BENCHMARK_CAPTURE(registers_unknown_order, torn, 0.001)
    ->Arg(1'000'000)
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime()
    ->MeasureProcessCPUTime();

}  // namespace

BENCHMARK_MAIN();
