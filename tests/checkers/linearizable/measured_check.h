// What a check costs, in a process of its own.
#pragma once

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>

#include "checkers/linearizable/checker.h"
#include "tests/catch.h"

namespace riven::linearizable::testing {

/// What a check in a process of its own came to.
struct Cost {
  Verdict verdict = Verdict::valid;
  double seconds = 0;
  uint64_t peak_bytes = 0;    ///< above what the process held before
  uint64_t proved = 0;        ///< operations of the longest prefix
  bool named = false;         ///< the reason says what ran out
  double cpu_seconds = 0;     ///< of the calling thread
  double others_seconds = 0;  ///< CPU time of other threads
};

inline double cpu_seconds(int who) {
  rusage usage{};
  ::getrusage(who, &usage);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

inline uint64_t peak_now() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return static_cast<uint64_t>(usage.ru_maxrss) * 1024;
}

inline Cost measured_check(const History& history, const CheckerPtr& checker, double seconds,
                           uint64_t memory_bytes, unsigned threads = 0) {
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  const pid_t child = ::fork();
  if (child == 0) {
    Cost cost;
    const uint64_t before = peak_now();
    Budget budget;
    const int64_t began_ns = monotonic_now_ns();
    budget.deadline_ns = began_ns + static_cast<int64_t>(seconds * 1e9);
    budget.memory_bytes = memory_bytes;
    budget.threads = threads;
    const double mine = cpu_seconds(RUSAGE_THREAD);
    const double all = cpu_seconds(RUSAGE_SELF);
    const CheckResult result = checker->check(history, budget);
    cost.seconds = static_cast<double>(monotonic_now_ns() - began_ns) / 1e9;
    cost.cpu_seconds = cpu_seconds(RUSAGE_THREAD) - mine;
    cost.others_seconds = cpu_seconds(RUSAGE_SELF) - all - cost.cpu_seconds;
    cost.verdict = result.verdict;
    cost.peak_bytes = peak_now() - before;
    cost.named = result.reason.find("ran out") != std::string::npos ||
                 result.reason.find("was cut") != std::string::npos;
    if (result.details.contains("unknown"))
      cost.proved = result.details["unknown"][0]["operations-proved"].get<uint64_t>();
    const bool sent = ::write(ends[1], &cost, sizeof cost) == static_cast<ssize_t>(sizeof cost);
    ::_exit(sent ? 0 : 1);
  }
  Cost cost;
  const ssize_t got = ::read(ends[0], &cost, sizeof cost);
  int status = 0;
  ::waitpid(child, &status, 0);
  ::close(ends[0]);
  ::close(ends[1]);
  REQUIRE(got == static_cast<ssize_t>(sizeof cost));
  REQUIRE(status == 0);
  return cost;
}

}  // namespace riven::linearizable::testing
