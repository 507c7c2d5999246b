// What changes from event to event in the just-in-time search, and moments to go back to.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <deque>
#include <utility>
#include <vector>

#include "checkers/linearizable/frontier.h"
#include "checkers/linearizable/state_space.h"

namespace riven::linearizable {

/// The frontier before an event, and the operations in flight in their slots.
template <size_t kWords>
struct FrontierMoment {
  static constexpr uint32_t kFree = UINT32_MAX;
  size_t next = 0;  ///< the event
  std::vector<FrontierConfig<kWords>> frontier;
  std::vector<uint32_t> available;  ///< crashed operations by pool
  std::vector<uint32_t> slot_of;    ///< by slot: the live operation, or kFree
  std::vector<uint32_t> updates;    ///< slots of updates in flight, by return
  std::vector<uint32_t> observers;  ///< slots of the others
  std::array<uint64_t, kWords> overwrites{};
  std::array<uint64_t, kWords> strict{};

  /// Gives the operation a slot.
  uint32_t place(uint32_t op, StateSpace::Traits traits, const std::vector<Operation>& live) {
    const uint32_t slot = slot_with(kFree);
    slot_of[slot] = op;
    if (traits.observer) {
      observers.push_back(slot);
      return slot;
    }
    const auto at = std::upper_bound(updates.begin(), updates.end(), slot, [&](uint32_t x, uint32_t y) {
      return live[slot_of[x]].returned < live[slot_of[y]].returned;
    });
    updates.insert(at, slot);
    (traits.overwrite ? overwrites : strict)[slot / 64] |= uint64_t{1} << (slot % 64);
    return slot;
  }
  uint32_t slot_with(uint32_t op) const {
    return static_cast<uint32_t>(std::find(slot_of.begin(), slot_of.end(), op) - slot_of.begin());
  }
  void release(uint32_t slot) {
    slot_of[slot] = kFree;
    std::erase(updates, slot);
    std::erase(observers, slot);
    const uint64_t bit = uint64_t{1} << (slot % 64);
    overwrites[slot / 64] &= ~bit;
    strict[slot / 64] &= ~bit;
  }
  /// Keeps the configurations that are most likely to go on: few crashed operations used, many observers
  /// done, many updates still in hand.
  void keep_best(size_t width, const UsedCounts& used) {
    std::array<uint64_t, kWords> watching{};
    for (const uint32_t s : observers) watching[s / 64] |= uint64_t{1} << (s % 64);
    std::vector<std::pair<int64_t, uint32_t>> ranked;
    ranked.reserve(frontier.size());
    for (uint32_t i = 0; i < frontier.size(); ++i) {
      int64_t score = 4 * static_cast<int64_t>(used.total(frontier[i].used));
      for (size_t w = 0; w < kWords; ++w) {
        score -= 2 * std::popcount(frontier[i].done[w] & watching[w]);
        score -= std::popcount(frontier[i].done[w] & strict[w]);
        score += std::popcount(frontier[i].done[w] & overwrites[w]);
      }
      ranked.emplace_back(score * 1024 + static_cast<int64_t>(mix64(i + next * 7919) & 1023), i);
    }
    std::nth_element(ranked.begin(), ranked.begin() + static_cast<std::ptrdiff_t>(width), ranked.end());
    ranked.resize(width);
    std::vector<FrontierConfig<kWords>> kept;
    kept.reserve(width);
    for (const auto& [score, i] : ranked) kept.push_back(frontier[i]);
    frontier = std::move(kept);
  }
  uint64_t bytes() const { return room(frontier) + available.size() * 4 + slot_of.size() * 12; }
};

/// Moments of a search whose frontier was cut: some of the last ones, further apart the longer ago.
template <size_t kWords>
class FrontierCheckpoints {
 public:
  using Moment = FrontierMoment<kWords>;
  static constexpr size_t kApart = 64;          // events
  static constexpr size_t kMostConfigs = 4096;  // of a frontier that is kept

  void offer(const Moment& moment) {
    if (moment.frontier.size() > kMostConfigs) return;
    if (!kept_.empty() && moment.next < kept_.back().next + kApart) return;
    kept_.push_back(moment);
    // Of three neighbours the middle one goes if they are close together for their age.
    for (size_t i = kept_.size(); i-- > 2;) {
      const size_t age = moment.next - kept_[i].next;
      if (kept_[i].next - kept_[i - 2].next < kApart + age / 2)
        kept_.erase(kept_.begin() + static_cast<std::ptrdiff_t>(i - 1));
    }
  }
  /// The last one at least `distance` events before `event`; null: there is none. Later ones are forgotten.
  const Moment* back_from(size_t event, size_t distance) {
    while (!kept_.empty() && kept_.back().next + distance > event) kept_.pop_back();
    return kept_.empty() ? nullptr : &kept_.back();
  }
  void clear() { kept_.clear(); }
  uint64_t bytes() const {
    uint64_t sum = 0;
    for (const Moment& m : kept_) sum += m.bytes();
    return sum;
  }

 private:
  std::deque<Moment> kept_;
};

}  // namespace riven::linearizable
