// Choosing and running engines for one part.
#pragma once

#include "checkers/linearizable/checker.h"

namespace riven::linearizable {

/// Decides one part with the engine that `options` names, or with the best for it. `spec` is the model. With
/// `threads` 1 everything is done in the caller's thread.
Answer solve(const Options& options, const ModelSpec& spec, const Projection& projection,
             std::span<const Operation> part, const Watch& watch, unsigned threads);

/// Whether `order` (indices of the part's operations) is a linearization: one pass, O(n).
bool is_linearization(const ModelSpec& spec, std::span<const Operation> part,
                      const std::vector<uint32_t>& order);

}  // namespace riven::linearizable
