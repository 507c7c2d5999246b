// What every engine takes and gives.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <vector>

#include "checkers/linearizable/operation.h"
#include "harness/api/checker.h"

namespace riven::linearizable {

/// Memory in use by all engines of one check, against a limit. Thread-safe.
class MemoryMeter {
 public:
  explicit MemoryMeter(uint64_t limit_bytes) : limit_(limit_bytes) {}
  /// False, and nothing reserved, if it would exceed the limit.
  bool reserve(uint64_t bytes) {
    if (used_.fetch_add(bytes, std::memory_order_relaxed) + bytes <= limit_) return true;
    used_.fetch_sub(bytes, std::memory_order_relaxed);
    return false;
  }
  void release(uint64_t bytes) { used_.fetch_sub(bytes, std::memory_order_relaxed); }
  uint64_t used_bytes() const { return used_.load(std::memory_order_relaxed); }
  uint64_t limit_bytes() const { return limit_; }

 private:
  uint64_t limit_;
  std::atomic<uint64_t> used_{0};
};

/// Memory of one owner, given back when it ends.
class Reservation {
 public:
  explicit Reservation(MemoryMeter* memory) : memory_(memory) {}
  ~Reservation() { memory_->release(bytes_); }
  Reservation(const Reservation&) = delete;
  Reservation& operator=(const Reservation&) = delete;
  /// False, and nothing changed, if there is not so much.
  bool grow_to(uint64_t bytes) {
    if (bytes <= bytes_) return true;
    if (!memory_->reserve(bytes - bytes_)) return false;
    bytes_ = bytes;
    return true;
  }

 private:
  MemoryMeter* memory_;
  uint64_t bytes_ = 0;
};

/// A second search that has its turns in the thread of a first one, whenever that looks at its watch.
class Rival {
 public:
  virtual ~Rival() = default;
  /// Works for a while if it is its turn. True: it has an answer, the first search may stop.
  virtual bool decided() = 0;
};

/// When to stop. Shared by the engines of one race; `cancelled` ends all of them.
struct Watch {
  int64_t deadline_ns = INT64_MAX;
  MemoryMeter* memory = nullptr;
  const std::atomic<bool>* cancelled = nullptr;
  Rival* rival = nullptr;
  /// Giving memory back takes time too, about a second for 4 GB: that is kept in hand.
  bool expired() const {
    return (cancelled != nullptr && cancelled->load(std::memory_order_relaxed)) ||
           (rival != nullptr && rival->decided()) ||
           monotonic_now_ns() >= deadline_ns - static_cast<int64_t>(memory->used_bytes() / 4);
  }
};

/// An engine's answer about one part.
struct Answer {
  Verdict verdict = Verdict::unknown;
  const char* engine = "";
  /// invalid: the event (history entry) at which it was certain, if `exact_event`; else an upper bound.
  /// unknown: everything before this event was proved linearizable. valid: kPending.
  uint32_t event = 0;
  bool exact_event = false;
  /// Indices of the part's operations that conflict, where the engine knows them; not yet minimal.
  std::vector<uint32_t> core;
  /// A linearization, if it was asked for: indices of the part's operations, crashed ones where they took
  /// effect.
  std::vector<uint32_t> order;
  /// States possible just before `event`, at most 16, described.
  std::vector<std::string> states;
  std::string why;       ///< unknown: what ran out
  bool refused = false;  ///< unknown: the engine does not serve this part at all, `why` says what it needs
  uint64_t configurations = 0;
};

}  // namespace riven::linearizable
