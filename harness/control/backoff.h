// How long to wait before trying again, and how often at all.
#pragma once

#include <chrono>
#include <cstdint>

#include "harness/control/node.h"
#include "harness/core/rng.h"

namespace riven {

/// Capped exponential backoff with jitter: the n-th pause (from 0) is uniform in [d/2, d], d = min(cap, base
/// * 2^n). Not thread-safe.
class Backoff {
 public:
  Backoff(Milliseconds base, Milliseconds cap, uint64_t seed) : base_(base), cap_(cap), rng_(seed) {}
  Milliseconds next();

 private:
  Milliseconds base_;
  Milliseconds cap_;
  Rng rng_;
  int tries_ = 0;
};

/// Bounds the rate of retries, so that a node that is gone is not hammered by everyone who waits for it: full
/// with `capacity` tokens at first, one more each `refill`. Not thread-safe.
class TokenBucket {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;
  TokenBucket(int capacity, Milliseconds refill, TimePoint now)
      : capacity_(capacity), tokens_(capacity), refill_(refill), last_(now) {}
  /// Takes a token if there is one.
  bool take(TimePoint now);

 private:
  int capacity_;
  int tokens_;
  Milliseconds refill_;
  TimePoint last_;
};

}  // namespace riven
