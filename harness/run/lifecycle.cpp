#include "harness/run/lifecycle.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <mutex>

#include "harness/core/at_once.h"
#include "harness/core/clock.h"
#include "harness/core/join.h"
#include "harness/core/rng.h"
#include "harness/generator/combinators.h"
#include "harness/run/journal_sink.h"
#include "harness/run/thread_executor.h"

namespace riven {

namespace {

/// A client whose node does not even take requests is not asked again at once: a dead node would fill the
/// history with refusals, thousands a second.
class PacedClient final : public Client {
 public:
  explicit PacedClient(std::unique_ptr<Client> client) : client_(std::move(client)) {}

  Outcome invoke(const Op& op, int64_t deadline_ns) override {
    Outcome outcome = client_->invoke(op, deadline_ns);
    if (outcome.outcome_case() == Outcome::Case::not_sent) {
      constexpr auto kPause = std::chrono::milliseconds(100);
      std::unique_lock lock(mutex_);
      cancelled_.wait_for(lock, kPause, [&] { return is_cancelled_; });
    }
    return outcome;
  }
  void cancel() noexcept override {
    client_->cancel();
    {
      const std::lock_guard lock(mutex_);
      is_cancelled_ = true;
    }
    cancelled_.notify_all();
  }

 private:
  std::unique_ptr<Client> client_;
  std::mutex mutex_;
  std::condition_variable cancelled_;
  bool is_cancelled_ = false;
};

int64_t sum_of(const Value::List& flat_pairs) {
  int64_t sum = 0;
  for (size_t i = 1; i < flat_pairs.size(); i += 2)
    sum += flat_pairs[i].is_integer() ? flat_pairs[i].integer() : 0;
  return sum;
}

/// What a nemesis operation did, for one line on a terminal: the whole value is in the history.
std::string shortened(const Value& done) {
  if (!done.is_map()) return done.kind() == Value::Kind::string ? std::string(done.text()) : to_edn(done);
  std::vector<std::string> fields;
  const Value::List& pairs = done.flat_map();
  for (size_t i = 0; i < pairs.size(); i += 2) {
    const bool counts = pairs[i].is_name("dropped") && pairs[i + 1].is_map();
    if (pairs[i + 1].is_map() && !counts) continue;
    const std::string what = counts ? std::to_string(sum_of(pairs[i + 1].flat_map())) : to_edn(pairs[i + 1]);
    fields.push_back(std::string(pairs[i].text()) + " " + what);
  }
  return joined(fields);
}

/// Runs fn on every node at once; the complaints, in node order.
std::vector<std::string> on_all_nodes(const std::vector<Node>& nodes,
                                      const std::function<Status(const Node&)>& fn) {
  std::vector<std::string> complaints(nodes.size());
  at_once(nodes.size(), [&](size_t i) {
    if (const Status done = fn(nodes[i]); !done) complaints[i] = done.error().message;
  });
  std::erase(complaints, std::string());
  return complaints;
}

}  // namespace

struct Lifecycle::State {
  State(FaultTarget where, Database& what, const Workload& doing, std::vector<FaultPackage> breaking,
        const LifecycleOptions& how, LifecycleHooks reporting)
      : target(std::move(where)),
        database(what),
        workload(doing),
        faults(target, std::move(breaking), how.max_broken),
        options(how),
        hooks(std::move(reporting)) {}

  FaultTarget target;
  Database& database;
  const Workload& workload;
  FaultDriver faults;
  LifecycleOptions options;
  LifecycleHooks hooks;
  RunControl control;
  size_t stragglers = 0;
  std::vector<std::string> in_force;  // the nemesis thread's

  bool asked_to_stop() const { return hooks.stop != nullptr && hooks.stop->load() > 0; }

  void say(const std::string& line) const {
    if (hooks.say) hooks.say(line);
  }

  Result<Value> break_something(const Op& op) {
    return faults.invoke(op, [this](const FaultStep& step, const Result<Value>& done) {
      const bool idle = done && done->kind() == Value::Kind::string && !step.begins;  // nothing was in force
      if (!idle) say(std::string(step.f.text()) + ": " + (done ? shortened(*done) : done.error().message));
      if (step.not_done.empty()) note_in_force(step.fault, step.begins);
      if (hooks.fault_step) hooks.fault_step(step);
    });
  }

