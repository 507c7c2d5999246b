// Sleeping on a word of memory: what a mailbox needs and std::atomic::wait lacks (a deadline).
#pragma once

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <ctime>

#include "harness/core/clock.h"

namespace riven {

/// Sleeps while `word` is `expected`, until woken or CLOCK_MONOTONIC reads `until_ns`. May return early.
inline void futex_wait(std::atomic<uint32_t>& word, uint32_t expected, int64_t until_ns) {
  timespec until{};
  until.tv_sec = until_ns / kNanosPerSecond;
  until.tv_nsec = until_ns % kNanosPerSecond;
  syscall(SYS_futex, reinterpret_cast<uint32_t*>(&word), FUTEX_WAIT_BITSET_PRIVATE, expected, &until, nullptr,
          FUTEX_BITSET_MATCH_ANY);
}

/// Wakes one thread that sleeps on `word`.
inline void futex_wake(std::atomic<uint32_t>& word) {
  syscall(SYS_futex, reinterpret_cast<uint32_t*>(&word), FUTEX_WAKE_PRIVATE, 1, nullptr, nullptr, 0);
}

}  // namespace riven
