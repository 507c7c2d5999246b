// Nodes taken out of a cluster's members and brought back.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "harness/api/nemesis.h"
#include "nemesis/shared/agent_faults.h"
#include "nemesis/shared/member_views.h"

namespace riven {

/// As many nodes as may be out of `count` with a majority left.
constexpr size_t most_removed(size_t count) { return count == 0 ? 0 : (count - 1) / 2; }

/// Brings back every node that more than half of all nodes agree is no member, one after the other, and waits
/// until most see all members again. Returns the names of those brought back. A cluster whose nodes do not
/// agree is left as it is.
Result<std::vector<std::string>> bring_members_back(FaultTarget& target);

/// Looks for a while whether the servers on `nodes` (positions) stay; one that does not answer then is taken
/// out of the members and brought back with nothing. How many there were; 0 where members cannot be changed.
Result<int64_t> replace_the_dead(FaultTarget& target, const std::vector<size_t>& nodes);

/// The nodes that one fault has taken out. Not thread-safe.
class RemovedMembers {
 public:
  explicit RemovedMembers(std::vector<std::string> processes) : processes_(std::move(processes)) {}

  /// Kills the database on `nodes` (positions) and has the others remove them, and watches what each node
  /// sees until bring_back(). The fields of a completed operation: {nodes, views: once they are out}.
  Result<Value::List> remove(FaultTarget& target, const std::vector<size_t>& nodes);
  bool any() const { return !out_.empty(); }
  /// {took_effect: most nodes saw the others alone as members, nodes, views: over time}. What could not be
  /// brought back stays out and is tried again by the next call.
  Result<Value::List> bring_back(FaultTarget& target);
  Status heal(FaultTarget& target);

 private:
  Status start_and_add(FaultTarget& target);

  std::vector<std::string> processes_;
  AgentFaults kills_;
  std::vector<size_t> out_;
  bool took_effect_ = false;
  std::unique_ptr<MemberWatch> watch_;
};

}  // namespace riven
