// What must come before what, by the axioms of the weak levels (see weak_levels.h).
#pragma once

#include <vector>

#include "checkers/isolation/events.h"
#include "checkers/isolation/graph.h"

namespace riven::checkers::isolation {

/// Each edge: the source wrote a key that somebody who saw the source read from the target. Labelled
/// kWwForced; the target may be Events::initial(). An edge is left out where others and kWr, kProcess edges
/// imply it.

/// Who read from the source earlier (in the order of micro-operations) reads the key from the target.
std::vector<Edge> forced_by_views(const Events& e);
/// Who read from the source (with `sessions`: or comes after it in its session) reads the key from the
/// target. O(n^1.5).
std::vector<Edge> forced_by_atomicity(const Events& e, const KeyWriters& writers, bool sessions);
/// Whose past under reads and sessions contains the source reads the key from the target. `order`: the
/// events, sources first. False where the cost, O(n * chains), exceeds `work`.
bool forced_by_causality(const Events& e, const KeyWriters& writers, const std::vector<uint32_t>& order,
                         uint64_t work, unsigned threads, std::vector<Edge>& out);
/// The same without sessions, for the sources in `from` alone; `reads`: the kWr edges. False: too much work.
bool forced_by_reads(const Events& e, const Graph& reads, const std::vector<uint32_t>& from, uint64_t work,
                     std::vector<Edge>& out);

}  // namespace riven::checkers::isolation
