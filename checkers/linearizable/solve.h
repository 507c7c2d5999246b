// Choosing and running engines for one part.
#pragma once

#include "checkers/linearizable/checker.h"

namespace riven::linearizable {

/// Decides one part with the engine that `options` names, or with the best for it. `spec` is the model.
Answer solve(const Options& options, const ModelSpec& spec, const Projection& projection,
             std::span<const Operation> part, const Watch& watch, unsigned threads);

}  // namespace riven::linearizable
