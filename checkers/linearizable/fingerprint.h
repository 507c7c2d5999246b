// 128-bit fingerprints of configurations and a set of them that grows within a budget.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "checkers/linearizable/engine.h"
#include "harness/core/rng.h"

namespace riven::linearizable {

/// Combined by xor (Zobrist 1970). Two different configurations share one with probability 2^-128: below
/// 2^-70 for all pairs of 2^29 configurations, which is more than fit in memory.
struct Fingerprint {
  uint64_t low = 0;
  uint64_t high = 0;
  static Fingerprint of(uint64_t domain, uint64_t value) {
    const uint64_t x = mix64(value + (domain << 56));
    return {x, mix64(x ^ 0x5bf03635d2d1a7e9ULL) + value};
  }
  Fingerprint& operator^=(const Fingerprint& o) {
    low ^= o.low;
    high ^= o.high;
    return *this;
  }
  bool operator==(const Fingerprint&) const = default;
};

/// An open-addressing set in 256 segments that grow one by one, so that growing needs little more memory than
/// the set has. Not thread-safe.
class FingerprintSet {
 public:
  explicit FingerprintSet(MemoryMeter* memory) : memory_(memory), segments_(kSegments) {}
  ~FingerprintSet() { memory_->release(reserved_); }
  FingerprintSet(const FingerprintSet&) = delete;
  FingerprintSet& operator=(const FingerprintSet&) = delete;

  enum class Insertion : uint8_t { fresh, present, out_of_memory };
  Insertion insert(Fingerprint f) {
    if (f.low == 0 && f.high == 0) f.low = 1;  // zero marks an empty slot
    Segment& s = segments_[f.high >> 56];
    if (s.used * 4 >= s.slots.size() * 3 && !grow(s)) return Insertion::out_of_memory;
    const size_t mask = s.slots.size() - 1;
    for (size_t i = f.low & mask;; i = (i + 1) & mask) {
      if (s.slots[i] == f) return Insertion::present;
      if (s.slots[i] == Fingerprint{}) {
        s.slots[i] = f;
        ++s.used;
        ++size_;
        return Insertion::fresh;
      }
    }
  }
  uint64_t size() const { return size_; }

 private:
  static constexpr size_t kSegments = 256;
  struct Segment {
    std::vector<Fingerprint> slots;
    size_t used = 0;
  };
  bool grow(Segment& s) {
    const size_t size = s.slots.empty() ? 16 : s.slots.size() * 2;
    const uint64_t bytes = size * sizeof(Fingerprint);
    if (!memory_->reserve(bytes)) return false;
    std::vector<Fingerprint> old(size);
    old.swap(s.slots);
    for (const Fingerprint& f : old) {
      if (f == Fingerprint{}) continue;
      size_t i = f.low & (size - 1);
      while (!(s.slots[i] == Fingerprint{})) i = (i + 1) & (size - 1);
      s.slots[i] = f;
    }
    memory_->release(old.size() * sizeof(Fingerprint));
    reserved_ += bytes - old.size() * sizeof(Fingerprint);
    return true;
  }
  MemoryMeter* memory_;
  std::vector<Segment> segments_;
  uint64_t reserved_ = 0;
  uint64_t size_ = 0;
};

}  // namespace riven::linearizable
