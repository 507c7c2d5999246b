// Which crashed operations a search has used: sets with repetitions by number, each as one more than another.
#pragma once

#include <cstdint>
#include <unordered_map>
#include <vector>

#include "harness/core/rng.h"

namespace riven::linearizable {

/// A set costs a few bytes however large it is. Equal sets have equal numbers; 0 is the empty one.
class UsedSets {
 public:
  UsedSets() : sets_(1) {}
  /// How many of `kind` the set has, of those added since `since` (a time, see with_one_more).
  uint32_t count(uint32_t set, uint32_t kind, uint32_t since) const {
    uint32_t count = 0;
    for (; set != 0 && sets_[set].time >= since; set = sets_[set].rest)
      count += sets_[set].kind == kind ? 1 : 0;
    return count;
  }
  uint32_t total(uint32_t set) const { return sets_[set].total; }
  uint32_t with_one_more(uint32_t set, uint32_t kind, uint32_t time);
  /// Whether x is a part of y. May say no though it is, where they parted long ago.
  bool no_more(uint32_t x, uint32_t y) const;
  uint64_t memory_bytes() const { return sets_.capacity() * sizeof(Set) + by_hash_.size() * 48; }

 private:
  struct Set {
    uint64_t hash = 0;
    uint32_t rest = 0;
    uint32_t kind = 0;
    uint32_t total = 0;
    uint32_t time = 0;
  };
  /// What each has that the other has not, by kind: how often more in x than in y. False: too much to look
  /// at.
  bool compare(uint32_t x, uint32_t y, std::vector<std::pair<uint32_t, int32_t>>& difference) const;
  bool equal(uint32_t x, uint32_t y) const;

  std::vector<Set> sets_;
  std::unordered_multimap<uint64_t, uint32_t> by_hash_;
};

}  // namespace riven::linearizable