  void note_in_force(const std::string& fault, bool begins) {
    std::erase(in_force, fault);
    if (begins) in_force.push_back(fault);
    if (hooks.in_force) hooks.in_force(in_force);
  }

  /// In turns, each package's start and stop before the next one's, so that two faults never add up to a lost
  /// majority.
  GeneratorPtr all_faults() const {
    // The clients go on when the last scheduled fault is over.
    if (options.schedule) {
      const auto nothing = [](const Context&, Rng&) -> std::optional<gen::Draft> { return std::nullopt; };
      return gen::sequence({options.schedule, gen::poll(kNanosPerSecond, nothing)});
    }
    constexpr int64_t kStartAndStop = 2;
    gen::Generators nemeses;
    for (const FaultPackage& package : faults.packages()) {
      nemeses.push_back(options.faults_together ? package.generator
                                                : gen::limit(kStartAndStop, package.generator));
    }
    if (options.faults_together) return gen::any(std::move(nemeses));
    Rng rng(options.seed);
    for (size_t i = nemeses.size(); i > 1; --i) std::swap(nemeses[i - 1], nemeses[rng.below(i)]);
    return gen::cycle(gen::sequence(std::move(nemeses)));
  }

  GeneratorPtr safety_phase() const {
    GeneratorPtr load = gen::clients(workload.generator);
    if (!faults.packages().empty()) load = gen::shortest_any({load, gen::nemesis(all_faults())});
    return gen::time_limit(options.time_limit_ns, std::move(load));
  }

  GeneratorPtr healing_phase() const {
    gen::Generators finals;
    for (const FaultPackage& package : faults.packages()) finals.push_back(package.final_generator);
    return gen::nemesis(gen::phases(std::move(finals)));
  }

  SchedulerOptions scheduler_options() {
    SchedulerOptions scheduling;
    scheduling.seed = options.seed;
    scheduling.clients = options.concurrency;
    scheduling.op_timeout_ns = options.op_timeout_ns;
    scheduling.nemesis_timeout_ns = options.nemesis_timeout_ns;
    // Time limit, one stuck nemesis operation, healing and final operations; whatever comes, the run ends.
    scheduling.hard_stop_ns = options.time_limit_ns + 3 * options.nemesis_timeout_ns +
                              options.final_limit_ns + 2 * options.ready_deadline.count() * kNanosPerMilli;
    scheduling.control = &control;
    scheduling.progress = [this](const Progress& progress) {
      const int wanted = hooks.stop == nullptr ? 0 : hooks.stop->load();
      if (wanted >= 1 && !control.stopping()) control.stop();
      if (wanted >= 2) control.abort();
      if (hooks.progress) hooks.progress(progress);
    };
    scheduling.log = [this](std::string_view line) { say(std::string(line)); };
    return scheduling;
  }

  ThreadExecutorOptions executor_options() {
    ThreadExecutorOptions executing;
    executing.clients = options.concurrency;
    executing.nodes = target.nodes.size();
    executing.connect = [this](Thread, size_t node, Process) -> Result<std::unique_ptr<Client>> {
      auto client = database.connect(target.nodes[node]);
      if (!client) return Error{"no client for " + target.nodes[node].name};
      return std::unique_ptr<Client>(std::make_unique<PacedClient>(std::move(client)));
    };
    executing.nemesis = [this](const Op& op) { return break_something(op); };
    return executing;
  }

