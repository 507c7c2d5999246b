#include "harness/app/progress.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>

#include "harness/app/command.h"
#include "harness/core/join.h"

namespace riven {

namespace {

constexpr int64_t kPlainEveryNs = 10 * kNanosPerSecond;

double rate(uint64_t now, uint64_t before, int64_t ns) {
  return ns > 0 ? static_cast<double>(now - before) * 1e9 / static_cast<double>(ns) : 0;
}

std::string line_of(const Progress& now, const Progress& before, int64_t time_limit_ns,
                    const std::string& faults) {
  const int64_t span_ns = now.elapsed_ns - before.elapsed_ns;
  const int64_t left_s = std::max<int64_t>(0, time_limit_ns - now.elapsed_ns) / kNanosPerSecond;
  std::array<char, 160> text{};
  std::snprintf(text.data(), text.size(),
                "%lld:%02lld left  ok %.0f/s  fail %.0f/s  info %.0f/s  in flight %zu  (%llu ok so far)",
                static_cast<long long>(left_s / 60), static_cast<long long>(left_s % 60),
                rate(now.ok, before.ok, span_ns), rate(now.fail, before.fail, span_ns),
                rate(now.info, before.info, span_ns), now.in_flight, static_cast<unsigned long long>(now.ok));
  return text.data() + (faults.empty() ? "" : "  faults: " + faults);
}

}  // namespace

void ProgressPrinter::erase_line() {
  if (line_shown_) std::fputs("\r\x1b[K", stderr);
  line_shown_ = false;
}

void ProgressPrinter::say(const std::string& line) {
  const std::lock_guard lock(mutex_);
  erase_line();
  std::fprintf(stderr, "%s\n", line.c_str());
}

void ProgressPrinter::update(const Progress& progress) {
  const std::lock_guard lock(mutex_);
  const int64_t every_ns = terminal_ ? kNanosPerSecond / 2 : kPlainEveryNs;
  if (progress.elapsed_ns - last_plain_ns_ < every_ns) return;
  last_plain_ns_ = progress.elapsed_ns;
  const std::string line = line_of(progress, before_, time_limit_ns_, faults_);
  before_ = progress;
  erase_line();
  // A line that wraps could not be erased. It is plain ASCII but for names of faults, which are short.
  const size_t width = terminal_ ? static_cast<size_t>(terminal_width(STDERR_FILENO)) - 1 : line.size();
  std::fprintf(stderr, terminal_ ? "%s" : "%s\n", line.substr(0, width).c_str());
  std::fflush(stderr);
  line_shown_ = terminal_;
}

void ProgressPrinter::faults(const std::vector<std::string>& names) {
  const std::lock_guard lock(mutex_);
  faults_ = joined(names);
}

void ProgressPrinter::finish() {
  const std::lock_guard lock(mutex_);
  erase_line();
}

}  // namespace riven
