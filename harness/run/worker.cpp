#include "harness/run/worker.h"

#include <exception>
#include <limits>

#include "harness/core/exception_text.h"
#include "harness/generator/wrap.h"

namespace riven {

void CompletionBoard::set(Thread thread) {
  words_[thread / 64].fetch_or(uint64_t{1} << (thread % 64), std::memory_order_seq_cst);
  if (asleep_.load(std::memory_order_seq_cst) != 0 && asleep_.exchange(0) != 0) futex_wake(asleep_);
}

void CompletionBoard::wait_until(int64_t until_ns) {
  if (spin_.spin([&] { return any() || monotonic_now_ns() >= until_ns; })) return;
  asleep_.store(1, std::memory_order_seq_cst);
  if (!any()) futex_wait(asleep_, 1, until_ns);
  asleep_.store(0, std::memory_order_relaxed);
  spin_.woke();
}

namespace {

/// Who owns the mailbox. The scheduler: idle -> request, parked -> request, request -> cancelling ->
/// abandoned. The worker: idle -> parked, request -> idle (the result is in the box).
enum State : uint32_t { idle, parked, request, cancelling, abandoned, quitting };

Completion failed(std::string_view why) {
  Completion done;
  done.type = OpType::fail;
  done.error = Value(why);
  return done;
}

Completion indeterminate(std::string_view why) {
  Completion done;
  done.type = OpType::info;
  done.error = Value(why);
  return done;
}

}  // namespace

struct Worker::Mailbox {
  explicit Mailbox(Thread t) : thread(t) {}

  alignas(64) std::atomic<uint32_t> state{idle};
  const Thread thread;
  Op op;
  int64_t deadline_ns = 0;
  Completion result;
  std::atomic<Client*> running{nullptr};  // the client in whose invoke the worker is
  std::atomic<bool> ended{false};
};

Worker::Worker(std::shared_ptr<WorkerContext> context, Thread thread)
    : box_(std::make_shared<Mailbox>(thread)) {
  thread_ = std::thread([context = std::move(context), box = box_] { work(context, box); });
}

Worker::~Worker() {
  if (thread_.joinable()) thread_.detach();
}

void Worker::hand_over(const Op& op, int64_t deadline_ns) {
  box_->op = op;
  box_->deadline_ns = deadline_ns;
  if (box_->state.exchange(request, std::memory_order_acq_rel) == parked) futex_wake(box_->state);
}

Completion Worker::take_result() { return std::move(box_->result); }

bool Worker::abandon() {
  uint32_t expected = request;
  if (!box_->state.compare_exchange_strong(expected, cancelling)) return false;
  // The worker cannot get past its client now: it waits for `abandoned` before it destroys anything.
  if (Client* client = box_->running.load()) client->cancel();
  box_->state.store(abandoned, std::memory_order_release);
  futex_wake(box_->state);
  return true;
}

void Worker::quit() {
  if (box_->state.exchange(quitting, std::memory_order_acq_rel) == parked) futex_wake(box_->state);
}

bool Worker::ended() const { return box_->ended.load(std::memory_order_acquire); }

namespace {

/// The client of one worker, for one process at a time.
class WorkerClient {
 public:
  WorkerClient(const WorkerContext& context, Thread thread) : context_(context), thread_(thread) {}

  /// Runs op, connecting first where there is no client for its process. still_wanted() false: do not begin.
  template <typename Wanted>
  Completion run(const Op& op, int64_t deadline_ns, std::atomic<Client*>& running, Wanted&& still_wanted) {
    if (client_ && process_ != op.process) client_.reset();
    if (!client_) {
      if (std::string error = connect(op.process); !client_) return failed(error);
    }
    running.store(client_.get());
    if (!still_wanted()) return failed("given up before it was sent");
    Completion done = invoke(op, deadline_ns);
    running.store(nullptr);
    return done;
  }
  void leave() { client_.reset(); }

 private:
  std::string connect(Process process) {
    try {
      const size_t nodes = context_.options.nodes == 0 ? 1 : context_.options.nodes;
      auto made = context_.options.connect(thread_, thread_ % nodes, process);
      if (!made) return "no client: " + made.error().message;
      client_ = std::move(*made);
      process_ = process;
      return client_ ? "" : "no client";
    } catch (...) {
      return "no client: " + exception_text(std::current_exception());
    }
  }
  Completion invoke(const Op& op, int64_t deadline_ns) {
    try {
      const Outcome outcome = client_->invoke(op, deadline_ns);
      Completion done;
      done.type = outcome.type();
      done.error = outcome.why();
      if (outcome.outcome_case() == Outcome::Case::ok) {
        done.keeps_value = false;
        done.value = outcome.value();
      }
      return done;
    } catch (...) {
      return indeterminate("exception: " + exception_text(std::current_exception()));
    }
  }

  const WorkerContext& context_;
  Thread thread_;
  std::unique_ptr<Client> client_;
  Process process_ = -2;
};

Completion run_nemesis(const WorkerContext& context, const Op& op) {
  if (!context.options.nemesis) return indeterminate("this run has no nemesis");
  try {
    Result<Value> value = context.options.nemesis(op);
    if (!value) return indeterminate(value.error().message);
    Completion done;
    done.keeps_value = false;
    done.value = std::move(*value);
    return done;
  } catch (...) {
    return indeterminate("exception: " + exception_text(std::current_exception()));
  }
}

/// Waits for the scheduler: returns request, abandoned or quitting.
uint32_t wait_for_mail(std::atomic<uint32_t>& state, SpinWait& spin) {
  const auto come = [&] {
    const uint32_t s = state.load(std::memory_order_acquire);
    return s != idle && s != cancelling;
  };
  if (spin.spin(come)) return state.load(std::memory_order_acquire);
  for (;;) {
    uint32_t seen = idle;
    state.compare_exchange_strong(seen, parked);
    if (seen == idle) seen = parked;
    if (seen != parked && seen != cancelling) {
      spin.woke();
      return state.load(std::memory_order_acquire);
    }
    futex_wait(state, seen, std::numeric_limits<int64_t>::max());
  }
}

}  // namespace

void Worker::work(const std::shared_ptr<WorkerContext>& context, const std::shared_ptr<Mailbox>& box) {
  const bool is_nemesis = box->thread == context->options.clients;
  {
    WorkerClient client(*context, box->thread);
    SpinWait spin(100'000);
    while (wait_for_mail(box->state, spin) == request) {
      const auto wanted = [&] { return box->state.load() == request; };
      box->result = is_nemesis
                        ? run_nemesis(*context, box->op)
                        : client.run(box->op, gen::saturating_add(box->deadline_ns, context->origin_ns),
                                     box->running, wanted);
      box->result.thread = box->thread;
      const bool crashed = box->result.type == OpType::info;
      uint32_t expected = request;
      if (!box->state.compare_exchange_strong(expected, idle)) continue;
      context->board.set(box->thread);
      if (crashed) client.leave();
    }
  }
  box->ended.store(true, std::memory_order_release);
}

}  // namespace riven