  /// The phases in order; what ended the run is noted in `recorded`.
  Status run_phases(Scheduler& scheduler, Recorded& recorded);
};

Status Lifecycle::State::run_phases(Scheduler& scheduler, Recorded& recorded) {
  const auto failure = [](const RunOutcome& outcome) {
    const bool broken =
        outcome.end == RunOutcome::End::generator_error || outcome.end == RunOutcome::End::sink_error;
    return broken ? Status(Error{outcome.error}) : ok_status();
  };
  RunOutcome outcome = scheduler.run(safety_phase());
  if (outcome.end == RunOutcome::End::hard_stop)
    recorded.complaints.push_back("the run did not end by itself: " + outcome.error);
  Status status = failure(outcome);
  if (status && !asked_to_stop()) {
    outcome = scheduler.run(healing_phase());
    status = failure(outcome);
  }
  for (std::string& complaint : faults.heal()) recorded.complaints.push_back(std::move(complaint));
  recorded.interrupted = asked_to_stop();
  if (!status || recorded.interrupted || !workload.final_generator) return status;

  say("waiting until the cluster is whole");
  if (const Status whole = database.await_ready(target.nodes, options.ready_deadline); !whole) {
    recorded.complaints.push_back("no final operations, the cluster did not become whole: " +
                                  whole.error().message);
    return ok_status();
  }
  outcome = scheduler.run(gen::time_limit(options.final_limit_ns, gen::clients(workload.final_generator)));
  return failure(outcome);
}

Status bring_up(Database& database, const std::vector<Node>& nodes, Milliseconds ready_deadline) {
  // What cannot be torn down, set-up names.
  on_all_nodes(nodes, [&](const Node& node) { return database.teardown(node, nodes); });
  const auto complaints = on_all_nodes(nodes, [&](const Node& node) { return database.setup(node, nodes); });
  Status up = complaints.empty() ? database.await_ready(nodes, ready_deadline)
                                 : Error{"set-up failed: " + joined(complaints, "; ")};
  ServerControl* const servers = database.server_control();
  if (!up && servers != nullptr) on_all_nodes(nodes, [&](const Node& node) { return servers->kill(node); });
  return up;
}

Lifecycle::Lifecycle(FaultTarget target, Database& database, const Workload& workload,
                     std::vector<FaultPackage> faults, const LifecycleOptions& options, LifecycleHooks hooks)
    : state_(std::make_unique<State>(std::move(target), database, workload, std::move(faults), options,
                                     std::move(hooks))) {}

Lifecycle::~Lifecycle() {
  state_->faults.heal();
  if (state_->stragglers > 0) static_cast<void>(state_.release());
}

size_t Lifecycle::stragglers() const { return state_->stragglers; }

Status Lifecycle::set_up() {
  State& s = *state_;
  if (const Status prepared = s.faults.prepare(); !prepared) return prepared;
  return bring_up(s.database, s.target.nodes, s.options.ready_deadline);
}

Result<Recorded> Lifecycle::drive() {
  State& s = *state_;
  auto journal =
      JournalWriter::open(s.options.directory + "/history.riven", {.metadata = s.options.metadata});
  if (!journal) return journal.error();

  Recorded recorded;
  recorded.version = s.database.version(s.target.nodes.front());
  JournalSink sink(**journal, s.workload.groups);
  s.target.groups = s.workload.groups;  // shared with a nemesis that may never return
  ThreadExecutor executor(s.executor_options());
  Scheduler scheduler(s.scheduler_options(), executor, sink);
  Status status = s.run_phases(scheduler, recorded);
  s.stragglers = executor.finish();
  if (s.stragglers > 0)
    recorded.complaints.push_back(std::to_string(s.stragglers) + " client(s) never returned");
  const Status closed = (*journal)->close();
  if (status && !closed) status = closed;
  if (!status) {
    for (std::string& complaint : s.faults.heal()) recorded.complaints.push_back(std::move(complaint));
    recorded.cut_short = status.error().message;
  }
  recorded.first_operation_ns = sink.first_ns();
  recorded.last_operation_ns = sink.last_ns();
  return recorded;
}

std::vector<std::string> Lifecycle::download_logs() {
  State& s = *state_;
  return on_all_nodes(s.target.nodes, [&](const Node& node) -> Status {
    const std::filesystem::path folder = std::filesystem::path(s.options.directory) / "nodes" / node.name;
    std::error_code error;
    std::filesystem::create_directories(folder, error);
    if (error) return Error{"cannot make " + folder.string() + ": " + error.message()};
    std::vector<std::string> errors;
    for (const std::string& log : s.database.log_files(node)) {
      constexpr Milliseconds kDeadline{30'000};
      const auto done =
          node.session->download(log, folder / std::filesystem::path(log).filename(), kDeadline);
      if (!done) errors.push_back(done.error().message);
    }
    return errors.empty() ? ok_status() : Status(Error{"log of " + node.name + ": " + joined(errors, "; ")});
  });
}

std::vector<std::string> Lifecycle::tear_down() {
  State& s = *state_;
  return on_all_nodes(s.target.nodes, [&](const Node& node) -> Status {
    const Status done = s.database.teardown(node, s.target.nodes);
    return done ? ok_status() : Status(Error{"tear-down of " + node.name + ": " + done.error().message});
  });
}

}  // namespace riven
