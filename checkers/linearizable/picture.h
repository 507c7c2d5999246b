// A picture of a failure: lanes of operations, the longest partial linearization, what could not come next.
#pragma once

#include "checkers/linearizable/evidence.h"

namespace riven::linearizable {

/// A self-contained, zoomable HTML fragment of the operations around the failure (at most some thousands).
/// `id` prefixes all ids in it.
Figure draw(const Options& options, const ModelSpec& spec, const Projection& projection,
            const History& history, const Part& part, const Evidence& evidence, const Watch& watch,
            const std::string& id);

/// The fixed part of the picture: style and script, which draw `data` (JSON text) into the element `id`.
std::string picture_html(const std::string& id, const std::string& data);

}  // namespace riven::linearizable
