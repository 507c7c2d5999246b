#include "nemesis/shared/agent_faults.h"

#include <algorithm>
#include <set>

#include "harness/core/join.h"
#include "harness/core/json_fields.h"

namespace riven {

Result<std::vector<FaultAck>> AgentFaults::apply(FaultTarget& target,
                                                 const std::vector<std::vector<FaultSpec>>& faults) {
  RIVEN_CHECK(faults.size() == target.nodes.size(), "a fault was made for another number of nodes");
  if (target.agents.size() != target.nodes.size()) return Error{"no agents run on the nodes"};
  const std::lock_guard<std::mutex> lock(mutex_);
  std::vector<NodeFaults> parts;
  for (size_t i = 0; i < faults.size(); ++i) parts.push_back({target.agents[i], faults[i]});
  Result<std::vector<FaultAck>> acks = apply_together(parts);
  if (!acks) return acks;
  ids_.resize(std::max(ids_.size(), acks->size()));
  for (size_t i = 0; i < acks->size(); ++i) {
    ids_[i].insert(ids_[i].end(), (*acks)[i].ids.begin(), (*acks)[i].ids.end());
  }
  return acks;
}

Result<std::vector<NodeProof>> AgentFaults::heal(FaultTarget& target) {
  std::set<size_t> early;
  return heal(target, early);
}

Result<std::vector<NodeProof>> AgentFaults::heal(FaultTarget& target, std::set<size_t>& early) {
  const std::lock_guard<std::mutex> lock(mutex_);
  std::vector<AgentClient*> agents;
  std::vector<std::vector<std::string>> ids;
  std::vector<size_t> nodes;
  for (size_t i = 0; i < ids_.size() && i < target.agents.size(); ++i) {
    if (ids_[i].empty()) continue;
    agents.push_back(target.agents[i]);
    ids.push_back(ids_[i]);
    nodes.push_back(i);
  }
  Result<std::vector<HealAck>> healed = heal_together(agents, ids);
  if (!healed) return healed.error();
  std::vector<NodeProof> proofs;
  for (size_t i = 0; i < nodes.size(); ++i) {
    size_t told = 0;
    for (FaultProof& proof : (*healed)[i].healed) {
      told += text_of(proof.proof, "why") != kLeaseRanOut ? 1 : 0;
      proofs.push_back({nodes[i], std::move(proof)});
    }
    if (told < ids[i].size()) early.insert(nodes[i]);
  }
  ids_.clear();
  return proofs;
}

Result<std::vector<NodeProof>> AgentFaults::end(FaultTarget& target) {
  std::set<size_t> early;
  Result<std::vector<NodeProof>> healed = heal(target, early);
  if (!healed || early.empty()) return healed;
  const auto name = [&](size_t node) { return target.nodes[node].name; };
  return Error{"it had ended before on " + joined(early, ", ", name) + ": " + kLeaseRanOut +
               " (the controller was stopped for longer, or could not reach the node)"};
}

bool AgentFaults::in_force() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return std::any_of(ids_.begin(), ids_.end(), [](const auto& ids) { return !ids.empty(); });
}

int64_t spread_ns(const std::vector<FaultAck>& acks) {
  int64_t first = INT64_MAX, last = 0;
  for (const FaultAck& ack : acks) {
    if (ack.ids.empty()) continue;
    first = std::min(first, ack.first_ns);
    last = std::max(last, ack.last_ns);
  }
  return last == 0 ? 0 : last - first;
}

}  // namespace riven
