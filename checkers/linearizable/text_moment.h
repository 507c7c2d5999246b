// What changes from event to event in the search over texts.
#pragma once

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "checkers/linearizable/text_frontier.h"
#include "checkers/linearizable/text_problem.h"

namespace riven::linearizable {

/// The configurations possible before an event, and the operations in flight in their slots.
template <size_t kWords>
struct TextMoment {
  static constexpr uint32_t kFree = UINT32_MAX;
  size_t next = 0;  ///< the event
  std::vector<TextConfig<kWords>> frontier;
  std::vector<uint32_t> slots;      ///< the live operation, or kFree
  std::vector<uint32_t> updates;    ///< slots, by return
  std::vector<uint32_t> reads;      ///< slots
  std::vector<uint32_t> available;  ///< crashed updates by pool
  std::array<uint64_t, kWords> update_slots{};

  uint32_t slot_with(uint32_t live) const {
    return static_cast<uint32_t>(std::find(slots.begin(), slots.end(), live) - slots.begin());
  }
  /// Gives the operation a slot.
  uint32_t place(uint32_t live, const TextProblem& problem) {
    const uint32_t slot = slot_with(kFree);
    slots[slot] = live;
    const Operation& op = problem.live[live].op;
    if (op.f == Function::read) {
      reads.push_back(slot);
      return slot;
    }
    const auto later = std::find_if(updates.begin(), updates.end(), [&](uint32_t s) {
      return problem.live[slots[s]].op.returned > op.returned;
    });
    updates.insert(later, slot);
    update_slots[slot / 64] |= uint64_t{1} << (slot % 64);
    return slot;
  }
  void release(uint32_t slot) {
    slots[slot] = kFree;
    std::erase(updates, slot);
    std::erase(reads, slot);
    update_slots[slot / 64] &= ~(uint64_t{1} << (slot % 64));
  }
  /// Leaves the most likely configurations: somewhere, many reads done, few crashed operations used, much in
  /// hand.
  void keep_best(size_t width, const UsedSets& used) {
    std::vector<std::pair<int64_t, uint32_t>> ranked;
    ranked.reserve(frontier.size());
    for (uint32_t i = 0; i < frontier.size(); ++i) {
      const TextConfig<kWords>& c = frontier[i];
      int64_t score = 4 * static_cast<int64_t>(used.total(c.used)) + (c.place.somewhere() ? 0 : 2);
      for (size_t w = 0; w < kWords; ++w) {
        score -= 2 * __builtin_popcountll(c.done[w] & ~update_slots[w]);
        score += __builtin_popcountll(c.done[w] & update_slots[w]);
      }
      ranked.emplace_back(score * 1024 + static_cast<int64_t>(mix64(i + next * 7919) & 1023), i);
    }
    std::nth_element(ranked.begin(), ranked.begin() + static_cast<std::ptrdiff_t>(width), ranked.end());
    ranked.resize(width);
    std::vector<TextConfig<kWords>> kept;
    kept.reserve(width);
    for (const auto& [score, i] : ranked) kept.push_back(frontier[i]);
    frontier = std::move(kept);
  }
};

}  // namespace riven::linearizable
