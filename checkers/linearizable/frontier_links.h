// How a configuration of the just-in-time search was reached.
#pragma once

#include <cstdint>
#include <vector>

#include "checkers/linearizable/state_space.h"

namespace riven::linearizable {

/// A step on the way to a configuration. `what`: a live operation of the problem, or a pool. `behind`: an
/// overwrite that fits just before the last one.
struct FrontierLink {
  static constexpr uint32_t kNone = UINT32_MAX;
  uint32_t parent;
  uint32_t what;
  enum Kind : uint8_t { live, pool, behind } kind;
};

/// The operations (indices of the part's) whose steps led to link `last`, as a linearization.
std::vector<uint32_t> follow_links(const Problem& problem, const std::vector<FrontierLink>& links,
                                   uint32_t last);

}  // namespace riven::linearizable
