// What the scheduler costs: operations a second through generator, sink, mailboxes and a client that does
// nothing.
#include <benchmark/benchmark.h>
#include <unistd.h>

#include <cstdio>
#include <string>

#include "harness/generator/combinators.h"
#include "harness/run/journal_sink.h"
#include "harness/run/scheduler.h"
#include "harness/run/thread_executor.h"
#include "harness/run/virtual_executor.h"
#include "workloads/generators/register_generator.h"

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

/// Runs kOps operations of `generator` with clients that do nothing.
uint64_t run_with_threads(size_t threads, const GeneratorPtr& generator, EntrySink& sink) {
  ThreadExecutorOptions executor_options;
  executor_options.clients = threads;
  executor_options.connect = [](Thread, size_t, Process) -> Result<std::unique_ptr<Client>> {
    return std::unique_ptr<Client>(std::make_unique<NoClient>());
  };
  ThreadExecutor executor(executor_options);
  SchedulerOptions options;
  options.clients = threads;
  return run_scheduler(options, gen::limit(kOps, generator), executor, sink).counts.ok;
}

void scheduler_with_threads(benchmark::State& state) {
  for (auto _ : state) {
    CountingSink sink;
    if (run_with_threads(static_cast<size_t>(state.range(0)), register_mix(), sink) != kOps) {
      state.SkipWithError("operations were lost");
    }
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

/// All of it: the register workload's generator, 20 threads and the journal on disk.
void scheduler_with_registers_and_journal(benchmark::State& state) {
  for (auto _ : state) {
    const std::string path = "scheduler_bench." + std::to_string(getpid()) + ".riven";
    auto journal = JournalWriter::open(path, {});
    if (!journal) return state.SkipWithError("no journal here");
    JournalSink sink(**journal);
    if (run_with_threads(20, register_generator({}), sink) != kOps)
      state.SkipWithError("operations were lost");
    const Status closed = (*journal)->close();
    std::remove(path.c_str());
    if (!closed) state.SkipWithError("the journal failed");
  }
  state.SetItemsProcessed(state.iterations() * kOps);
}
BENCHMARK(scheduler_with_registers_and_journal)->UseRealTime()->Unit(benchmark::kMillisecond);

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
