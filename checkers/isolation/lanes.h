// Several keys judged at once.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

namespace riven::checkers::isolation {

/// A version for each of the keys that one pass judges; 0: none.
inline constexpr size_t kLanes = 8;
using Lanes = std::array<uint32_t, kLanes>;

inline void raise(Lanes& into, const Lanes& by) {
  for (size_t i = 0; i < kLanes; ++i) into[i] = std::max(into[i], by[i]);
}

}  // namespace riven::checkers::isolation
