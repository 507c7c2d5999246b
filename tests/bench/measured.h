// What a piece of work costs, in a process of its own, for tables of bars.
#pragma once

#include <malloc.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <string>
#include <utility>

#include "harness/api/checker.h"

namespace riven::bench {

inline constexpr double kMegabyte = 1024.0 * 1024.0;

struct Cost {
  Verdict verdict = Verdict::unknown;
  double cpu_seconds = 0;
  double wall_seconds = 0;
  double peak_megabytes = 0;
  bool as_expected = true;
};

inline double cpu_now() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

/// VmRSS or VmHWM of this process.
inline double status_megabytes(const char* what) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);)
    if (line.rfind(what, 0) == 0) return std::atof(line.c_str() + std::strlen(what) + 1) / 1024;
  return 0;
}

/// The peak counts from here on, where the kernel can do that.
inline double start_of_peak() {
  ::malloc_trim(0);
  std::ofstream("/proc/self/clear_refs") << "5";
  return status_megabytes("VmRSS");
}

/// What `measure` returns (plain bytes) in a process of its own; `otherwise` where that process fails.
template <typename Result, typename Fn>
Result in_child(Fn&& measure, const Result& otherwise) {
  int ends[2];
  if (::pipe(ends) != 0) std::abort();
  std::fflush(stdout);
  const pid_t child = ::fork();
  if (child == 0) {
    const Result result = measure();
    const bool sent = ::write(ends[1], &result, sizeof result) == static_cast<ssize_t>(sizeof result);
    ::_exit(sent ? 0 : 1);
  }
  ::close(ends[1]);
  Result result;
  const bool got = ::read(ends[0], &result, sizeof result) == static_cast<ssize_t>(sizeof result);
  ::close(ends[0]);
  int status = 0;
  ::waitpid(child, &status, 0);
  return got && status == 0 ? result : otherwise;
}
template <typename Fn>
Cost apart(Fn&& measure) {
  return in_child(std::forward<Fn>(measure), Cost{Verdict::unknown, 999, 999, 999, false});
}

/// The least time of `repeats`, and the highest peak.
template <typename Fn>
void time_it(Cost& cost, int repeats, Fn&& fn) {
  const double base = start_of_peak();
  cost.cpu_seconds = cost.wall_seconds = 1e9;
  for (int i = 0; i < repeats; ++i) {
    const double cpu = cpu_now();
    const int64_t began_ns = monotonic_now_ns();
    fn();
    cost.cpu_seconds = std::min(cost.cpu_seconds, cpu_now() - cpu);
    cost.wall_seconds = std::min(cost.wall_seconds, static_cast<double>(monotonic_now_ns() - began_ns) / 1e9);
  }
  cost.peak_megabytes = std::max(0.0, status_megabytes("VmHWM") - base);
}

}  // namespace riven::bench
