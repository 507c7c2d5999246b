// A failure in a sentence.
#pragma once

#include "checkers/linearizable/evidence.h"

namespace riven::linearizable {

/// Fills sentence and staleness of the evidence from its operations. O(part).
void narrate(Model model, const Projection& projection, const History& history,
             std::span<const Operation> part, Evidence& evidence);

}  // namespace riven::linearizable
