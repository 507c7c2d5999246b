// Linearizations of queues, stacks and priority queues that the near-linear checks found to have one.
#pragma once

#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "checkers/linearizable/operation.h"

namespace riven::linearizable {

inline constexpr uint32_t kNoOperation = UINT32_MAX;
inline constexpr uint32_t kLate = UINT32_MAX - 1;  ///< a removal after everything

/// An element's insertion and removal, as slots: slot i lies between dense events i and i + 1.
struct CollectionElement {
  uint32_t insert = kNoOperation;  // operation
  uint32_t take = kNoOperation;
  uint32_t insert_begin = 0;
  uint32_t insert_end = 0;      // no later than the removal's
  uint32_t take_begin = kLate;  // no earlier than the insertion's
  uint32_t take_end = kLate;
  bool critical() const { return insert_end < take_begin; }
};

/// A collection whose elements are all different and none of whose crashed removals count.
struct CollectionTable {
  Model model = Model::fifo_queue;
  uint32_t slots = 0;
  std::span<const CollectionElement> elements;
  std::span<const uint32_t> ranks;  ///< priority queue: of each element; the highest is taken first
  /// Operations that found it empty, with their first and last slot.
  std::vector<std::pair<uint32_t, std::pair<uint32_t, uint32_t>>> empties;
  std::vector<int32_t> criticals;  ///< by slot: how many elements are surely there
};

/// A linearization, given that the table has one (the caller verifies it); empty if none was found.
///  - queue: elements are ordered one by one; the next is one that no other has to precede. Then each
///    operation is done when something that returns needs it;
///  - priority queue: a removal is done at the first moment without a critical element above it, an insertion
///    when it returns or just before its removal;
///  - stack: where nothing is critical the stack can be empty, so the elements around such a moment nest
///    between those around the next; what is left in between nests within.
/// O(n log n).
std::vector<uint32_t> collection_order(const CollectionTable& table);

}  // namespace riven::linearizable
