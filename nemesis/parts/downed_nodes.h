// Nodes whose database was ended by a signal, to be started again.
#pragma once

#include <string>
#include <vector>

#include "harness/api/nemesis.h"
#include "nemesis/parts/agent_faults.h"

namespace riven {

/// Not thread-safe.
class DownedNodes {
 public:
  explicit DownedNodes(std::vector<std::string> processes) : processes_(std::move(processes)) {}

  /// Ends the database on these nodes, all at once: by KILL it is gone when this returns, TERM asks, and
  /// waits up to `patience` until nothing of it is left. The fields of a completion: nodes, `word` {"n1"
  /// processes}, spread-us. After an error the nodes count as down all the same.
  Result<Value::List> end(FaultTarget& target, const std::vector<size_t>& nodes, const std::string& signal,
                          const char* word, Milliseconds patience = Milliseconds(15'000));
  /// Starts what is down; the fields of a completion: took_effect (something was ended on each node, and
  /// nothing ran there before it was started), nodes, alive {"n1" processes}. Nodes that cannot be started
  /// stay down.
  Result<Value::List> start(FaultTarget& target);
  /// The same, whatever state things are in. Idempotent.
  Status heal(FaultTarget& target);
  bool any() const { return !down_.empty(); }

 private:
  Status await_end(FaultTarget& target, Milliseconds patience);

  AgentFaults faults_;
  std::vector<std::string> processes_;
  std::vector<size_t> down_;
  bool all_hit_ = false;
};

}  // namespace riven
