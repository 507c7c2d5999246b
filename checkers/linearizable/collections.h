// Near-linear checks of sets, queues, stacks and priority queues whose elements are all different.
#pragma once

#include <optional>
#include <span>

#include "checkers/linearizable/engine.h"
#include "checkers/linearizable/projection.h"

namespace riven::linearizable {

/// One element of a set or bag on its own: at most one successful addition and one successful removal. Lee
/// and Mathur (arXiv 2410.04581): with R the first response and I the last invocation of the operations that
/// found the element there, the addition is invoked before R, the removal returns after I, and no operation
/// that found it absent lies between R and I. A crashed addition counts if the element was found; a crashed
/// removal does if there was an addition. nullopt: the element has other operations. Exact. O(n).
std::optional<Answer> check_element(std::span<const Operation> part);

struct CollectionAnswer : Answer {
  bool applies = false;  ///< false: not all elements differ, or there are peeks
  bool undecided =
      false;  ///< crashed takes could have removed too many different things: a search must decide
};

/// fifo-queue, stack and priority-queue. An element is critical between the response of its insertion and the
/// invocation of its removal; empty results need a moment without a critical element. Then
///  - queue: no two elements in order whose removals are in the other order (Gibbons, Bruno, Phillips);
///  - priority queue: each removal has a moment without a critical element of higher priority;
///  - stack: moments without critical elements let all operations in flight there go, which frees more
///    moments; linearizable iff everything goes
/// (Lee and Mathur). Crashed insertions count if their element was taken. Crashed takes: the history is
/// judged with none of them, with a guess at what they took, and with more than they can have taken; where
/// these differ the answer is `undecided`. Without crashed takes it is exact. With `want_order` also a
/// linearization, where no crashed takes are needed for one. O(n log n), about 120 bytes an operation (with a
/// linearization 250).
CollectionAnswer check_collection(Model model, std::span<const Operation> part, const ValueTable& values,
                                  bool smallest_first, const Watch& watch, bool want_order);

}  // namespace riven::linearizable
