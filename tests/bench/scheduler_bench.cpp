// What the scheduler costs: operations a second through generator, sink, mailboxes and a client that does
// nothing.
#include <benchmark/benchmark.h>

#include "harness/generator/combinators.h"
#include "harness/run/scheduler.h"
#include "harness/run/thread_executor.h"
#include "harness/run/virtual_executor.h"

namespace riven {
namespace {

class NoClient final : public Client {
 public:
  Outcome invoke(const Op& op, int64_t) override { return Outcome::ok(op.value); }
};

class CountingSink final : public EntrySink {
 public:
  Status append(const Op& op) override {
    benchmark::DoNotOptimize(op.time_ns);
    return ok_status();
  }
};

GeneratorPtr register_mix() {
  const auto write = [](const Context&, Rng& rng) -> std::optional<gen::Draft> {
    static const Symbol f("write");
    return gen::op(f, static_cast<int64_t>(rng.below(5)));
  };
  const auto cas = [](const Context&, Rng& rng) -> std::optional<gen::Draft> {
    static const Symbol f("cas");
    return gen::op(f, Value::List{static_cast<int64_t>(rng.below(5)), static_cast<int64_t>(rng.below(5))});
  };
  return gen::clients(gen::mix({gen::repeat(gen::one(gen::op("read"))), gen::fn(write), gen::fn(cas)}));
}

constexpr int64_t kOps = 200'000;

void scheduler_with_threads(benchmark::State& state) {
  const auto threads = static_cast<size_t>(state.range(0));
  for (auto _ : state) {
    ThreadExecutorOptions executor_options;
    executor_options.clients = threads;
    executor_options.connect = [](Thread, size_t, Process) -> Result<std::unique_ptr<Client>> {
      return std::unique_ptr<Client>(std::make_unique<NoClient>());
    };
    ThreadExecutor executor(executor_options);
    CountingSink sink;
    SchedulerOptions options;
    options.clients = threads;
    const RunOutcome outcome = run_scheduler(options, gen::limit(kOps, register_mix()), executor, sink);
    if (outcome.counts.ok != kOps) state.SkipWithError("operations were lost");
  }
  state.SetItemsProcessed(state.iterations() * kOps);
}
BENCHMARK(scheduler_with_threads)
    ->Arg(1)
    ->Arg(5)
    ->Arg(20)
    ->Arg(100)
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);

void scheduler_with_virtual_clock(benchmark::State& state) {
  for (auto _ : state) {
    VirtualExecutor executor(1, [](Simulation& simulation, uint64_t ticket, const Op& op) {
      simulation.after(
          1000, [&simulation, ticket, value = op.value] { simulation.complete(ticket, Outcome::ok(value)); });
    });
    CountingSink sink;
    SchedulerOptions options;
    options.clients = 20;
    run_scheduler(options, gen::limit(kOps, register_mix()), executor, sink);
  }
  state.SetItemsProcessed(state.iterations() * kOps);
}
BENCHMARK(scheduler_with_virtual_clock)->UseRealTime()->Unit(benchmark::kMillisecond);

/// The generator alone: emitting and being told twice.
void generator_alone(benchmark::State& state) {
  World world(20);
  GeneratorPtr generator = register_mix();
  uint64_t n = 0;
  for (auto _ : state) {
    const Context context(world, static_cast<int64_t>(n), mix64(n));
    Step step = generator->next(context);
    ++n;
    generator = std::move(step.rest);
    for (const OpType type : {OpType::invoke, OpType::ok}) {
      step.op.type = type;
      if (Updated updated = generator->update(context, step.op)) generator = std::move(*updated);
    }
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(generator_alone);

}  // namespace
}  // namespace riven

BENCHMARK_MAIN();
