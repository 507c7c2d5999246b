// A likely order of versions where none is known: that of an execution, one transaction after the other.
#pragma once

#include <vector>

#include "checkers/isolation/versions.h"

namespace riven::checkers::isolation {

/// Orders of versions, and the micro-operations with their places in them.
struct Supposed {
  VersionOrders orders;
  std::vector<Mop> mops;
};
/// The versions of each key (registers) in the order of a serial execution that follows `known`
/// dependencies, real time where they allow it, and in which nobody overwrites what others have yet to read,
/// as far as a greedy search finds one; keys whose `certain` order (kWw) that would contradict stay as they
/// are. What holds in the result holds: it is one of the orders that the certain ones allow. O(n log n).
Supposed suppose_execution(const Transactions& t, const VersionOrders& orders, const std::vector<Edge>& known,
                           const std::vector<Edge>& certain);

}  // namespace riven::checkers::isolation
