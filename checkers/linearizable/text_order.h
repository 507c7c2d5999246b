// The order that a search over texts has found.
#pragma once

#include <vector>

#include "checkers/linearizable/text_problem.h"

namespace riven::linearizable {

/// One step on the way to a configuration.
struct TextLink {
  enum Kind : uint8_t { live, hidden, crashed };
  uint32_t previous;
  uint32_t which;  ///< live operation, or pool
  Kind kind;       ///< hidden: directly before the last put
};

/// The way to `last` as operations of the part, with the appends of nothing where they fit.
std::vector<uint32_t> order_of(std::span<const Operation> part, const TextProblem& problem,
                               const std::vector<TextLink>& links, uint32_t last);

}  // namespace riven::linearizable
