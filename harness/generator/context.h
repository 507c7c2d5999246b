// What a generator may know: the time, the threads, the processes on them, and seeded chance.
#pragma once

#include <cstdint>
#include <vector>

#include "harness/core/op.h"
#include "harness/core/rng.h"
#include "harness/generator/thread_set.h"

namespace riven {

/// The state of the run's threads, kept by the scheduler and read through a Context.
class World {
 public:
  /// `clients` client threads, 0..clients-1, and the nemesis as thread `clients`. Demands 0 <= clients <
  /// 1024.
  explicit World(size_t clients);

  size_t clients() const { return clients_; }
  Thread nemesis_thread() const { return static_cast<Thread>(clients_); }
  const ThreadSet& client_threads() const { return client_threads_; }
  const ThreadSet& all_threads() const { return all_; }
  const ThreadSet& free_threads() const { return free_; }
  Process process(Thread t) const { return processes_[t]; }
  /// The thread that carries or carried p: a client thread's processes are equal modulo `clients`.
  Thread thread_of(Process p) const {
    return p < 0 || clients_ == 0 ? nemesis_thread() : static_cast<Thread>(static_cast<size_t>(p) % clients_);
  }

  void set_free(Thread t) { free_.insert(t); }
  void set_busy(Thread t) { free_.erase(t); }
  /// The thread's process crashed: the next one takes its place. The nemesis stays itself.
  void retire_process(Thread t);

 private:
  size_t clients_;
  ThreadSet client_threads_;
  ThreadSet all_;
  ThreadSet free_;
  std::vector<Process> processes_;
};

/// A view of a World: 48 bytes, passed down the tree by reference. Borrowed: valid during the call. Chance is
/// counter-based: equal contexts give equal draws, whatever was drawn before, so a generator stays a pure
/// function; parents give each child a key of its own with fork().
class Context {
 public:
  /// A view of all threads. `key` is fixed by the run's seed and the number of operations emitted so far.
  Context(const World& world, int64_t time_ns, uint64_t key)
      : world_(&world),
        threads_(&world.all_threads()),
        free_(&world.free_threads()),
        time_ns_(time_ns),
        key_(key) {}

  /// Since the run began.
  int64_t time_ns() const { return time_ns_; }
  /// Threads that this generator may use.
  const ThreadSet& threads() const { return *threads_; }
  /// Those of them that are free now.
  const ThreadSet& free_threads() const { return *free_; }
  const World& world() const { return *world_; }
  Process process(Thread t) const { return world_->process(t); }
  Thread thread_of(Process p) const { return world_->thread_of(p); }
  Thread nemesis_thread() const { return world_->nemesis_thread(); }
  bool is_free(Thread t) const { return free_->contains(t); }
  /// Whether an operation can be given to someone now; see pick_thread.
  bool can_emit() const;
  /// A free thread, uniformly at random: a client thread where this context has any client threads (free or
  /// not), so that client operations never reach the nemesis by accident; else the nemesis. Demands
  /// can_emit().
  Thread pick_thread() const;

  /// A stream of its own for (this context, salt).
  Rng rng(uint64_t salt = 0) const { return Rng(mix64(key_ ^ (salt * 0xd1342543de82ef95ULL))); }
  /// The same view with an independent stream, for the n-th child.
  Context fork(uint64_t n) const {
    Context child = *this;
    child.key_ = mix64(key_ + 0x632be59bd9b4e019ULL * (n + 1));
    return child;
  }

 private:
  friend class RestrictedContext;
  const World* world_;
  const ThreadSet* threads_;
  const ThreadSet* free_;
  int64_t time_ns_;
  uint64_t key_;
};

/// A context that sees only some threads. Holds the sets that its view points to: keep it on the stack.
class RestrictedContext {
 public:
  RestrictedContext(const Context& whole, const ThreadSet& only)
      : threads_(whole.threads() & only), free_(whole.free_threads() & only), view_(whole) {
    view_.threads_ = &threads_;
    view_.free_ = &free_;
  }
  RestrictedContext(const RestrictedContext&) = delete;
  RestrictedContext& operator=(const RestrictedContext&) = delete;
  const Context& view() const { return view_; }

 private:
  ThreadSet threads_;
  ThreadSet free_;
  Context view_;
};

}  // namespace riven
