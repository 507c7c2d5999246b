// A valid history with small anomalies put into it.
#pragma once

#include <array>
#include <string_view>

#include "harness/core/history.h"

namespace riven::checkers::isolation {

/// What an anomaly is called, and how many steps its shortest cycle has (0: it needs none).
struct Spoil {
  std::string_view name;
  size_t steps;
};
inline constexpr std::array<Spoil, 6> kSpoils = {{{"G2-item", 2},
                                                  {"G-nonadjacent-item", 4},
                                                  {"G-single-item-realtime", 2},
                                                  {"G-single-item", 2},
                                                  {"G1a", 0},
                                                  {"G1c", 2}}};

/// `base` (list-append) with `count` anomalies of those kinds, one after another from `first_kind` on, spread
/// over it, each on keys of its own.
History spoiled(const History& base, size_t count, size_t first_kind = 0);

}  // namespace riven::checkers::isolation
