#include "harness/run/scheduler.h"

#include <algorithm>
#include <exception>
#include <vector>

#include "harness/core/check.h"
#include "harness/core/exception_text.h"
#include "harness/generator/combinators.h"
#include "harness/generator/wrap.h"

namespace riven {

namespace {

/// How long the scheduler sleeps at most: the latency of RunControl, which a signal handler may call and
/// which therefore wakes nobody.
constexpr int64_t kHeartbeatNs = 20 * kNanosPerMilli;

/// What the scheduler itself knows of an operation in flight.
struct InFlight {
  enum class Kind : uint8_t { none, operation, sleep };
  Kind kind = Kind::none;
  Op op;
  int64_t due_ns = 0;  // operation: when to give it up; sleep: when to wake
};

}  // namespace

std::string_view to_text(RunOutcome::End end) {
  switch (end) {
    case RunOutcome::End::exhausted:
      return "exhausted";
    case RunOutcome::End::stopped:
      return "stopped";
    case RunOutcome::End::aborted:
      return "aborted";
    case RunOutcome::End::hard_stop:
      return "hard-stop";
    case RunOutcome::End::generator_error:
      return "generator-error";
    case RunOutcome::End::sink_error:
      return "sink-error";
  }
  return "?";
}

class Scheduler::Impl {
 public:
  Impl(SchedulerOptions options, Executor& executor, EntrySink& sink)
      : options_(std::move(options)),
        executor_(executor),
        sink_(sink),
        world_(options_.clients),
        in_flight_(options_.clients + 1) {}

  RunOutcome run(GeneratorPtr generator);

 private:
  using End = RunOutcome::End;

  // The loop's parts, in the order in which it calls them.
  void take_completions();
  void wake_sleepers_and_watch();
  void heed_control();
  void report_progress(bool last);
  void ask_generator();
  bool finished() const { return draining_ && world_.free_threads() == world_.all_threads(); }

  void start(Op op);
  void complete(Thread thread, OpType type, Value value, Value error);
  void end_sleep(Thread thread);
  bool give_up(Thread thread, std::string_view why);
  void give_up_all();
  void free_thread(Thread thread);
  void tell_generator(const Op& op);
  void generator_failed(const std::string& doing, const std::exception_ptr& error);
  bool append(const Op& op);
  /// No new operations; those in flight may complete for `patience_ns` (kNoWake: as long as they may anyway),
  /// then they are given up because of `why`. The first end counts.
  void drain(End end, std::string error, std::string_view why, int64_t patience_ns);
  void note(const std::string& line) const {
    if (options_.log) options_.log(line);
  }
  Context context() const {
    return {world_, now_ns_, mix64(options_.seed + 0x9e3779b97f4a7c15ULL * static_cast<uint64_t>(emitted_))};
  }
  void read_clock() { now_ns_ = std::max(now_ns_, executor_.now_ns()); }

  const SchedulerOptions options_;
  Executor& executor_;
  EntrySink& sink_;
  World world_;
  std::vector<InFlight> in_flight_;  // by thread
  std::vector<Completion> completions_;

