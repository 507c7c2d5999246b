// Just-in-time frontier: all configurations after each event, merged where one is no worse than another.
#pragma once

#include "checkers/linearizable/engine.h"
#include "checkers/linearizable/state_space.h"

namespace riven::linearizable {

/// Lowe's just-in-time linearization (CCPE 2017; Knossos "linear"), for any model, with at most 256
/// operations in flight (crashed ones aside). Events are processed in order; an operation is linearized only
/// when its return forces it. Beyond Lowe:
///  - operations that change nothing are taken as soon as they are legal;
///  - of several operations of one kind the first to return is taken first;
///  - an operation that overwrites the state whatever it was (a write) need not be taken at its return if
///    another overwrite was taken while it was in flight: it fits just before that one;
///  - crashed operations are counts by kind; a configuration is dropped if another one has the same state and
///    pending updates, has taken no fewer of the operations that change nothing and used no more crashed
///    ones;
///  - the frontier is cut to its best configurations when it grows too wide. From then on it is thrifty: of
///    configurations that differ in the crashed operations used alone it keeps one that used fewest, and it
///    uses one only where no other way leads past a return. What survives to the end is linearizable. When a
///    cut frontier dies, a short window before that event is tried from every state, with operations in
///    flight done or not as one likes and unlimited crashed ones: if even that dies, the history is not
///    linearizable. Otherwise the search goes back a little, less thrifty and with a wider frontier, further
///    each time, and at last to where it was cut first.
/// Time and memory grow with the width that the history needs, not with its length. Exponential in the
/// operations in flight at worst. `event` is exact for invalid unless `exact_event` says otherwise.
/// `first_width`: configurations above which the frontier is cut at first.
Answer search_frontier(Problem& problem, const Watch& watch, bool want_order, size_t first_width = 512);

/// Whether search_frontier can serve the problem.
bool frontier_applies(const Problem& problem);

}  // namespace riven::linearizable
