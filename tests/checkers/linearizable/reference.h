// The models by their definition: one state and one step function for all, for the brute force and for the
// generator of small histories.
#pragma once

#include <algorithm>
#include <compare>

#include "tests/checkers/linearizable/small_histories.h"

namespace riven::linearizable::testing {

/// A few integers, without a heap: the brute force copies millions of them.
struct FewItems {
  static constexpr size_t kMost = 12;
  int32_t item[kMost];
  size_t used = 0;
  int32_t* begin() { return item; }
  int32_t* end() { return item + used; }
  const int32_t* begin() const { return item; }
  const int32_t* end() const { return item + used; }
  size_t size() const { return used; }
  bool empty() const { return used == 0; }
  void insert(const int32_t* at, int32_t v) {
    RIVEN_CHECK(used < kMost, "a small history with too many elements");
    auto* const to = item + (at - item);
    std::copy_backward(to, end(), end() + 1);
    *to = v;
    ++used;
  }
  void erase(const int32_t* at) {
    auto* const to = item + (at - item);
    std::copy(to + 1, end(), to);
    --used;
  }
  void push_back(int32_t v) { insert(end(), v); }
  void push_front(int32_t v) { insert(begin(), v); }
  auto operator<=>(const FewItems& o) const {
    return std::lexicographical_compare_three_way(begin(), end(), o.begin(), o.end());
  }
  bool operator==(const FewItems& o) const { return std::equal(begin(), end(), o.begin(), o.end()); }
};

/// Keys in ascending order with their values.
struct FewKeys {
  FewItems keys;
  FewItems values;
  size_t find(int32_t key) const {
    return static_cast<size_t>(std::lower_bound(keys.begin(), keys.end(), key) - keys.begin());
  }
  bool has(int32_t key) const { return find(key) < keys.size() && keys.item[find(key)] == key; }
  int32_t get(int32_t key) const { return has(key) ? values.item[find(key)] : kNil; }
  void set(int32_t key, int32_t value) {
    const size_t at = find(key);
    if (!has(key)) {
      keys.insert(keys.begin() + at, key);
      values.insert(values.begin() + at, value);
    }
    values.item[at] = value;
  }
  void erase(int32_t key) {
    if (!has(key)) return;
    const size_t at = find(key);
    keys.erase(keys.begin() + at);
    values.erase(values.begin() + at);
  }
  auto operator<=>(const FewKeys&) const = default;
  bool operator==(const FewKeys&) const = default;
};

/// One state for all models.
struct Reference {
  int32_t value = kNil;
  FewItems items;
  FewKeys map;
  int32_t owner = kUnknown;
  int64_t count = 0;
  int32_t fence = 0;
  auto operator<=>(const Reference&) const = default;
  bool operator==(const Reference&) const = default;
};

Reference first_state(const SmallHistory& h);

/// Applies the operation; false: it is not possible. `choice`: which element a crashed take from a bag
/// removes.
bool step(const SmallHistory& h, Reference& s, const Operation& op, size_t choice = 0);

}  // namespace riven::linearizable::testing
