// Latencies and rates of a history, collected in one pass into a bounded number of buckets.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "harness/api/figure.h"
#include "harness/core/history.h"

namespace riven::checkers::performance {

/// Counts of durations in logarithmic buckets, 32 a factor of two: a quantile is within 1.6 % (above 32 ns).
/// Minimum and maximum are exact.
class LatencyHistogram {
 public:
  static constexpr size_t kBuckets = 32 * 59;
  /// Demands duration_ns >= 0.
  static size_t bucket(int64_t duration_ns);
  /// The middle of a bucket.
  static int64_t duration_ns(size_t bucket);

  void add(int64_t duration_ns);
  void add(const LatencyHistogram& other);
  uint64_t count() const { return count_; }
  int64_t min_ns() const { return min_ns_; }
  int64_t max_ns() const { return max_ns_; }
  /// The smallest duration that at least q of all do not exceed; 0 when empty. q in [0, 1].
  int64_t quantile_ns(double q) const;

 private:
  std::vector<uint32_t> buckets_;  // empty until the first add
  uint64_t count_ = 0;
  int64_t min_ns_ = INT64_MAX;
  int64_t max_ns_ = 0;
};

/// How many operations fell into a cell of (time of invocation, latency).
struct Grid {
  static constexpr size_t kColumns = 320;
  static constexpr size_t kRows = LatencyHistogram::kBuckets / 4;  // 8 a factor of two
  std::vector<uint32_t> cells;                                     // empty: nothing; else kColumns x kRows
};

/// One function and one ending.
struct EndingSeries {
  LatencyHistogram all;
  std::vector<LatencyHistogram> by_window;  // by invocation; for quantiles over time
  std::vector<uint64_t> completed;          // by window of completion; for rates
  Grid grid;
};

struct FunctionSeries {
  std::string name;
  std::array<EndingSeries, kEndings> endings;
  const EndingSeries& of(Ending e) const { return endings[static_cast<size_t>(e)]; }
};

struct Series {
  int64_t begin_ns = 0;  ///< left edge: 0, or the first time of a history whose clock has another origin
  int64_t end_ns = 0;    ///< the last time
  int64_t window_ns = 1;
  size_t windows = 1;                     ///< at most kMostWindows
  std::vector<FunctionSeries> functions;  ///< at most kMostFunctions, the last for all others; by first use
  uint64_t operations = 0;

  static constexpr size_t kMostWindows = 120;
  static constexpr size_t kMostFunctions = 6;
  size_t window_of(int64_t time_ns) const;
  double window_begin_s(size_t w) const;
};

Series collect(const History& history);

}  // namespace riven::checkers::performance
