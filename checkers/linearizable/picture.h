// A picture of a failure: lanes of operations, the longest partial linearization, what could not come next.
#pragma once

#include "checkers/linearizable/evidence.h"

namespace riven::linearizable {

/// The operations around the failure (at most some thousands) as a LanesFigure, `id` its id.
Figure draw(const Options& options, const ModelSpec& spec, const Projection& projection,
            const History& history, const Part& part, const Evidence& evidence, const Watch& watch,
            const std::string& id);

}  // namespace riven::linearizable
