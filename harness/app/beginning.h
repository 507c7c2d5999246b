// Whether what looks wrong may come from what was there before the first operation.
#pragma once

#include <optional>
#include <string>

#include "harness/core/history.h"

namespace riven {

/// A history whose registers began with nil instead of the value that they may have had.
struct OtherBeginning {
  History history;
  std::string value;  ///< the first such value, in EDN
};

/// Registers, maps of registers and transactions on registers: of each key, the one value that is read (or
/// expected by a cas that was applied) and that nobody ever tried to write may have been there at the
/// beginning; in the history returned it is nil. Nothing: there is no such value; or some key has two of
/// them, or one beside nil, so that they cannot all have been there. `model` as guess_model() names it; of
/// others nothing. `keyed`: values are [key value] pairs for certain. O(bytes of the values).
std::optional<OtherBeginning> with_other_beginning(const History& history, const std::string& model,
                                                   bool keyed = false);

}  // namespace riven
