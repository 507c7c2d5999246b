// The two trees of the stack check.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

namespace riven::linearizable {

/// Counts by slot, with additions to ranges; finds a slot whose count is zero. O(log n) each.
class CountTree {
 public:
  explicit CountTree(const std::vector<int32_t>& counts) {
    while (size_ < counts.size()) size_ *= 2;
    least_.assign(2 * size_, kUsed);
    add_.assign(2 * size_, 0);
    std::copy(counts.begin(), counts.end(), least_.begin() + static_cast<std::ptrdiff_t>(size_));
    for (size_t i = size_ - 1; i > 0; --i) least_[i] = std::min(least_[2 * i], least_[2 * i + 1]);
  }
  /// Adds `amount` to slots [from, to].
  void add(size_t from, size_t to, int32_t amount) { add(1, 0, size_ - 1, from, to, amount); }
  /// A slot with count 0 in all of the tree, which then never shows up again; SIZE_MAX: none.
  size_t take_zero() {
    if (least_[1] != 0) return SIZE_MAX;
    size_t at = 1;
    int32_t above = 0;
    while (at < size_) {
      above += add_[at];
      at = 2 * at + (least_[2 * at] + above == 0 ? 0 : 1);
    }
    const size_t slot = at - size_;
    add(slot, slot, kUsed);
    return slot;
  }

 private:
  static constexpr int32_t kUsed = 1 << 28;
  void add(size_t node, size_t low, size_t high, size_t from, size_t to, int32_t amount) {
    if (from <= low && high <= to) {
      least_[node] += amount;
      if (node < size_) add_[node] += amount;
      return;
    }
    const size_t middle = (low + high) / 2;
    if (from <= middle) add(2 * node, low, middle, from, to, amount);
    if (to > middle) add(2 * node + 1, middle + 1, high, from, to, amount);
    least_[node] = std::min(least_[2 * node], least_[2 * node + 1]) + add_[node];
  }
  size_t size_ = 1;
  std::vector<int32_t> least_;  // of the node's slots, with additions at and below it
  std::vector<int32_t> add_;
};

/// Intervals by left end; takes out all that contain a slot. O(log n) an interval.
class StabTree {
 public:
  struct Interval {
    uint32_t left;
    uint32_t right;
    uint32_t what;
  };
  /// `intervals` sorted by left.
  explicit StabTree(std::vector<Interval> intervals) : intervals_(std::move(intervals)) {
    while (size_ < intervals_.size()) size_ *= 2;
    furthest_.assign(2 * size_, kGone);
    for (size_t i = 0; i < intervals_.size(); ++i) furthest_[size_ + i] = intervals_[i].right;
    for (size_t i = size_ - 1; i > 0; --i) furthest_[i] = std::max(furthest_[2 * i], furthest_[2 * i + 1]);
  }
  /// Calls fn(what) for each remaining interval that contains `slot`, and removes it.
  template <typename Fn>
  void take(uint32_t slot, Fn&& fn) {
    take(1, 0, size_ - 1, slot, fn);
  }

 private:
  static constexpr int64_t kGone = -1;
  template <typename Fn>
  void take(size_t node, size_t low, size_t high, uint32_t slot, Fn& fn) {
    if (furthest_[node] < static_cast<int64_t>(slot) || low >= intervals_.size() ||
        intervals_[low].left > slot)
      return;
    if (low == high) {
      furthest_[node] = kGone;
      fn(intervals_[low].what);
      return;
    }
    const size_t middle = (low + high) / 2;
    take(2 * node, low, middle, slot, fn);
    take(2 * node + 1, middle + 1, high, slot, fn);
    furthest_[node] = std::max(furthest_[2 * node], furthest_[2 * node + 1]);
  }
  size_t size_ = 1;
  std::vector<Interval> intervals_;
  std::vector<int64_t> furthest_;
};

}  // namespace riven::linearizable
