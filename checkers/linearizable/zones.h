// Near-linear check of registers whose every written value is different.
#pragma once

#include <optional>
#include <span>

#include "checkers/linearizable/engine.h"
#include "checkers/linearizable/operation.h"

namespace riven::linearizable {

/// Whether zones decides this part: registers, and no value is written twice or equals the initial one.
/// `values`: how many value ids there are. O(n).
bool zones_apply(std::span<const Operation> part, int32_t initial, size_t values);

/// Gibbons and Korach (SIAM J. Comput. 1997), Golab, Li and Shah (PODC 2011): the operations on one value are
/// a cluster; f is its first response, s its last invocation. If f < s the register must hold the value from
/// f to s (a forward zone), else the value fits between s and f at one moment (a backward zone). Linearizable
/// iff forward zones are disjoint and none contains a backward one. Extended here:
///  - a cas from a to b binds the clusters of a and b into a chain, whose order is forced; it must be
///  possible
///    within the chain, and the whole chain is one zone;
///  - a crashed write or cas counts if its value was seen (or led by crashed cas to one that was), with an
///    infinite response; otherwise it never happened. This is exact: it costs nothing;
///  - a failed cas says that at some moment of its interval the register held something else. It is violated
///    for certain if a value's forced time covers it, satisfied for certain if another's meets it; the
///    rest is placed into a linearization of the others, in two arrangements. Where neither works, the answer
///    is `unknown` with `undecided` set, and a general search must decide. Never a wrong answer.
/// O(n log n) time, about 60 bytes an operation. The verdicts without failed cas are exact; `event` is an
/// upper bound; `core` holds the operations of the conflict.
struct ZonesAnswer : Answer {
  bool undecided = false;
  /// Of `core`: what contradicts each other, without what ties it together.
  std::vector<uint32_t> ends;
};
ZonesAnswer check_zones(std::span<const Operation> part, int32_t initial, size_t values, const Watch& watch,
                        bool want_order);

}  // namespace riven::linearizable
