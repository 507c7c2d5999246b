// What a person sees while a test runs: one line that rewrites itself on a terminal, plain lines elsewhere.
#pragma once

#include <cstdint>
#include <mutex>
#include <string>
#include <vector>

#include "harness/run/scheduler.h"

namespace riven {

/// Thread-safe. Writes to stderr, so that stdout holds the summary (or JSON) alone.
class ProgressPrinter {
 public:
  ProgressPrinter(bool terminal, int64_t time_limit_ns)
      : terminal_(terminal), time_limit_ns_(time_limit_ns) {}
  ~ProgressPrinter() { finish(); }
  ProgressPrinter(const ProgressPrinter&) = delete;
  ProgressPrinter& operator=(const ProgressPrinter&) = delete;

  /// A line that stays.
  void say(const std::string& line);
  void update(const Progress& progress);
  /// Names of the faults in force from now on.
  void faults(const std::vector<std::string>& names);
  /// Removes the rewriting line.
  void finish();

 private:
  void erase_line();

  const bool terminal_;
  const int64_t time_limit_ns_;
  std::mutex mutex_;
  bool line_shown_ = false;
  int64_t last_plain_ns_ = 0;
  Progress before_{};
  std::string faults_;
};

}  // namespace riven
