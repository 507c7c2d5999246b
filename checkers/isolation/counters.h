// Histories of transactions on counters.
#pragma once

#include "checkers/isolation/model.h"
#include "checkers/isolation/sets.h"

namespace riven::checkers::isolation {

/// Micro-operations: [:inc k n] and [:r k total], nil being 0. Each increment is an element of a set, as in
/// sets.h: a total tells that an increment is in it where every sum of increments that gives the total has
/// it, and that it is not where none has. With more than 16 increments of a key only sums that reach the
/// largest or smallest total tell that.
struct CounterHistory {
  SetHistory set;
  /// What the totals refute although it is not known which increments they have: a total, where all
  /// increments are positive, is less than what the session, or real time, had before.
  ModelSet refuted = 0;
  bool certain = true;  ///< every read shows for every increment whether it is in it
};

/// Whether some micro-operation is an increment.
bool has_counters(const History& history);
/// Adds garbage reads (totals that no sum gives), G1a, internal and non-repeatable reads and stale reads to
/// `findings`. Errors: a micro-operation of another shape, more than 200 million reads of increments.
Result<CounterHistory> read_counters(const History& history, Findings& findings);

}  // namespace riven::checkers::isolation
