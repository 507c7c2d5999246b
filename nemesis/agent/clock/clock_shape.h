// How far a clock is off, and how that changes with time.
#pragma once

#include <cstdint>

#include "harness/core/json.h"
#include "harness/core/result.h"

namespace riven::agent {

/// The skew of a real-time clock as a function of the true time that has passed since it began. All parts add
/// up; a shape of zeros is a clock that is right.
struct ClockShape {
  int64_t offset_ns = 0;     ///< from the beginning on
  int64_t drift_ppb = 0;     ///< gained (lost when negative) a second, in parts of a thousand million
  int64_t drift_for_ns = 0;  ///< the drift ends then and what it made stays; 0: it goes on
  int64_t strobe_ns = 0;     ///< in every second half of a period
  int64_t strobe_period_ns = 0;
  int64_t step_ns = 0;  ///< once, after step_after_ns
  int64_t step_after_ns = 0;
  friend bool operator==(const ClockShape&, const ClockShape&) = default;
};

/// The bounds within which every clock stays after 1970, and runs forward while it drifts.
inline constexpr int64_t kMaxSkewNs = int64_t{10} * 366 * 86'400 * 1'000'000'000;
inline constexpr int64_t kMaxDriftPpb = 500'000'000;
inline constexpr int64_t kMinStrobePeriodNs = 1'000;

/// From the params of kind "clock"; a key that is missing is 0. Errors: a number out of bounds, a strobe
/// without a period.
Result<ClockShape> clock_shape_from(const Json& params);
Json to_json(const ClockShape& shape);

/// The skew `elapsed_ns` after the beginning (before it: as at the beginning).
int64_t skew_ns(const ClockShape& shape, int64_t elapsed_ns);

}  // namespace riven::agent
