// The bars of the linearizability checker (issue 3): one thread, histories of research/linearizability.md,
// section 2.
#include <benchmark/benchmark.h>

#include "checkers/linearizable/checker.h"
#include "tests/checkers/linearizable/large_histories.h"

namespace {

using riven::linearizable::testing::LargeShape;

void judge(benchmark::State& state, const LargeShape& shape, const char* model) {
  const riven::History history = riven::linearizable::testing::large_history(shape);
  const auto checker = riven::linearizable::make_checker({{"model", model}});
  riven::Budget budget;
  budget.threads = 1;
  budget.memory_bytes = uint64_t{2} << 30;
  for (auto _ : state) {
    budget.deadline_ns = riven::monotonic_now_ns() + 20 * riven::kNanosPerSecond;
    const riven::CheckResult result = (*checker)->check(history, budget);
    state.SetLabel(std::string(to_text(result.verdict)));
  }
}

/// operations, clients, crashed per thousand, stale
void unique_values(benchmark::State& state) {
  LargeShape shape;
  shape.operations = static_cast<uint32_t>(state.range(0));
  shape.clients = static_cast<uint32_t>(state.range(1));
  shape.crashed = static_cast<double>(state.range(2)) / 1000;
  shape.fault = state.range(3) != 0;
  judge(state, shape, "cas-register");
}
BENCHMARK(unique_values)
    ->ArgsProduct({{1000, 1000000}, {5, 20, 50}, {0, 10, 50}, {0, 1}})
    ->Unit(benchmark::kMillisecond);

void few_values(benchmark::State& state) {
  LargeShape shape;
  shape.unique = false;
  shape.operations = static_cast<uint32_t>(state.range(0));
  shape.clients = static_cast<uint32_t>(state.range(1));
  shape.crashed = static_cast<double>(state.range(2)) / 1000;
  shape.fault = state.range(3) != 0;
  judge(state, shape, "cas-register");
}
BENCHMARK(few_values)
    ->ArgsProduct({{1000, 10000, 100000}, {5, 10}, {0, 10, 50}, {0, 1}})
    ->ArgsProduct({{10000}, {20}, {0, 10, 50}, {0, 1}})
    ->ArgsProduct({{1000}, {50}, {0, 10, 50}, {0, 1}})
    ->Unit(benchmark::kMillisecond);

void crashed_at_the_end(benchmark::State& state) {
  LargeShape shape;
  shape.unique = false;
  shape.final_crashed_writes = 200;
  shape.fault = state.range(0) != 0;
  judge(state, shape, "cas-register");
}
BENCHMARK(crashed_at_the_end)->Arg(0)->Arg(1)->Unit(benchmark::kMillisecond);

void collections(benchmark::State& state, riven::linearizable::Model model) {
  LargeShape shape;
  shape.model = model;
  shape.operations = 1000000;
  shape.clients = 20;
  shape.fault = state.range(0) != 0;
  judge(state, shape, to_text(model).data());
}
BENCHMARK_CAPTURE(collections, queue, riven::linearizable::Model::fifo_queue)
    ->Arg(0)
    ->Arg(1)
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(collections, stack, riven::linearizable::Model::stack)
    ->Arg(0)
    ->Arg(1)
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(collections, priority_queue, riven::linearizable::Model::priority_queue)
    ->Arg(0)
    ->Arg(1)
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(collections, set, riven::linearizable::Model::set)
    ->Arg(0)
    ->Arg(1)
    ->Unit(benchmark::kMillisecond);

}  // namespace

BENCHMARK_MAIN();
