#include "harness/run/virtual_executor.h"

#include <algorithm>

namespace riven {

void Simulation::at(int64_t time_ns, std::function<void()> event) {
  events_.emplace(std::pair(std::max(time_ns, now_ns_), sequence_++), std::move(event));
}

void Simulation::complete(uint64_t ticket, const Outcome& outcome) {
  const auto found = open_.find(ticket);
  if (found == open_.end()) return;
  Completion done;
  done.thread = found->second;
  done.type = outcome.type();
  if (outcome.outcome_case() == Outcome::Case::ok) {
    done.keeps_value = false;
    done.value = outcome.value();
  }
  done.error = outcome.why();
  completed_.push_back(std::move(done));
  open_.erase(found);
}

bool Simulation::advance_to_next_event(int64_t until_ns) {
  if (events_.empty() || events_.begin()->first.first > until_ns) return false;
  const auto first = events_.begin();
  now_ns_ = first->first.first;
  const std::function<void()> event = std::move(first->second);
  events_.erase(first);
  event();
  return true;
}

VirtualExecutor::VirtualExecutor(uint64_t seed, SimulatedInvoke invoke)
    : simulation_(seed), invoke_(std::move(invoke)) {}

void VirtualExecutor::dispatch(Thread thread, const Op& op, int64_t /*deadline_ns*/) {
  const uint64_t ticket = simulation_.next_ticket_++;
  simulation_.open_.emplace(ticket, thread);
  invoke_(simulation_, ticket, op);
}

void VirtualExecutor::collect(std::vector<Completion>& out) {
  std::move(simulation_.completed_.begin(), simulation_.completed_.end(), std::back_inserter(out));
  simulation_.completed_.clear();
}

void VirtualExecutor::wait_until(int64_t until_ns) {
  while (simulation_.completed_.empty()) {
    if (!simulation_.advance_to_next_event(until_ns)) {
      simulation_.now_ns_ = std::max(simulation_.now_ns_, until_ns);
      return;
    }
  }
}

bool VirtualExecutor::abandon(Thread thread) {
  for (auto ticket = simulation_.open_.begin(); ticket != simulation_.open_.end(); ++ticket) {
    if (ticket->second == thread) {
      simulation_.open_.erase(ticket);
      return true;
    }
  }
  return false;
}

SimulatedInvoke simulated_latency(std::function<int64_t(const Op&, Rng&)> latency_ns,
                                  std::function<Outcome(const Op&)> answer) {
  return [latency_ns = std::move(latency_ns), answer = std::move(answer)](Simulation& simulation,
                                                                          uint64_t ticket, const Op& op) {
    const int64_t latency = std::max<int64_t>(latency_ns(op, simulation.rng()), 0);
    const int64_t effect = simulation.rng().between(0, latency);
    simulation.after(effect, [&simulation, answer, ticket, op, latency, effect] {
      const Outcome outcome = answer(op);
      simulation.after(latency - effect,
                       [&simulation, ticket, outcome] { simulation.complete(ticket, outcome); });
    });
  };
}

}  // namespace riven
