// A set of the run's threads: client threads 0..c-1 and the nemesis, which is thread c.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <initializer_list>

#include "harness/core/check.h"

namespace riven {

/// Threads carry processes: client threads are numbered from 0, the nemesis is the last.
using Thread = uint32_t;

/// A bitset of fixed capacity: a value type without allocation; every operation costs some nanoseconds.
class ThreadSet {
 public:
  static constexpr size_t kCapacity = 1024;

  ThreadSet() = default;
  ThreadSet(std::initializer_list<Thread> threads) {
    for (const Thread t : threads) insert(t);
  }
  /// Threads [first, first + count).
  static ThreadSet range(Thread first, size_t count) {
    ThreadSet set;
    for (size_t i = 0; i < count; ++i) set.insert(first + static_cast<Thread>(i));
    return set;
  }

  void insert(Thread t) {
    RIVEN_CHECK(t < kCapacity, "a run has more threads than a ThreadSet holds");
    words_[t / 64] |= uint64_t{1} << (t % 64);
  }
  void erase(Thread t) {
    if (t < kCapacity) words_[t / 64] &= ~(uint64_t{1} << (t % 64));
  }
  bool contains(Thread t) const { return t < kCapacity && ((words_[t / 64] >> (t % 64)) & 1) != 0; }
  bool empty() const {
    uint64_t any = 0;
    for (const uint64_t word : words_) any |= word;
    return any == 0;
  }
  size_t size() const {
    size_t n = 0;
    for (const uint64_t word : words_) {
      if (word != 0) n += static_cast<size_t>(std::popcount(word));
    }
    return n;
  }
  /// The n-th thread of the set in ascending order. Demands n < size().
  Thread nth(size_t n) const {
    for (size_t w = 0; w < words_.size(); ++w) {
      uint64_t word = words_[w];
      if (word == 0) continue;
      const auto here = static_cast<size_t>(std::popcount(word));
      if (n >= here) {
        n -= here;
        continue;
      }
      for (; n > 0; --n) word &= word - 1;
      return static_cast<Thread>(w * 64 + static_cast<size_t>(std::countr_zero(word)));
    }
    RIVEN_CHECK(false, "a thread beyond the end of a set was asked for");
    return 0;
  }
  /// Calls fn(Thread) for each thread, ascending.
  template <typename Fn>
  void for_each(Fn&& fn) const {
    for (size_t w = 0; w < words_.size(); ++w) {
      for (uint64_t word = words_[w]; word != 0; word &= word - 1) {
        fn(static_cast<Thread>(w * 64 + static_cast<size_t>(std::countr_zero(word))));
      }
    }
  }

  friend ThreadSet operator&(ThreadSet a, const ThreadSet& b) {
    for (size_t w = 0; w < a.words_.size(); ++w) a.words_[w] &= b.words_[w];
    return a;
  }
  friend ThreadSet operator|(ThreadSet a, const ThreadSet& b) {
    for (size_t w = 0; w < a.words_.size(); ++w) a.words_[w] |= b.words_[w];
    return a;
  }
  friend ThreadSet operator-(ThreadSet a, const ThreadSet& b) {
    for (size_t w = 0; w < a.words_.size(); ++w) a.words_[w] &= ~b.words_[w];
    return a;
  }
  friend bool operator==(const ThreadSet&, const ThreadSet&) = default;

 private:
  std::array<uint64_t, kCapacity / 64> words_{};
};

}  // namespace riven
