// A simulated world: one thread, a virtual clock, events in order of time. The same seed gives the same
// history.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <vector>

#include "harness/core/outcome.h"
#include "harness/core/rng.h"
#include "harness/run/executor.h"

namespace riven {

/// What a simulated database may do: schedule events and complete operations. Events at the same time happen
/// in the order in which they were scheduled.
class Simulation {
 public:
  explicit Simulation(uint64_t seed) : rng_(seed) {}
  int64_t now_ns() const { return now_ns_; }
  Rng& rng() { return rng_; }
  /// Runs `event` at `time_ns` (not before now).
  void at(int64_t time_ns, std::function<void()> event);
  void after(int64_t delay_ns, std::function<void()> event) { at(now_ns_ + delay_ns, std::move(event)); }
  /// Answers the operation `ticket`, now. The answer to one that was abandoned or answered before is ignored.
  void complete(uint64_t ticket, const Outcome& outcome);

 private:
  friend class VirtualExecutor;
  bool advance_to_next_event(int64_t until_ns);

  int64_t now_ns_ = 0;
  uint64_t sequence_ = 0;
  uint64_t next_ticket_ = 1;
  Rng rng_;
  std::map<std::pair<int64_t, uint64_t>, std::function<void()>> events_;
  std::map<uint64_t, Thread> open_;  // by ticket
  std::vector<Completion> completed_;
};

/// Begins `op` for `ticket`, at simulation.now_ns(). It answers by simulation.complete(ticket, ...), now or
/// in a later event, or never. Operations of the nemesis arrive here too (op.process == kNemesis).
using SimulatedInvoke = std::function<void(Simulation& simulation, uint64_t ticket, const Op& op)>;

/// Every answer `latency_ns(op, rng)` after the invocation, with what `answer(op)` says at a uniformly random
/// time in between.
SimulatedInvoke simulated_latency(std::function<int64_t(const Op&, Rng&)> latency_ns,
                                  std::function<Outcome(const Op&)> answer);

class VirtualExecutor final : public Executor {
 public:
  VirtualExecutor(uint64_t seed, SimulatedInvoke invoke);

  int64_t now_ns() override { return simulation_.now_ns(); }
  void dispatch(Thread thread, const Op& op, int64_t deadline_ns) override;
  void collect(std::vector<Completion>& out) override;
  void wait_until(int64_t until_ns) override;
  bool abandon(Thread thread) override;
  Simulation& simulation() { return simulation_; }

 private:
  Simulation simulation_;
  SimulatedInvoke invoke_;
};

}  // namespace riven
