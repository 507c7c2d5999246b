#include "harness/run/thread_executor.h"

#include <sys/resource.h>

#include <condition_variable>
#include <map>
#include <mutex>
#include <set>
#include <stdexcept>
#include <thread>

#include "tests/scheduler/recorded.h"

namespace riven {

using gen::op;
using End = RunOutcome::End;

namespace {

constexpr int64_t kMs = kNanosPerMilli;

/// A client made of functions.
class ScriptedClient final : public Client {
 public:
  using Invoke = std::function<Outcome(const Op&, int64_t)>;
  explicit ScriptedClient(Invoke invoke, std::function<void()> cancel = {})
      : invoke_(std::move(invoke)), cancel_(std::move(cancel)) {}
  Outcome invoke(const Op& o, int64_t deadline_ns) override { return invoke_(o, deadline_ns); }
  void cancel() noexcept override {
    if (cancel_) cancel_();
  }

 private:
  Invoke invoke_;
  std::function<void()> cancel_;
};

ThreadExecutorOptions with_client(size_t clients, ScriptedClient::Invoke invoke) {
  ThreadExecutorOptions options;
  options.clients = clients;
  options.connect = [invoke = std::move(invoke)](Thread, size_t, Process) -> Result<std::unique_ptr<Client>> {
    return std::unique_ptr<Client>(std::make_unique<ScriptedClient>(invoke));
  };
  return options;
}

SchedulerOptions with_threads(size_t clients) {
  SchedulerOptions options;
  options.clients = clients;
  return options;
}

/// Something that threads wait for until it is opened.
class Gate {
 public:
  void open() {
    const std::lock_guard lock(mutex_);
    open_ = true;
    opened_.notify_all();
  }
  void wait() {
    std::unique_lock lock(mutex_);
    opened_.wait(lock, [&] { return open_; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable opened_;
  bool open_ = false;
};

}  // namespace

TEST_CASE("threads: many operations, all recorded") {
  for (const size_t clients : {1u, 5u, 40u}) {
    ThreadExecutor executor(with_client(clients, [](const Op& o, int64_t) { return Outcome::ok(o.value); }));
    Recorded sink;
    const RunOutcome outcome = run_scheduler(with_threads(clients), reads(20'000), executor, sink);
    CHECK(outcome.end == End::exhausted);
    CHECK(outcome.counts.ok == 20'000);
    sink.check_well_formed();
    CHECK(executor.finish() == 0);
  }
}

TEST_CASE("threads: the recorded interval contains the real one, and the invocation is recorded first") {
  std::mutex mutex;
  std::map<int64_t, std::pair<int64_t, int64_t>> real;  // by value
  std::set<int64_t> recorded;
  class Noting final : public EntrySink {
   public:
    Noting(std::mutex& m, std::set<int64_t>& r) : mutex_(m), recorded_(r) {}
    Status append(const Op& o) override {
      const std::lock_guard lock(mutex_);
      recorded_.insert(o.value.integer());
      return inner.append(o);
    }
    Recorded inner;

   private:
    std::mutex& mutex_;
    std::set<int64_t>& recorded_;
  };
  int unrecorded = 0;
  const int64_t before = monotonic_now_ns();
  ThreadExecutor executor(with_client(4, [&](const Op& o, int64_t) {
    const int64_t begin = monotonic_now_ns();
    const std::lock_guard lock(mutex);
    unrecorded += recorded.count(o.value.integer()) == 0 ? 1 : 0;
    real[o.value.integer()] = {begin, monotonic_now_ns()};
    return Outcome::ok(o.value);
  }));
  const int64_t origin = monotonic_now_ns() - executor.now_ns();
  CHECK(origin - before < 1'000 * kMs);
  std::vector<gen::Draft> drafts;
  for (int i = 0; i < 5'000; ++i) drafts.push_back(op("w", i));
  Noting sink(mutex, recorded);
  run_scheduler(with_threads(4), gen::clients(gen::ops(drafts)), executor, sink);
  CHECK(unrecorded == 0);
  int narrow = 0;
  // The two clock reads behind `origin` are not one moment: allow for a millisecond between them.
  for (const Op& o : sink.inner.entries) {
    const auto [begin, end] = real[o.value.integer()];
    if (o.type == OpType::invoke) narrow += o.time_ns + origin > begin + kMs ? 1 : 0;
    if (o.type == OpType::ok) narrow += o.time_ns + origin + kMs < end ? 1 : 0;
  }
  CHECK(narrow == 0);
}

TEST_CASE("threads: a fresh client for each process, on the thread's node") {
  std::mutex mutex;
  std::vector<std::string> made;
  std::map<Process, int> destroyed;
  class Noted final : public Client {
   public:
    Noted(Process p, std::mutex& m, std::map<Process, int>& d) : process_(p), mutex_(m), destroyed_(d) {}
    ~Noted() override {
      const std::lock_guard lock(mutex_);
      ++destroyed_[process_];
    }
    Outcome invoke(const Op& o, int64_t) override {
      CHECK(o.process == process_);
      if (o.value == Value(1)) return Outcome::unknown("time-out");
      if (o.value == Value(2)) throw std::runtime_error("broken pipe");
      return Outcome::rejected("no");
    }

   private:
    Process process_;
    std::mutex& mutex_;
    std::map<Process, int>& destroyed_;
  };
  ThreadExecutorOptions options;
  options.clients = 3;
  options.nodes = 2;
  options.connect = [&](Thread t, size_t node, Process p) -> Result<std::unique_ptr<Client>> {
    const std::lock_guard lock(mutex);
    made.push_back(std::to_string(t) + " n" + std::to_string(node) + " p" + std::to_string(p));
    return std::unique_ptr<Client>(std::make_unique<Noted>(p, mutex, destroyed));
  };
  Recorded sink;
  {
    ThreadExecutor executor(options);
    const auto on_last =
        gen::on_threads(ThreadSet{2}, gen::ops({op("a", 0), op("a", 1), op("a", 0), op("a", 2), op("a", 0)}));
    run_scheduler(with_threads(3), on_last, executor, sink);
  }
  CHECK(made == std::vector<std::string>{"2 n0 p2", "2 n0 p5", "2 n0 p8"});
  CHECK(destroyed == std::map<Process, int>{{2, 1}, {5, 1}, {8, 1}});
  std::vector<std::string> ends;
  for (const Op& o : sink.entries) {
    if (o.type != OpType::invoke) ends.push_back(std::string(to_text(o.type)) + " " + to_edn(o.error));
  }
  CHECK(ends == std::vector<std::string>{R"(fail "no")", R"(info "time-out")", R"(fail "no")",
                                         R"(info "exception: broken pipe")", R"(fail "no")"});
}

TEST_CASE("threads: an operation without a client certainly did not happen") {
  int tries = 0;
  ThreadExecutorOptions options;
  options.clients = 1;
  options.connect = [&](Thread, size_t, Process) -> Result<std::unique_ptr<Client>> {
    switch (tries++) {
      case 0:
        return Error{"connection refused"};
      case 1:
        throw std::runtime_error("no route");
      case 2:
        return std::unique_ptr<Client>();
      default:
        return std::unique_ptr<Client>(
            std::make_unique<ScriptedClient>([](const Op& o, int64_t) { return Outcome::ok(o.value); }));
    }
  };
  ThreadExecutor executor(options);
  Recorded sink;
  const RunOutcome outcome = run_scheduler(with_threads(1), reads(4), executor, sink);
  CHECK(outcome.counts.fail == 3);
  CHECK(outcome.counts.ok == 1);
  CHECK(sink.entries[1].error == Value("no client: connection refused"));
  CHECK(sink.entries[3].error == Value("no client: no route"));
  CHECK(sink.entries[7].process == 0);
}

TEST_CASE("threads: a hung client is cancelled and replaced, and cannot hang the run") {
  auto gate = std::make_shared<Gate>();
  auto cancelled = std::make_shared<std::atomic<int>>(0);
  ThreadExecutorOptions options;
  options.clients = 2;
  options.connect = [=](Thread, size_t, Process) -> Result<std::unique_ptr<Client>> {
    return std::unique_ptr<Client>(std::make_unique<ScriptedClient>(
        [=](const Op& o, int64_t) {
          if (o.process == 0) gate->wait();
          return Outcome::ok(o.value);
        },
        [=] {
          ++*cancelled;
          gate->open();
        }));
  };
  ThreadExecutor executor(options);
  Recorded sink;
  SchedulerOptions scheduling = with_threads(2);
  scheduling.op_timeout_ns = 30 * kMs;
  scheduling.grace_ns = 10 * kMs;
  const auto generator = gen::each_thread(gen::limit(3, gen::repeat(gen::one(op("x")))));
  const RunOutcome outcome = run_scheduler(scheduling, gen::clients(generator), executor, sink);
  CHECK(outcome.end == End::exhausted);
  CHECK(outcome.counts.info == 1);
  CHECK(outcome.counts.ok == 5);
  CHECK(outcome.deadlines == 1);
  CHECK(*cancelled == 1);
  sink.check_well_formed();
  for (const Op& o : sink.entries) {
    if (o.type == OpType::info) CHECK(o.error == Value("deadline"));
  }
  CHECK(executor.finish() == 0);
}

TEST_CASE("threads: a client that heeds nothing is left behind, counted, and harms nobody when it returns") {
  auto gate = std::make_shared<Gate>();
  auto returned = std::make_shared<std::atomic<int>>(0);
  Recorded sink;
  {
    ThreadExecutorOptions options = with_client(3, [=](const Op& o, int64_t) {
      if (o.process < 3) {
        gate->wait();
        ++*returned;
        throw std::runtime_error("at last");
      }
      return Outcome::ok(o.value);
    });
    options.join_ns = 20 * kMs;
    ThreadExecutor executor(options);
    SchedulerOptions scheduling = with_threads(3);
    scheduling.op_timeout_ns = 20 * kMs;
    scheduling.grace_ns = 0;
    const RunOutcome outcome = run_scheduler(scheduling, reads(9), executor, sink);
    CHECK(outcome.deadlines == 3);
    CHECK(outcome.counts.ok == 6);
    CHECK(executor.finish() == 3);
  }
  gate->open();
  while (*returned < 3) std::this_thread::yield();
  CHECK(sink.entries.size() == 18);
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
}

TEST_CASE("threads: the nemesis, its errors, and that it never runs twice at once") {
  auto gate = std::make_shared<Gate>();
  auto inside = std::make_shared<std::atomic<int>>(0);
  auto twice = std::make_shared<std::atomic<bool>>(false);
  ThreadExecutorOptions options;
  options.clients = 0;
  options.nemesis = [=](const Op& o) -> Result<Value> {
    if (++*inside > 1) *twice = true;
    const std::string_view f = o.f.text();
    if (f == "hang") gate->wait();
    --*inside;
    if (f == "error") return Error{"no such node"};
    if (f == "throw") throw std::runtime_error("bad cable");
    return Value("cut");
  };
  ThreadExecutor executor(options);
  Recorded sink;
  SchedulerOptions scheduling = with_threads(0);
  scheduling.nemesis_timeout_ns = 20 * kMs;
  scheduling.grace_ns = 0;
  Scheduler scheduler(scheduling, executor, sink);
  const auto each = [](std::vector<gen::Draft> drafts) { return gen::nemesis(gen::ops(std::move(drafts))); };
  scheduler.run(each({op("start"), op("error"), op("throw"), op("hang"), op("stop")}));
  std::vector<std::string> ends;
  for (size_t i = 1; i < sink.entries.size(); i += 2) {
    ends.push_back(to_edn(sink.entries[i].value) + " " + to_edn(sink.entries[i].error));
  }
  CHECK(ends == std::vector<std::string>{R"("cut" nil)", R"(nil "no such node")",
                                         R"(nil "exception: bad cable")", R"(nil "deadline")",
                                         R"(nil "the nemesis has not come back from an earlier operation")"});
  gate->open();
  while (*inside > 0) std::this_thread::yield();
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  scheduler.run(each({op("start")}));
  CHECK(sink.entries.back().value == Value("cut"));
  CHECK_FALSE(*twice);
  sink.check_well_formed();
}

TEST_CASE("threads: stopped or aborted at any moment") {
  for (uint64_t seed = 0; seed < 30; ++seed) {
    RunControl control;
    ThreadExecutor executor(with_client(6, [](const Op& o, int64_t) {
      const auto h = mix64(static_cast<uint64_t>(o.value.integer()));
      if (h % 16 == 0) std::this_thread::sleep_for(std::chrono::microseconds(h % 997));
      if (h % 50 == 1) return Outcome::unknown("lost");
      if (h % 50 == 2) throw std::runtime_error("broken");
      return Outcome::ok(o.value);
    }));
    Recorded sink;
    SchedulerOptions scheduling = with_threads(6);
    scheduling.control = &control;
    std::thread killer([&control, seed] {
      Rng rng(seed);
      std::this_thread::sleep_for(std::chrono::microseconds(rng.below(8'000)));
      rng.chance(0.5) ? control.stop() : control.abort();
    });
    const auto numbers = gen::fn([](const Context&, Rng& rng) -> std::optional<gen::Draft> {
      return op("x", static_cast<int64_t>(rng.below(1'000'000)));
    });
    const RunOutcome outcome = run_scheduler(scheduling, gen::clients(numbers), executor, sink);
    killer.join();
    CHECK((outcome.end == End::stopped || outcome.end == End::aborted));
    CHECK(outcome.counts.in_flight == 0);
    sink.check_well_formed();
  }
}

TEST_CASE("threads: operations are cancelled and replaced all the time") {
  // Every operation sleeps about as long as its deadline allows: completion and abandonment race.
  ThreadExecutor executor(with_client(4, [](const Op& o, int64_t deadline_ns) {
    const int64_t spare = static_cast<int64_t>(mix64(static_cast<uint64_t>(deadline_ns)) % 200'000) - 100'000;
    while (monotonic_now_ns() < deadline_ns + spare) std::this_thread::yield();
    return Outcome::ok(o.value);
  }));
  Recorded sink;
  SchedulerOptions scheduling = with_threads(4);
  scheduling.op_timeout_ns = kMs / 2;
  scheduling.grace_ns = 0;
  const RunOutcome outcome = run_scheduler(scheduling, reads(600), executor, sink);
  CHECK(outcome.counts.ok + outcome.counts.info == 600);
  CHECK(outcome.counts.info == outcome.deadlines);
  CHECK(outcome.counts.info > 0);
  sink.check_well_formed();
}

TEST_CASE("threads: a thousand of them") {
  ThreadExecutor executor(with_client(1'000, [](const Op& o, int64_t) { return Outcome::ok(o.value); }));
  Recorded sink;
  const auto generator = gen::clients(gen::each_thread(gen::one(op("x"))));
  CHECK(run_scheduler(with_threads(1'000), generator, executor, sink).counts.ok == 1'000);
  sink.check_well_formed();
}

TEST_CASE("threads: a slow run does not burn the processor") {
  ThreadExecutor executor(with_client(20, [](const Op& o, int64_t) { return Outcome::ok(o.value); }));
  Recorded sink;
  const auto cpu_ms = [] {
    rusage used{};
    getrusage(RUSAGE_SELF, &used);
    return (used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1'000 +
           (used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1'000;
  };
  const auto before = cpu_ms();
  run_scheduler(with_threads(20), gen::time_limit(600 * kMs, gen::stagger(5 * kMs, reads(1'000'000))),
                executor, sink);
  CHECK(sink.entries.size() > 100);
  CHECK(cpu_ms() - before < 200);
}

}  // namespace riven
