// Histories with predicate reads over a closed set of keys, as Elle's closed-predicate workload makes them.
#pragma once

#include "checkers/isolation/versions.h"

namespace riven::checkers::isolation {

/// Micro-operations: [:insert k v], [:w k v], [:delete k], [:r k v] (nil: absent) and [:rp P {k v ...}] with
/// P one of :true, [:= v], [:mod m r]. An operation {:f :init :value {k v ...}} tells what was there before.
/// Each key is written at most once (aborted writes aside), so version 1 of a key is that write.
struct PredicateHistory {
  /// Reads and writes of items. What a predicate read returned was read as an item, too.
  Transactions items;
  /// The same and, for each key that a predicate read did not return although only one of its versions does
  /// not match, a read of that version.
  Transactions all;
  VersionOrders orders;
  std::vector<uint32_t> odd;  ///< transactions that contradict themselves, ascending
};

/// Whether some micro-operation is one that only such histories have.
bool has_predicates(const History& history);
/// Adds garbage reads, G1a, internal, future and non-repeatable reads and what predicate reads show to
/// `findings`. Errors: a
/// micro-operation of another shape, a key written twice. O(predicate reads * keys).
Result<PredicateHistory> read_predicates(const History& history, Findings& findings);

}  // namespace riven::checkers::isolation
