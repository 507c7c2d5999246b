#include "checkers/linearizable/memory_meter.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#ifdef __GLIBC__
#include <malloc.h>
#endif

#include "harness/core/clock.h"

namespace riven::linearizable {

namespace {

constexpr int64_t kBetweenLooksNs = kNanosPerMilli;
constexpr int64_t kBetweenTrimsNs = 50 * kNanosPerMilli;

/// What the process holds of the machine's memory; 0 where the system does not tell.
uint64_t resident_bytes() {
  // Opened each time: a process that has forked would read its parent's.
  const int statm = ::open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
  if (statm < 0) return 0;
  char text[128] = {};
  const bool read = ::read(statm, text, sizeof text - 1) > 0;
  ::close(statm);
  if (!read) return 0;
  char* resident = text;
  std::strtoull(text, &resident, 10);  // the first number is the size of the address space
  return std::strtoull(resident, nullptr, 10) * static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));
}

/// Gives back to the system what is free here, so that what is held is what is used.
void give_back_free_memory() {
#ifdef __GLIBC__
  ::malloc_trim(0);
#endif
}

}  // namespace

MemoryMeter::MemoryMeter(uint64_t limit_bytes, bool of_process)
    : limit_(limit_bytes),
      process_limit_(of_process && limit_bytes < UINT64_MAX / 2 ? resident_bytes() + limit_bytes
                                                                : UINT64_MAX) {}

bool MemoryMeter::process_exceeds() {
  if (process_limit_ == UINT64_MAX) return false;
  const int64_t now_ns = monotonic_now_ns();
  int64_t due_ns = next_look_ns_.load(std::memory_order_relaxed);
  if (now_ns < due_ns ||
      !next_look_ns_.compare_exchange_strong(due_ns, now_ns + kBetweenLooksNs, std::memory_order_relaxed))
    return exceeds_.load(std::memory_order_relaxed);
  const bool exceeds = look_at_process();
  exceeds_.store(exceeds, std::memory_order_relaxed);
  return exceeds;
}

bool MemoryMeter::look_at_process() {
  if (resident_bytes() <= process_limit_) return false;
  // Much of it may be free, from an earlier search.
  const int64_t now_ns = monotonic_now_ns();
  if (now_ns < next_trim_ns_.load(std::memory_order_relaxed)) return true;
  give_back_free_memory();
  next_trim_ns_.store(monotonic_now_ns() + kBetweenTrimsNs, std::memory_order_relaxed);
  return resident_bytes() > process_limit_;
}

}  // namespace riven::linearizable
