// How far a clock was off over time, as it goes into a fault's proof.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "harness/core/json.h"

namespace riven::agent {

/// Points of time and offset, of which there are never too many: once `most` are reached, every second one
/// goes, and from then on the gap between two is twice as long. Not thread-safe.
class OffsetSeries {
 public:
  OffsetSeries(size_t most, int64_t gap_ns) : most_(most), gap_ns_(gap_ns) {}
  /// The least time between two points, now.
  int64_t gap_ns() const { return gap_ns_; }
  void add(int64_t at_ms, int64_t offset_us) {
    points_.emplace_back(at_ms, offset_us);
    if (points_.size() < most_) return;
    for (size_t i = 0; i < points_.size() / 2; ++i) points_[i] = points_[2 * i];
    points_.resize(points_.size() / 2);
    gap_ns_ *= 2;
  }
  /// [[ms, us] ...]
  Json json() const {
    Json series = Json::array();
    for (const auto& [at_ms, offset_us] : points_) series.push_back({at_ms, offset_us});
    return series;
  }

 private:
  size_t most_;
  int64_t gap_ns_;
  std::vector<std::pair<int64_t, int64_t>> points_;
};

}  // namespace riven::agent
