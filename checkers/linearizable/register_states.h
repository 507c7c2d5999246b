// What a register without repeated values may have held at a moment.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "checkers/linearizable/engine.h"
#include "checkers/linearizable/projection.h"

namespace riven::linearizable {

/// Values, at most 16, that a read just before the history entry `event` could have returned, given that what
/// came before is linearizable; as far as the last 800 entries before it say. None if a value was written
/// twice. O(n), and a zone check of the window for each value.
std::vector<std::string> register_states_before(const Projection& projection, std::span<const Operation> part,
                                                uint32_t event, const Watch& watch);

}  // namespace riven::linearizable
