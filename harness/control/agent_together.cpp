// Faults that several nodes enter and leave together.
#include <algorithm>
#include <optional>

#include "harness/control/agent_client.h"
#include "harness/core/at_once.h"
#include "harness/core/clock.h"
#include "harness/core/join.h"

namespace riven {
namespace {

/// Time for the commit requests to be sent and read before the moment comes.
constexpr int64_t kCommitLeadNs = 2 * kNanosPerMilli;

template <typename T>
std::optional<Error> joined_errors(const std::vector<std::optional<Result<T>>>& results) {
  std::vector<std::string> errors;
  for (size_t i = 0; i < results.size(); ++i) {
    if (results[i] && !*results[i])
      errors.push_back("node " + std::to_string(i + 1) + ": " + results[i]->error().message);
  }
  if (errors.empty()) return std::nullopt;
  return Error{joined(errors, "; ")};
}

}  // namespace

Result<std::vector<FaultAck>> apply_together(const std::vector<NodeFaults>& nodes) {
  std::vector<std::optional<Result<std::vector<std::string>>>> staged(nodes.size());
  at_once(nodes.size(), [&](size_t i) {
    if (!nodes[i].faults.empty()) staged[i] = nodes[i].agent->prepare(nodes[i].faults);
  });
  const auto undo_all = [&] {
    at_once(nodes.size(), [&](size_t i) {
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
  at_once(nodes.size(), [&](size_t i) {
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
  at_once(agents.size(), [&](size_t i) {
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
