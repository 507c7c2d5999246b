#include "harness/run/scheduler.h"

#include <set>
#include <stdexcept>

#include "tests/scheduler/recorded.h"

namespace riven {

using gen::op;
using End = RunOutcome::End;

namespace {

struct Ran {
  RunOutcome outcome;
  Recorded sink;
};

Ran run(GeneratorPtr generator, SchedulerOptions options, SimulatedInvoke invoke, uint64_t seed = 1) {
  VirtualExecutor executor(seed, std::move(invoke));
  Ran ran;
  ran.outcome = run_scheduler(options, std::move(generator), executor, ran.sink);
  return ran;
}

SchedulerOptions with_threads(size_t clients) {
  SchedulerOptions options;
  options.clients = clients;
  options.op_timeout_ns = 1'000;
  options.grace_ns = 100;
  options.drain_ns = 500;
  return options;
}

}  // namespace

TEST_CASE("every operation is recorded as invocation and completion, in order") {
  const Ran ran = run(gen::clients(gen::ops({op("write", 1), op("read"), op("write", 2)})), with_threads(1),
                      answering(10, [](const Op& o) {
                        return o.f == Symbol("read") ? Outcome::ok(1) : Outcome::ok(o.value);
                      }));
  CHECK(ran.sink.lines() == Lines{"0 0 0 invoke write 1", "1 10 0 ok write 1", "2 10 0 invoke read nil",
                                  "3 20 0 ok read 1", "4 20 0 invoke write 2", "5 30 0 ok write 2"});
  CHECK(ran.outcome.end == End::exhausted);
  CHECK(ran.outcome.counts.ok == 3);
  CHECK(ran.outcome.entries == 6);
  CHECK(ran.outcome.counts.in_flight == 0);
}

TEST_CASE("fail keeps the process, info retires it") {
  const Ran ran = run(gen::clients(gen::ops({op("a", 1), op("b", 2), op("c"), op("d")})), with_threads(1),
                      answering(10, [](const Op& o) {
                        if (o.f == Symbol("a")) return Outcome::rejected("no");
                        if (o.f == Symbol("b")) return Outcome::unknown("time-out");
                        if (o.f == Symbol("c")) return Outcome::not_sent("refused");
                        return Outcome::ok(7);
                      }));
  CHECK(ran.sink.lines() == Lines{"0 0 0 invoke a 1", R"(1 10 0 fail a 1 "no")", "2 10 0 invoke b 2",
                                  R"(3 20 0 info b 2 "time-out")", "4 20 1 invoke c nil",
                                  R"(5 30 1 fail c nil "refused")", "6 30 1 invoke d nil", "7 40 1 ok d 7"});
  CHECK(ran.outcome.counts.fail == 2);
  CHECK(ran.outcome.counts.info == 1);
}

TEST_CASE("the nemesis is recorded as info twice and keeps its process") {
  const Ran ran =
      run(gen::nemesis(gen::ops({op("start"), op("stop")})), with_threads(2), answering(5, [](const Op& o) {
            return o.f == Symbol("start") ? Outcome::ok("cut") : Outcome::unknown("lost");
          }));
  CHECK(ran.sink.lines() == Lines{"0 0 -1 info start nil", R"(1 5 -1 info start "cut")",
                                  "2 5 -1 info stop nil", R"(3 10 -1 info stop nil "lost")"});
  CHECK(ran.outcome.counts.nemesis == 2);
  CHECK(ran.outcome.counts.info == 0);
  ran.sink.check_well_formed();
}

TEST_CASE("a client that never answers cannot hang the run") {
  // Process 0's first operation never comes back; or it does, long after it was given up.
  for (const bool late : {false, true}) {
    const Ran ran =
        run(reads(4), with_threads(1), [late](Simulation& simulation, uint64_t ticket, const Op& o) {
          if (o.process == 0 && !late) return;
          simulation.after(o.process == 0 ? 1'105 : 10,
                           [&simulation, ticket] { simulation.complete(ticket, Outcome::ok(1)); });
        });
    CHECK(ran.sink.lines() == Lines{"0 0 0 invoke read nil", R"(1 1100 0 info read nil "deadline")",
                                    "2 1100 1 invoke read nil", "3 1110 1 ok read 1",
                                    "4 1110 1 invoke read nil", "5 1120 1 ok read 1",
                                    "6 1120 1 invoke read nil", "7 1130 1 ok read 1"});
    CHECK(ran.outcome.deadlines == 1);
    CHECK(ran.outcome.end == End::exhausted);
  }
}

TEST_CASE("within its grace an operation may still come back by itself") {
  const Ran ran = run(reads(1), with_threads(1), answering(1'099, echo));
  CHECK(ran.outcome.counts.ok == 1);
  CHECK(ran.outcome.deadlines == 0);
}

TEST_CASE("the nemesis has a deadline of its own") {
  SchedulerOptions options = with_threads(1);
  options.nemesis_timeout_ns = 5'000;
  const Ran ran = run(gen::nemesis(gen::ops({op("start"), op("stop")})), options,
                      [](Simulation& simulation, uint64_t ticket, const Op& o) {
                        if (o.f == Symbol("start")) return;
                        simulation.after(
                            10, [&simulation, ticket] { simulation.complete(ticket, Outcome::ok(Value())); });
                      });
  REQUIRE(ran.sink.entries.size() == 4);
  CHECK(ran.sink.entries[1].time_ns == 5'100);
  CHECK(ran.sink.entries[1].error == Value("deadline"));
}

TEST_CASE("a generator that throws ends the run with its words, and what was in flight still completes") {
  const auto bad = gen::fn([](const Context& context, Rng&) -> std::optional<gen::Draft> {
    if (context.time_ns() >= 20) throw std::runtime_error("no more ideas");
    return op("x");
  });
  // Thread 0 has a long operation; thread 1's end makes the generator throw.
  const Ran ran = run(bad, with_threads(2), [](Simulation& simulation, uint64_t ticket, const Op& o) {
    simulation.after(o.process == 0 ? 100 : 20,
                     [&simulation, ticket] { simulation.complete(ticket, Outcome::ok(1)); });
  });
  CHECK(ran.outcome.end == End::generator_error);
  CHECK(ran.outcome.error.find("no more ideas") != std::string::npos);
  CHECK(ran.outcome.error.find("after 2 operations") != std::string::npos);
  CHECK(ran.outcome.counts.ok == 2);
  ran.sink.check_well_formed();
}

TEST_CASE("a generator that throws when told of an operation") {
  const auto bad = gen::on_update(
      [](const GeneratorPtr&, const Context&, const Op& o) -> Updated {
        if (o.type == OpType::ok) throw std::logic_error("unexpected success");
        return std::nullopt;
      },
      reads(5));
  const Ran ran = run(bad, with_threads(1), answering(10, echo));
  CHECK(ran.outcome.end == End::generator_error);
  CHECK(ran.outcome.error.find("told of ok read") != std::string::npos);
  CHECK(ran.sink.entries.size() == 2);
}

namespace {

/// Emits for process 0 whether it is free or not.
class Rude final : public Generator {
  Step next(const Context&) const override {
    Op o;
    o.f = Symbol("x");
    return Step::emit(o, std::make_shared<Rude>());
  }
};

class Waiting final : public Generator {
  Step next(const Context&) const override { return Step::pending(); }
};

}  // namespace

TEST_CASE("a generator that emits for a busy process, or waits for ever, is an error and not a hang") {
  const Ran rude = run(std::make_shared<Rude>(), with_threads(1), answering(10, echo));
  CHECK(rude.outcome.end == End::generator_error);
  CHECK(rude.outcome.error.find("process 0, which is not free") != std::string::npos);
  CHECK(rude.outcome.counts.ok == 1);

  const Ran waiting = run(std::make_shared<Waiting>(), with_threads(1), answering(10, echo));
  CHECK(waiting.outcome.end == End::generator_error);
  CHECK(waiting.outcome.error.find("waits for ever") != std::string::npos);
}

TEST_CASE("a sink that fails ends the run cleanly, at any entry") {
  for (size_t at = 0; at < 12; ++at) {
    VirtualExecutor executor(1, answering(10, echo));
    Recorded sink;
    sink.fail_at = at;
    const RunOutcome outcome = run_scheduler(with_threads(3), reads(1'000), executor, sink);
    CHECK(outcome.end == End::sink_error);
    CHECK(outcome.error == "no space left on device");
    CHECK(sink.entries.size() == at);
    CHECK(outcome.entries == static_cast<int64_t>(at));
    sink.check_well_formed(false);
  }
}

TEST_CASE("a sink that fails when the generator is already done is still the reason") {
  VirtualExecutor executor(1, answering(10, echo));
  Recorded sink;
  sink.fail_at = 3;
  CHECK(run_scheduler(with_threads(2), reads(2), executor, sink).end == End::sink_error);
}

TEST_CASE("a client never sees an operation whose invocation was not recorded") {
  Recorded sink;
  sink.fail_at = 7;
  size_t seen = 0;
  VirtualExecutor executor(1, [&](Simulation& simulation, uint64_t ticket, const Op& o) {
    ++seen;
    CHECK(sink.entries.back().type == OpType::invoke);
    CHECK(sink.entries.back().process == o.process);
    simulation.after(10, [&simulation, ticket] { simulation.complete(ticket, Outcome::ok(1)); });
  });
  // Three invocations, then twice a completion and an invocation; the eighth entry cannot be written.
  run_scheduler(with_threads(3), reads(1'000), executor, sink);
  CHECK(seen == 5);
}

TEST_CASE("stop: no new operations, those in flight may complete") {
  RunControl control;
  SchedulerOptions options = with_threads(2);
  options.control = &control;
  const Ran ran = run(gen::clients(gen::delay(300, gen::repeat(gen::one(op("x"))))), options,
                      [&](Simulation& simulation, uint64_t ticket, const Op& o) {
                        const bool last = simulation.now_ns() >= 600;
                        if (last) control.stop();
                        // The last one is too slow for the 500 ns that it gets.
                        simulation.after(last ? 900 : 200,
                                         [&simulation, ticket, o] { simulation.complete(ticket, echo(o)); });
                      });
  CHECK(ran.outcome.end == End::stopped);
  CHECK(ran.sink.entries.back().error == Value("stopped"));
  CHECK(ran.outcome.counts.ok == 2);
  CHECK(ran.outcome.counts.info == 1);
  ran.sink.check_well_formed();
}

TEST_CASE("abort, or stop twice: return at once, the rest is info") {
  for (const bool twice : {false, true}) {
    RunControl control;
    SchedulerOptions options = with_threads(3);
    options.control = &control;
    const Ran ran = run(reads(1'000), options, [&](Simulation& simulation, uint64_t ticket, const Op& o) {
      if (simulation.now_ns() >= 50) {
        if (twice) control.stop();
        twice ? control.stop() : control.abort();
      }
      simulation.after(10, [&simulation, ticket, o] { simulation.complete(ticket, echo(o)); });
    });
    CHECK(ran.outcome.end == End::aborted);
    CHECK(ran.sink.entries.back().error == Value("aborted"));
    CHECK(ran.sink.entries.back().time_ns == 50);
    ran.sink.check_well_formed();
  }
}

TEST_CASE("the hard stop ends a run whatever the generator says") {
  SchedulerOptions options = with_threads(2);
  options.hard_stop_ns = 2'050;
  const Ran ran = run(gen::clients(gen::repeat(gen::one(op("x")))), options, answering(100, echo));
  CHECK(ran.outcome.end == End::hard_stop);
  CHECK(ran.sink.entries.back().time_ns == 2'100);
  CHECK(ran.outcome.counts.info == 0);
}

TEST_CASE("sleep occupies a thread and log is a line; neither is recorded") {
  std::vector<std::string> log;
  SchedulerOptions options = with_threads(1);
  options.log = [&](std::string_view line) { log.emplace_back(line); };
  const Ran ran = run(gen::sequence({gen::sleep(5'000), gen::log("awake"), reads(1), gen::log("done")}),
                      options, answering(10, echo));
  CHECK(ran.sink.lines() == Lines{"0 5000 0 invoke read nil", "1 5010 0 ok read nil"});
  CHECK(log == std::vector<std::string>{"awake", "done"});
  CHECK(ran.outcome.end == End::exhausted);
}

TEST_CASE("stop does not wait for sleepers") {
  RunControl control;
  SchedulerOptions options = with_threads(1);
  options.control = &control;
  options.progress = [&](const Progress& p) {
    if (p.elapsed_ns > 0) control.stop();
  };
  const Ran ran = run(gen::sleep(3'600'000'000'000), options, answering(10, echo));
  CHECK(ran.outcome.end == End::stopped);
}

TEST_CASE("progress is told regularly and at the end") {
  std::vector<Progress> told;
  SchedulerOptions options = with_threads(4);
  options.progress_interval_ns = 1'000;
  options.progress = [&](const Progress& p) { told.push_back(p); };
  run(gen::time_limit(10'000, reads(1'000'000)), options, answering(100, echo));
  REQUIRE(told.size() >= 10);
  CHECK(told[5].in_flight > 0);
  CHECK(told[5].elapsed_ns == 5'000);
  CHECK(told.back().in_flight == 0);
  CHECK(told.back().ok == 400);
}

TEST_CASE("phases of one scheduler go on counting") {
  VirtualExecutor executor(1, answering(10, [](const Op&) { return Outcome::unknown("lost"); }));
  Recorded sink;
  Scheduler scheduler(with_threads(2), executor, sink);
  CHECK(scheduler.run(reads(2)).counts.info == 2);
  const RunOutcome second = scheduler.run(reads(2));
  CHECK(second.counts.info == 4);
  CHECK(second.entries == 8);
  sink.check_well_formed();
  std::set<Process> processes;
  for (const Op& o : sink.entries) processes.insert(o.process);
  CHECK(processes == std::set<Process>{0, 1, 2, 3});
}

TEST_CASE("nothing to do is a run too") {
  CHECK(run(nullptr, with_threads(0), answering(1, echo)).outcome.end == End::exhausted);
  CHECK(run(gen::nemesis(gen::one(op("x"))), with_threads(0), answering(1, echo)).outcome.counts.nemesis ==
        1);
}

namespace {

/// A world of chance: any outcome, latencies over several decades, some answers never.
SimulatedInvoke chaos() {
  return [](Simulation& simulation, uint64_t ticket, const Op& o) {
    Rng& rng = simulation.rng();
    if (rng.chance(0.02)) return;
    const auto latency = static_cast<int64_t>(rng.below(rng.chance(0.1) ? 3'000 : 30));
    const uint64_t kind = rng.below(6);
    simulation.after(latency, [&simulation, ticket, o, kind] {
      simulation.complete(ticket, kind == 0   ? Outcome::unknown("?")
                                  : kind == 1 ? Outcome::rejected("no")
                                  : kind == 2 ? Outcome::not_sent("refused")
                                              : Outcome::ok(static_cast<int64_t>(kind)));
    });
  };
}

GeneratorPtr everything() {
  const auto x = gen::fn([](const Context&, Rng& rng) -> std::optional<gen::Draft> {
    return op("x", static_cast<int64_t>(rng.below(100)));
  });
  const auto fault = gen::flip_flop(gen::repeat(gen::one(op("start"))), gen::repeat(gen::one(op("stop"))));
  return gen::time_limit(
      20'000, gen::clients_and_nemesis(gen::reserve({{2, gen::stagger(50, x)}},
                                                    gen::mix({x, gen::each_process(gen::limit(9, x))})),
                                       gen::delay(900, fault)));
}

}  // namespace

TEST_CASE("a seed gives the same history, byte for byte; another seed another one") {
  std::set<std::string> histories;
  for (uint64_t seed = 0; seed < 20; ++seed) {
    SchedulerOptions options = with_threads(5);
    options.seed = seed;
    const Ran first = run(everything(), options, chaos(), seed);
    const Ran second = run(everything(), options, chaos(), seed);
    CHECK(first.sink.lines() == second.sink.lines());
    CHECK(first.outcome.end == End::exhausted);
    first.sink.check_well_formed();
    std::string all;
    for (const std::string& line : first.sink.lines()) all += line + "\n";
    histories.insert(all);
    CHECK(first.sink.entries.size() > 500);
  }
  CHECK(histories.size() == 20);
}

TEST_CASE("stopped, aborted or out of disk at any moment, the history is well formed") {
  for (uint64_t seed = 0; seed < 150; ++seed) {
    Rng rng(seed);
    RunControl control;
    SchedulerOptions options = with_threads(4);
    options.seed = seed;
    options.control = &control;
    options.progress_interval_ns = 1;
    const auto moment = static_cast<int64_t>(rng.below(20'000));
    const bool abort = rng.chance(0.5);
    options.progress = [&](const Progress& p) {
      if (p.elapsed_ns >= moment) abort ? control.abort() : control.stop();
    };
    VirtualExecutor executor(seed, chaos());
    Recorded sink;
    if (rng.chance(0.3)) sink.fail_at = rng.below(300);
    const RunOutcome outcome = run_scheduler(options, everything(), executor, sink);
    sink.check_well_formed(outcome.end != End::sink_error && sink.fail_at == SIZE_MAX);
    CHECK(outcome.counts.in_flight == 0);
  }
}

}  // namespace riven
