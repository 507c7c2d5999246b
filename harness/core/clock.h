// Time as the harness sees it: nanoseconds on a clock that never steps.
#pragma once

#include <cstdint>

namespace riven {

/// A monotonic time source. now_ns() is nanoseconds since an arbitrary origin; implementations are
/// thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual int64_t now_ns() const = 0;
};

/// CLOCK_MONOTONIC of the machine.
class MonotonicClock final : public Clock {
 public:
  int64_t now_ns() const override;
};

/// CLOCK_MONOTONIC now, in nanoseconds.
int64_t monotonic_now_ns();

inline constexpr int64_t kNanosPerSecond = 1'000'000'000;
inline constexpr int64_t kNanosPerMilli = 1'000'000;

}  // namespace riven
