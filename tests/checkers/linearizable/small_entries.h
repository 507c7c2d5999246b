// Small random histories as entries, as a reader or a run would give them.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "tests/checkers/linearizable/small_histories.h"

namespace riven::linearizable::testing {

/// Each event is an entry, in order, a millisecond after the one before; each operation is a process of its
/// own. Owners of locks are clients by name. Not for multi-register and kv.
std::vector<Op> entries_of(const SmallHistory& small);
History history_of(const std::vector<Op>& entries);

/// What the checker has to be told to judge it as the brute force does.
std::map<std::string, std::string> checker_options(const SmallHistory& small);

/// Whether an operation completed: else there is nothing to judge.
bool any_completed(const SmallHistory& small);

}  // namespace riven::linearizable::testing
