// Depth-first search for a linearization.
#pragma once

#include <memory>

#include "checkers/linearizable/engine.h"
#include "checkers/linearizable/state_space.h"

namespace riven::linearizable {

/// Wing and Gong's search (JPDC 1993) with Lowe's memo (CCPE 2017), for any model. A configuration is the set
/// of linearized operations and the state; it is kept as a 128-bit Zobrist fingerprint that changes in O(1) a
/// step, so the memory is 16 bytes a configuration, whatever the history's length (Porcupine: length/8).
/// Three rules cut the search without losing a linearization:
///  - an operation that changes nothing and is legal now is taken at once (it only gets harder later);
///  - of several operations of one kind the one that returns first is taken first (swapping them is legal);
///  - crashed operations of one kind are interchangeable: only their number counts; they are taken after live
///    ones, only if they change the state, and need never be taken.
/// Exponential in the operations in flight at worst. Honours `watch` (checked each 128 steps); out of time
/// or memory it says `unknown`, with the longest prefix that it linearized. `event` is exact for invalid.
Answer search_depth_first(Problem& problem, const Watch& watch, bool want_order);

/// The same search in turns.
class DepthFirstSearch {
 public:
  /// `problem` and `watch` are kept, not copied.
  DepthFirstSearch(Problem& problem, const Watch& watch, bool want_order);
  ~DepthFirstSearch();
  /// Searches until `until_ns`, or to its end: true.
  bool advance(int64_t until_ns);
  /// What it came to; before the end `unknown`, with the longest prefix so far.
  Answer answer() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace riven::linearizable
