// Which operations of a key that is appended to contradict each other.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "checkers/linearizable/operation.h"
#include "checkers/linearizable/spelling.h"

namespace riven::linearizable {

/// Few operations, close together in time, that are impossible together: the updates among them that were
/// seen come with a read that shows them. `ops`: the part as a register (see check_appends); `ends`: what
/// zones says contradicts each other. O(n).
std::vector<uint32_t> append_conflict(std::span<const Operation> ops, const Spelling& spelling,
                                      const std::vector<uint32_t>& ends);

}  // namespace riven::linearizable
