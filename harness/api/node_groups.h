// Nodes that only a running test can name: a workload that can tell offers them as words for faults.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "harness/core/op.h"

namespace riven {

/// Follows a run and names some of its nodes at any moment. note() is the scheduler's thread's, nodes()
/// any's.
class NodeObserver {
 public:
  virtual ~NodeObserver() = default;
  /// Each entry of a client, once it is in the journal.
  virtual void note(const Op& op) = 0;
  /// Positions, sorted; may be empty.
  virtual std::vector<size_t> nodes() const = 0;
};

/// Words that stand for nodes, and who names them: "lock-holders". Never null; of before the run they name
/// none.
using NodeGroups = std::map<std::string, std::shared_ptr<NodeObserver>>;

}  // namespace riven
