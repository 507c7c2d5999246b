// Faults that several nodes enter and leave together.
#include <algorithm>
#include <functional>
#include <optional>
#include <thread>

#include "harness/control/agent_client.h"
#include "harness/core/clock.h"

namespace riven {
namespace {

/// Time for the commit requests to be sent and read before the moment comes.
constexpr int64_t kCommitLeadNs = 2 * kNanosPerMilli;

/// Calls fn(i) for i in [0, count), each in a thread of its own, and waits for all.
void for_all(size_t count, const std::function<void(size_t)>& fn) {
  std::vector<std::thread> threads;
  for (size_t i = 1; i < count; ++i) threads.emplace_back(fn, i);
  if (count > 0) fn(0);
  for (std::thread& thread : threads) thread.join();
}

template <typename T>
std::optional<Error> joined_errors(const std::vector<std::optional<Result<T>>>& results) {
  std::string message;
  for (size_t i = 0; i < results.size(); ++i) {
    if (!results[i] || *results[i]) continue;
    message += (message.empty() ? "" : "; ") + ("node " + std::to_string(i + 1)) + ": " +
               results[i]->error().message;
  }
  if (message.empty()) return std::nullopt;
  return Error{message};
}

}  // namespace

Result<std::vector<FaultAck>> apply_together(const std::vector<NodeFaults>& nodes) {
  std::vector<std::optional<Result<std::vector<std::string>>>> staged(nodes.size());
  for_all(nodes.size(), [&](size_t i) {
    if (!nodes[i].faults.empty()) staged[i] = nodes[i].agent->prepare(nodes[i].faults);
  });
  const auto undo_all = [&] {
    for_all(nodes.size(), [&](size_t i) {
      if (staged[i] && *staged[i]) (void)nodes[i].agent->heal(**staged[i]);
    });
  };
  if (auto error = joined_errors(staged)) {
    undo_all();
    return *error;
  }
  int64_t slowest_ns = 0;
  for (const NodeFaults& node : nodes) {
    if (!node.faults.empty()) slowest_ns = std::max(slowest_ns, node.agent->round_trip_ns());
  }
  const int64_t at_ns = monotonic_now_ns() + kCommitLeadNs + 2 * slowest_ns;
  std::vector<std::optional<Result<FaultAck>>> applied(nodes.size());
  for_all(nodes.size(), [&](size_t i) {
    if (staged[i]) applied[i] = nodes[i].agent->commit(**staged[i], at_ns);
  });
  if (auto error = joined_errors(applied)) {
    undo_all();
    return *error;
  }
  std::vector<FaultAck> acks(nodes.size());
  for (size_t i = 0; i < nodes.size(); ++i) {
    if (applied[i]) acks[i] = **applied[i];
  }
  return acks;
}

Result<std::vector<HealAck>> heal_together(const std::vector<AgentClient*>& agents,
                                           const std::vector<std::vector<std::string>>& ids) {
  RIVEN_CHECK(agents.size() == ids.size(), "heal_together got another number of nodes than of id lists");
  std::vector<std::optional<Result<HealAck>>> healed(agents.size());
  for_all(agents.size(), [&](size_t i) {
    if (!ids[i].empty()) healed[i] = agents[i]->heal(ids[i]);
  });
  if (auto error = joined_errors(healed)) return *error;
  std::vector<HealAck> acks(agents.size());
  for (size_t i = 0; i < agents.size(); ++i) {
    if (healed[i]) acks[i] = **healed[i];
  }
  return acks;
}

}  // namespace riven
