// Histories of transactions on sets that only grow.
#pragma once

#include "checkers/isolation/versions.h"

namespace riven::checkers::isolation {

/// Micro-operations: [:add k e] and [:r k [e ...]] in any order of elements. Each element of a set is a
/// register of its own, absent and then there: a read of the set reads all of them, so no order of versions
/// is left open. Keys of the transactions are [k e].
struct SetHistory {
  Transactions transactions;
  VersionOrders orders;
  std::vector<uint32_t> odd;  ///< transactions that contradict themselves, ascending
};

/// Whether some micro-operation adds to a set.
bool has_sets(const History& history);
/// Adds garbage reads, G1a, internal, future and non-repeatable reads to `findings`. Errors: a
/// micro-operation of another shape, an element added twice to a set, more than 200 million reads of
/// elements. O(reads * elements of their sets).
Result<SetHistory> read_sets(const History& history, Findings& findings);

}  // namespace riven::checkers::isolation
