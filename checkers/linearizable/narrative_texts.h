// A failure of a key that is appended to, in a sentence.
#pragma once

#include <optional>
#include <string>

#include "checkers/linearizable/evidence.h"

namespace riven::linearizable {

/// nullopt: the part is none of texts or lists with appends, or the evidence is of no known kind. O(part).
std::optional<std::string> tell_texts(const Projection& projection, const History& history,
                                      std::span<const Operation> part, const Evidence& evidence);

}  // namespace riven::linearizable
