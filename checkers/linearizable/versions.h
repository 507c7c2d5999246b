// Version chains: registers that only compare-and-set changes.
#pragma once

#include <span>

#include "checkers/linearizable/engine.h"
#include "checkers/linearizable/zones.h"

namespace riven::linearizable {

/// Whether version chains decide this part: reads, cas and failed cas, no value written twice and none equal
/// to the initial one. O(n).
bool versions_apply(std::span<const Operation> part, int32_t initial, size_t values);

/// Each value has one predecessor, so the values that were seen form one chain from the initial value
/// (Gibbons and Korach, SIAM J. Comput. 1997, theorem 4.13; on line, as in fast-jepsen). Completions are
/// processed in order; one that shows a value which is not in the chain yet extends the chain from its head,
/// through cas that are in flight or crashed. Not linearizable iff
///  - the way back from that value does not end at the head (two values took the place of one, a cycle, or a
///    value that nobody has written yet), or
///  - a read shows a value that had been replaced for certain when it was invoked.
/// `event` is exact for these, unless a failed cas has returned before. Crashed cas cost nothing.
///
/// A failed cas from a value of the chain needs the value to come after its invocation or to go before its
/// return. As the order of the values is known, all moments at which a value can come, given what its
/// predecessor allows, are a few ranges: exact, in O(n log n) altogether. Only where a crashed cas that
/// nobody saw may have replaced the last value the answer is `undecided`. Then a general search must decide.
/// O(n log n) time, at most 160 bytes an operation.
ZonesAnswer check_versions(std::span<const Operation> part, int32_t initial, size_t values,
                           const Watch& watch, bool want_order);

}  // namespace riven::linearizable
