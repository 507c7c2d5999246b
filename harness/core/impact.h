// What faults break of a cluster, and how much that is when several are in force.
#pragma once

#include <cstddef>
#include <utility>
#include <vector>

namespace riven {

/// What faults make of a cluster while they are in force; nodes by position.
struct Impact {
  std::vector<size_t> nodes;                       ///< do not work as they should
  std::vector<std::pair<size_t, size_t>> unheard;  ///< one of the two does not hear the other
};

/// Whether all but `limit` of the `nodes` nodes can be found that no fault touches and that all hear one
/// another: whether faults "break at most `limit` nodes". A node cut off from all others counts once, two
/// halves count as the smaller one. (The smallest set to leave aside is a minimum vertex cover of the pairs
/// that do not hear each other; searched exactly up to `limit`, exponential in it at worst. Where the search
/// is given up after a million steps, which takes dozens of oddly cut nodes, the answer is the careful one:
/// false.)
bool breaks_at_most(size_t nodes, const std::vector<Impact>& in_force, size_t limit);

}  // namespace riven
