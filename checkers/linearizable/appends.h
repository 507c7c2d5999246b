// Near-linear check of a key of a map whose values spell out the order of the appends.
#pragma once

#include <span>

#include "checkers/linearizable/engine.h"
#include "checkers/linearizable/projection.h"

namespace riven::linearizable {

/// Reads, writes and appends of texts (or of elements to lists; see Texts). A value that was read is a value
/// that was put, or the initial one, and what was appended to it, in order. Where there is only one way to
/// take each value that was read apart, and only one operation that can have given each piece, every update
/// that was seen makes one state from one state:
///  - an append that was seen is a cas from the state before it to the state that it makes, whatever the
///    values are: two appends to one state, or an append to two states, contradict each other;
///  - after an append that nobody saw nothing is seen until the next put: it is a write of a value that
///  nobody
///    reads;
///  - an append of nothing is possible at any moment.
/// That is a register with unique values, which zones decide: exact in both directions, crashed operations
/// free. O(n log n) and the length of the values that were read; a value that continues a known one is read
/// once. No state is stored: about 150 bytes an operation.
struct AppendsAnswer : Answer {
  /// False: other operations or other values, or a value can be taken apart in more than one way.
  bool applies = false;
};
AppendsAnswer check_appends(std::span<const Operation> part, const Projection& projection, const Watch& watch,
                            bool want_order);

}  // namespace riven::linearizable
