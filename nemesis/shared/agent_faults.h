// Faults that a package has in force on the cluster's nodes, through their agents.
#pragma once

#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "harness/api/nemesis.h"
#include "harness/control/agent_client.h"
#include "harness/core/result.h"

namespace riven {

/// What one node's heal has to tell.
struct NodeProof {
  size_t node = 0;
  FaultProof fault;
};

/// Remembers ids by node. Thread-safe.
class AgentFaults {
 public:
  /// Applies faults[i] on node i, on all at once; all or none. What was in force before stays.
  Result<std::vector<FaultAck>> apply(FaultTarget& target, const std::vector<std::vector<FaultSpec>>& faults);
  /// Heals all that apply() applied and returns their proofs; nothing in force: an empty list. What cannot be
  /// healed now (a node is gone) is remembered for the next call; the agent's lease heals it meanwhile.
  Result<std::vector<NodeProof>> heal(FaultTarget& target);
  /// The same at the end of a fault's time. Error also when all is healed and a node's fault had ended before
  /// then, because its agent's lease ran out: what was recorded since was recorded without it.
  Result<std::vector<NodeProof>> end(FaultTarget& target);
  bool in_force() const;

 private:
  /// `early`: the nodes whose fault had ended before, or of whose agents none knows of it any more.
  Result<std::vector<NodeProof>> heal(FaultTarget& target, std::set<size_t>& early);

  mutable std::mutex mutex_;
  std::vector<std::vector<std::string>> ids_;
};

/// From the first rule on any node to the last on any, where the agents share one clock.
int64_t spread_ns(const std::vector<FaultAck>& acks);

}  // namespace riven
