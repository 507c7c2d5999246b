#include "harness/core/clock.h"

#include <ctime>

namespace riven {

int64_t monotonic_now_ns() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<int64_t>(now.tv_sec) * kNanosPerSecond + now.tv_nsec;
}

int64_t MonotonicClock::now_ns() const { return monotonic_now_ns(); }

}  // namespace riven