  GeneratorPtr generator_;
  RunOutcome outcome_;
  int64_t now_ns_ = 0;
  int64_t begin_ns_ = 0;
  uint64_t emitted_ = 0;
  int64_t next_due_ns_ = 0;        // no sleep or deadline ends before this
  int64_t generator_wake_ns_ = 0;  // the generator need not be asked before, unless something happens
  bool ask_ = true;
  bool draining_ = false;
  int64_t drain_until_ns_ = kNoWake;
  std::string_view drain_why_;  // a literal
  bool sink_failed_ = false;
  int64_t next_progress_ns_ = 0;
};

RunOutcome Scheduler::Impl::run(GeneratorPtr generator) {
  read_clock();
  generator_ = std::move(generator);
  const int64_t entries = outcome_.entries;
  const Progress counts = outcome_.counts;
  const uint64_t deadlines = outcome_.deadlines;
  outcome_ = RunOutcome();
  outcome_.entries = entries;
  outcome_.counts = counts;
  outcome_.deadlines = deadlines;
  begin_ns_ = next_progress_ns_ = now_ns_;
  draining_ = false;
  drain_until_ns_ = kNoWake;
  ask_ = true;
  next_due_ns_ = 0;
  if (sink_failed_) drain(End::sink_error, "the sink failed in an earlier phase", "the sink failed", 0);

  while (!finished()) {
    take_completions();
    wake_sleepers_and_watch();
    heed_control();
    report_progress(false);
    if (!draining_ && (ask_ || now_ns_ >= generator_wake_ns_)) {
      ask_generator();
      continue;
    }
    if (finished()) break;
    if (now_ns_ >= drain_until_ns_) {
      give_up_all();
      continue;
    }
    const int64_t wake = draining_ ? drain_until_ns_ : generator_wake_ns_;
    executor_.wait_until(std::min({wake, next_due_ns_, now_ns_ + kHeartbeatNs}));
    read_clock();
  }
  report_progress(true);
  generator_ = nullptr;
  return outcome_;
}

void Scheduler::Impl::take_completions() {
  completions_.clear();
  executor_.collect(completions_);
  if (completions_.empty()) return;
  // One stamp for all, read after they arrived: never earlier than the end of the real operation.
  read_clock();
  for (Completion& done : completions_) {
    InFlight& flight = in_flight_[done.thread];
    RIVEN_CHECK(flight.kind == InFlight::Kind::operation, "a thread without an operation completed one");
    Value value = done.keeps_value ? std::move(flight.op.value) : std::move(done.value);
    complete(done.thread, done.type, std::move(value), std::move(done.error));
  }
}

/// Records the completion of what `thread` had and tells the generator.
void Scheduler::Impl::complete(Thread thread, OpType type, Value value, Value error) {
  Op op = std::move(in_flight_[thread].op);
  op.time_ns = now_ns_;
  op.type = type;
  op.value = std::move(value);
  op.error = std::move(error);
  if (op.process == kNemesis) {
    op.type = OpType::info;
    ++outcome_.counts.nemesis;
  } else if (type == OpType::ok) {
    ++outcome_.counts.ok;
  } else if (type == OpType::fail) {
    ++outcome_.counts.fail;
  } else {
    ++outcome_.counts.info;
    world_.retire_process(thread);
  }
  free_thread(thread);
  if (append(op)) tell_generator(op);
}

void Scheduler::Impl::free_thread(Thread thread) {
  in_flight_[thread].kind = InFlight::Kind::none;
  world_.set_free(thread);
  --outcome_.counts.in_flight;
  ask_ = true;
}

void Scheduler::Impl::wake_sleepers_and_watch() {
  if (now_ns_ < next_due_ns_) return;
  next_due_ns_ = kNoWake;
  for (Thread t = 0; t < in_flight_.size(); ++t) {
    const InFlight& flight = in_flight_[t];
    if (flight.kind == InFlight::Kind::none) continue;
    if (flight.due_ns > now_ns_) {
      next_due_ns_ = std::min(next_due_ns_, flight.due_ns);
    } else if (flight.kind == InFlight::Kind::sleep) {
      end_sleep(t);
    } else if (give_up(t, "deadline")) {
      ++outcome_.deadlines;
    }
  }
}

void Scheduler::Impl::end_sleep(Thread thread) {
  Op op = std::move(in_flight_[thread].op);
  op.type = OpType::info;
  op.time_ns = now_ns_;
  free_thread(thread);
  tell_generator(op);
}

/// Ends what `thread` is at, without waiting for it. False: it has just completed by itself.
bool Scheduler::Impl::give_up(Thread thread, std::string_view why) {
  InFlight& flight = in_flight_[thread];
  if (flight.kind == InFlight::Kind::sleep) {
    end_sleep(thread);
    return true;
  }
  if (!executor_.abandon(thread)) return false;
  Value value = std::move(flight.op.value);
  complete(thread, OpType::info, std::move(value), Value(why));
  return true;
}

void Scheduler::Impl::give_up_all() {
  for (Thread t = 0; t < in_flight_.size(); ++t) {
    if (in_flight_[t].kind != InFlight::Kind::none) give_up(t, drain_why_);
  }
}

void Scheduler::Impl::heed_control() {
  if (options_.control != nullptr && options_.control->stopping()) {
    if (options_.control->aborting()) {
      if (outcome_.end != End::aborted) drain(End::aborted, "", "aborted", 0);
      outcome_.end = End::aborted;
    } else if (drain_until_ns_ == kNoWake) {
      drain(End::stopped, "", "stopped", options_.drain_ns);
    }
  }
  if (options_.hard_stop_ns > 0 && drain_until_ns_ == kNoWake &&
      now_ns_ - begin_ns_ >= options_.hard_stop_ns) {
    drain(End::hard_stop, "the run was still going on at its hard stop", "hard stop", options_.drain_ns);
  }
}

void Scheduler::Impl::drain(End end, std::string error, std::string_view why, int64_t patience_ns) {
  // A generator that is done has not ended the run yet: what goes wrong until then is the reason.
  if (!draining_ || outcome_.end == End::exhausted) {
    outcome_.end = end;
    outcome_.error = std::move(error);
  }
  draining_ = true;
  if (patience_ns == kNoWake) return;  // the operations' own deadlines are enough
  drain_why_ = why;
  drain_until_ns_ = std::min(drain_until_ns_, gen::saturating_add(now_ns_, patience_ns));
  for (Thread t = 0; t < in_flight_.size(); ++t) {
    if (in_flight_[t].kind == InFlight::Kind::sleep) end_sleep(t);
  }
}

void Scheduler::Impl::report_progress(bool last) {
  if (!options_.progress || (!last && now_ns_ < next_progress_ns_)) return;
  next_progress_ns_ = now_ns_ + options_.progress_interval_ns;
  Progress progress = outcome_.counts;
  progress.elapsed_ns = now_ns_ - begin_ns_;
  options_.progress(progress);
}

void Scheduler::Impl::ask_generator() {
  read_clock();
  Step step = Step::done();
  try {
    step = next_of(generator_, context());
  } catch (...) {
    return generator_failed("asked for the next operation", std::current_exception());
  }
  switch (step.kind) {
    case Step::Kind::emit:
      generator_ = std::move(step.rest);
      ++emitted_;
      return start(std::move(step.op));
    case Step::Kind::pending:
      if (step.rest) generator_ = std::move(step.rest);
      generator_wake_ns_ = std::max(step.wake_ns, now_ns_ + 1);
      ask_ = false;
      if (step.wake_ns == kNoWake && outcome_.counts.in_flight == 0) {
        drain(End::generator_error,
              "the generator waits for ever: it is pending without a time while no operation is in flight",
              "", kNoWake);
      }
      return;
    case Step::Kind::done:
      generator_ = nullptr;
      return drain(End::exhausted, "", "", kNoWake);
  }
}

/// Records and hands over an operation that the generator emitted.
void Scheduler::Impl::start(Op op) {
  const bool known = op.process == kNemesis || (op.process >= 0 && options_.clients > 0);
  const Thread thread = known ? world_.thread_of(op.process) : 0;
  if (!known || world_.process(thread) != op.process || !world_.free_threads().contains(thread)) {
    return drain(End::generator_error,
                 "the generator emitted " + std::string(op.f.text()) + " " + to_edn(op.value) +
                     " for process " + std::to_string(op.process) + ", which is not free",
                 "generator error", options_.drain_ns);
  }
  op.time_ns = now_ns_;
  op.type = OpType::invoke;
  if (op.f == gen::log_function()) {
    note(std::string(op.value.text()));
    return tell_generator(op);
  }
  const bool sleeps = op.f == gen::sleep_function();
  if (!sleeps && !append(op)) return;
  InFlight& flight = in_flight_[thread];
  flight.op = std::move(op);
  world_.set_busy(thread);
  ++outcome_.counts.in_flight;
  if (sleeps) {
    flight.kind = InFlight::Kind::sleep;
    flight.due_ns = gen::saturating_add(now_ns_, std::max<int64_t>(flight.op.value.integer(), 0));
  } else {
    const int64_t timeout =
        flight.op.process == kNemesis ? options_.nemesis_timeout_ns : options_.op_timeout_ns;
    const int64_t deadline = gen::saturating_add(now_ns_, timeout);
    flight.kind = InFlight::Kind::operation;
    flight.due_ns = gen::saturating_add(deadline, options_.grace_ns);
    executor_.dispatch(thread, flight.op, deadline);
  }
  next_due_ns_ = std::min(next_due_ns_, flight.due_ns);
  tell_generator(flight.op);
}

/// Appends a copy of `op` as the journal has it. False: the sink failed, now or earlier.
bool Scheduler::Impl::append(const Op& op) {
  if (sink_failed_) return false;
  Op entry = op;
  entry.index = outcome_.entries;
  // Jepsen's convention: both entries of a nemesis operation are info.
  if (entry.process == kNemesis) entry.type = OpType::info;
  if (Status appended = sink_.append(entry); !appended) {
    sink_failed_ = true;
    drain(End::sink_error, appended.error().message, "the sink failed", options_.drain_ns);
    return false;
  }
  ++outcome_.entries;
  return true;
}

void Scheduler::Impl::tell_generator(const Op& op) {
  if (!generator_ || draining_) return;
  try {
    if (Updated updated = generator_->update(context(), op)) generator_ = std::move(*updated);
  } catch (...) {
    generator_failed("told of " + std::string(to_text(op.type)) + " " + std::string(op.f.text()) + " " +
                         to_edn(op.value) + " of process " + std::to_string(op.process),
                     std::current_exception());
  }
}

void Scheduler::Impl::generator_failed(const std::string& doing, const std::exception_ptr& error) {
  drain(End::generator_error,
        "the generator failed when " + doing + " (after " + std::to_string(emitted_) + " operations, at " +
            std::to_string(now_ns_) + " ns): " + exception_text(error),
        "generator error", options_.drain_ns);
}

Scheduler::Scheduler(SchedulerOptions options, Executor& executor, EntrySink& sink)
    : impl_(std::make_unique<Impl>(std::move(options), executor, sink)) {}
Scheduler::~Scheduler() = default;
RunOutcome Scheduler::run(GeneratorPtr generator) { return impl_->run(std::move(generator)); }

RunOutcome run_scheduler(const SchedulerOptions& options, GeneratorPtr generator, Executor& executor,
                         EntrySink& sink) {
  return Scheduler(options, executor, sink).run(std::move(generator));
}

}  // namespace riven
