// Which classes of cycles there are.
#pragma once

#include <set>
#include <utility>

#include "tests/checkers/isolation/plain/dependencies.h"

namespace riven::checkers::isolation::plain {

/// A class as two numbers, each worse the smaller it is. First: 0 G0, 1 G1c, 2 G-single, 3 G-nonadjacent, 4
/// G2. Second: 0 with dependencies alone, 1 with an edge of a session, 2 with one of real time.
using CycleKind = std::pair<int, int>;
using CycleSet = std::set<CycleKind>;

/// The classes of all closed walks over the edges from one version to the next. Every closed walk is made of
/// cycles, one of which is of no milder class than the walk: so the worst of these classes are those of
/// cycles.
CycleSet closed_walks(const Dependencies& d);
/// Those that no other one of the set is as bad as, or worse, in both numbers.
CycleSet worst(const CycleSet& set);

}  // namespace riven::checkers::isolation::plain
