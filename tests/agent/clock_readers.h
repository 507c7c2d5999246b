// A process whose threads do nothing but read the time, and check every reading against the kernel's own.
#pragma once

#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdint>
#include <new>
#include <string>
#include <thread>
#include <vector>

#include "harness/core/check.h"
#include "harness/core/clock.h"

namespace riven::test {

inline int64_t nanos(const timespec& time) { return time.tv_sec * kNanosPerSecond + time.tv_nsec; }

/// CLOCK_REALTIME as the kernel tells it, past the vDSO.
inline int64_t kernel_realtime_ns() {
  timespec time{};
  syscall(SYS_clock_gettime, CLOCK_REALTIME, &time);
  return nanos(time);
}

/// A child process that reads clock_gettime, gettimeofday and time() in `threads` threads for as long as this
/// lives. A reading is right when it lies between two of the kernel's own, taken just before and after, or so
/// far from them as one of the two skews that are allowed; all others are corrupt.
class ClockReaders {
 public:
  explicit ClockReaders(size_t threads) : shared_(map()) {
    static int made = 0;
    name_ = "rvc" + std::to_string(getpid()) + "-" + std::to_string(++made);
    pid_ = fork();
    if (pid_ != 0) return;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    prctl(PR_SET_NAME, name_.c_str());
    std::vector<std::thread> readers;
    for (size_t i = 0; i < threads; ++i) readers.emplace_back([this] { read_on(); });
    for (std::thread& reader : readers) reader.join();
    _exit(0);
  }
  ~ClockReaders() {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
    munmap(shared_, sizeof(Shared));
  }
  ClockReaders(const ClockReaders&) = delete;
  ClockReaders& operator=(const ClockReaders&) = delete;

  pid_t pid() const { return pid_; }
  /// The kernel's short name of the process.
  const std::string& name() const { return name_; }
  /// Which skew is right from now on, besides none and the one before (a thread may be about to judge an old
  /// reading).
  void allow(int64_t skew_ns) {
    shared_->earlier_ns = shared_->allowed_ns.load();
    shared_->allowed_ns = skew_ns;
  }
  int64_t plain() const { return shared_->plain; }
  int64_t skewed() const { return shared_->skewed; }
  int64_t corrupt() const { return shared_->corrupt; }
  /// The last reading of clock_gettime against the kernel's.
  int64_t last_skew_ns() const { return shared_->last_skew_ns; }
  /// The last corrupt reading: how far from the kernel's, and how long it took.
  std::string last_corrupt() const {
    return std::to_string(shared_->corrupt_skew_ns) + " ns off, taken within " +
           std::to_string(shared_->corrupt_took_ns) + " ns";
  }
  bool lives() const { return waitpid(pid_, nullptr, WNOHANG) == 0; }
  /// Waits until all kinds of readings were taken anew.
  void await_rounds(int64_t rounds = 50) const {
    const int64_t until = shared_->rounds + rounds;
    for (int i = 0; i < 20'000 && shared_->rounds < until; ++i) usleep(500);
    RIVEN_CHECK(shared_->rounds >= until, "the readers stand still");
  }

 private:
  struct Shared {
    std::atomic<int64_t> allowed_ns = 0, earlier_ns = 0, plain = 0, skewed = 0, corrupt = 0, last_skew_ns = 0,
                         rounds = 0;
    std::atomic<int64_t> corrupt_skew_ns = 0, corrupt_took_ns = 0;
  };
  static Shared* map() {
    void* page = mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    RIVEN_CHECK(page != MAP_FAILED, "no shared page");
    return new (page) Shared;
  }
  struct Before {
    int64_t kernel_ns, allowed_ns, earlier_ns;
  };
  Before look() const { return {kernel_realtime_ns(), shared_->allowed_ns, shared_->earlier_ns}; }
  void judge(const Before& look, int64_t told, int64_t after, int64_t slack_ns) {
    const int64_t before = look.kernel_ns;
    const auto fits = [&](int64_t skew_ns) {
      return told - skew_ns >= before - slack_ns && told - skew_ns <= after;
    };
    if (fits(0)) {
      ++shared_->plain;
    } else if (fits(look.allowed_ns) || fits(look.earlier_ns) || fits(shared_->allowed_ns) ||
               fits(shared_->earlier_ns)) {
      ++shared_->skewed;
    } else {
      ++shared_->corrupt;
      shared_->corrupt_skew_ns = told - before;
      shared_->corrupt_took_ns = after - before;
    }
  }
  [[noreturn]] void read_on() {
    constexpr int64_t kCoarseNs = 11 * kNanosPerMilli;  // a tick of a kernel with 100 Hz
    while (true) {
      timespec time{};
      Before before = look();
      clock_gettime(CLOCK_REALTIME, &time);
      const int64_t after = kernel_realtime_ns();
      judge(before, nanos(time), after, 0);
      shared_->last_skew_ns = nanos(time) - (before.kernel_ns + after) / 2;
      timeval micros{};
      before = look();
      gettimeofday(&micros, nullptr);
      judge(before, micros.tv_sec * kNanosPerSecond + micros.tv_usec * 1000, kernel_realtime_ns(), 1000);
      before = look();
      const int64_t seconds = ::time(nullptr);
      judge(before, seconds * kNanosPerSecond, kernel_realtime_ns(), kNanosPerSecond + kCoarseNs);
      timespec first{}, second{};
      clock_gettime(CLOCK_MONOTONIC, &first);
      syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &second);
      if (nanos(second) < nanos(first) || nanos(second) - nanos(first) > 10 * kNanosPerSecond)
        ++shared_->corrupt;
      ++shared_->rounds;
    }
  }

  Shared* shared_;
  std::string name_;
  pid_t pid_ = -1;
};

}  // namespace riven::test
