// The one source of chance: a seeded, portable generator whose sequence is part of what a seed promises.
#pragma once

#include <array>
#include <cstdint>

#include "harness/core/check.h"

namespace riven {

/// splitmix64's finaliser (Steele, Lea, Flood 2014): a good mixing of 64 bits.
constexpr uint64_t mix64(uint64_t x) {
  x += 0x9e3779b97f4a7c15ULL;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
  return x ^ (x >> 31);
}

/// xoshiro256** (Blackman, Vigna 2018). A value type: copy it to branch, split() it for an independent
/// stream. Not thread-safe. Unlike <random>'s distributions, its results are the same with every standard
/// library.
class Rng {
 public:
  explicit Rng(uint64_t seed) {
    for (uint64_t& word : state_) word = seed = mix64(seed);
  }

  uint64_t next() {
    const uint64_t result = rotl(state_[1] * 5, 7) * 9;
    const uint64_t t = state_[1] << 17;
    state_[2] ^= state_[0];
    state_[3] ^= state_[1];
    state_[1] ^= state_[2];
    state_[0] ^= state_[3];
    state_[2] ^= t;
    state_[3] = rotl(state_[3], 45);
    return result;
  }

  /// Uniform in [0, bound), bound > 0 (Lemire 2019, without the division in the common case).
  uint64_t below(uint64_t bound) {
    RIVEN_CHECK(bound > 0, "a random number below zero was asked for");
    __extension__ using Wide = unsigned __int128;
    Wide product = Wide{next()} * bound;
    if (auto low = static_cast<uint64_t>(product); low < bound) {
      const uint64_t threshold = (0 - bound) % bound;
      while (low < threshold) {
        product = Wide{next()} * bound;
        low = static_cast<uint64_t>(product);
      }
    }
    return static_cast<uint64_t>(product >> 64);
  }

  /// Uniform in [low, high], both included.
  int64_t between(int64_t low, int64_t high) {
    // In unsigned numbers, which may wrap: the whole range of int64_t is allowed.
    const uint64_t span = static_cast<uint64_t>(high) - static_cast<uint64_t>(low);
    const uint64_t drawn = span == UINT64_MAX ? next() : below(span + 1);
    return static_cast<int64_t>(static_cast<uint64_t>(low) + drawn);
  }

  /// Uniform in [0, 1).
  double unit() { return static_cast<double>(next() >> 11) * 0x1.0p-53; }

  bool chance(double probability) { return unit() < probability; }

  /// An independent stream; this one moves on.
  Rng split() { return Rng(next()); }

 private:
  static constexpr uint64_t rotl(uint64_t x, int k) { return (x << k) | (x >> (64 - k)); }
  std::array<uint64_t, 4> state_{};
};

}  // namespace riven
