// Memory of one check against its limit.
#pragma once

#include <atomic>
#include <cstdint>

namespace riven::linearizable {

/// What all engines of one check hold, against a limit: what they say that they hold, and, as the last guard,
/// what the process has taken from the system since the meter was made. Thread-safe.
class MemoryMeter {
 public:
  /// Without `of_process` only what is reserved counts.
  explicit MemoryMeter(uint64_t limit_bytes, bool of_process = true);
  /// False, and nothing reserved, if it would exceed the limit.
  bool reserve(uint64_t bytes) {
    if (used_.fetch_add(bytes, std::memory_order_relaxed) + bytes <= limit_ && !process_exceeds())
      return true;
    used_.fetch_sub(bytes, std::memory_order_relaxed);
    return false;
  }
  void release(uint64_t bytes) { used_.fetch_sub(bytes, std::memory_order_relaxed); }
  /// Counts what is held already (or no longer, if negative), whatever the limit: within() tells.
  void add(int64_t bytes) { used_.fetch_add(static_cast<uint64_t>(bytes), std::memory_order_relaxed); }
  /// Whether the limit is kept. Cheap.
  bool within() { return used_bytes() <= limit_ && !process_exceeds(); }

  /// Blocks of memory that have to be given back one by one, which takes time.
  void add_blocks(int64_t count) { blocks_.fetch_add(count, std::memory_order_relaxed); }
  /// How long it takes to give everything back: about a second for 4 GB, or for six million blocks.
  int64_t giving_back_ns() const {
    return static_cast<int64_t>(used_bytes() / 4) + blocks_.load(std::memory_order_relaxed) * 160;
  }

  uint64_t used_bytes() const { return used_.load(std::memory_order_relaxed); }
  uint64_t limit_bytes() const { return limit_; }

 private:
  bool process_exceeds();
  bool look_at_process();

  uint64_t limit_;
  uint64_t process_limit_;  ///< of resident bytes
  std::atomic<uint64_t> used_{0};
  std::atomic<int64_t> blocks_{0};
  std::atomic<int64_t> next_look_ns_{0};
  std::atomic<int64_t> next_trim_ns_{0};
  std::atomic<bool> exceeds_{false};
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
    if (bytes <= bytes_) return memory_->within();
    if (!memory_->reserve(bytes - bytes_)) return false;
    bytes_ = bytes;
    return true;
  }

 private:
  MemoryMeter* memory_;
  uint64_t bytes_ = 0;
};

}  // namespace riven::linearizable
