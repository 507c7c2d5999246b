// Entries in the order of their times, for logs merged from several clients. Internal to harness/history.
#pragma once

#include <cstdint>

#include "harness/core/history.h"

namespace riven::reading {

/// Adds the entries of `history`, which is not paired, to `to`. Entries of one time count as concurrent as
/// far as each process's own order allows: what was invoked then comes first, what only completed then comes
/// last. Returns how many entries share their time with one of another process.
uint64_t order_by_time(const History& history, HistoryBuilder& to);

}  // namespace riven::reading
