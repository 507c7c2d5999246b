// The same step on several nodes at once.
#pragma once

#include <functional>
#include <vector>

#include "harness/api/nemesis.h"
#include "harness/control/node.h"
#include "harness/core/result.h"

namespace riven {

/// Calls step(position) for each of `positions`, each in a thread of its own, and waits for all. Errors are
/// joined, each with its node's name in front.
Status on_nodes(const std::vector<size_t>& positions, const std::vector<Node>& nodes,
                const std::function<Status(size_t)>& step);

/// Starts the database again on the nodes in `down`, where the target has one; only those where that failed
/// stay in it.
Status start_again(FaultTarget& target, std::vector<size_t>& down);

}  // namespace riven
