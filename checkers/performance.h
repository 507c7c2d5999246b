// Latency and rate over time, as figures with fault bands and as bounded series.
#pragma once

#include "harness/api/checker.h"
#include "harness/core/fault_windows.h"

namespace riven::checkers {

struct PerformanceOptions {
  std::vector<PlotSpan> spans;  ///< how faults are recognised; others follow their names (fault_windows.h)
};

/// Always `valid`, except `unknown` for a history without client operations. Latency is completion minus
/// invocation; operations that never completed are counted as pending and drawn at the time that they had
/// waited. Latencies go into logarithmic buckets (64 a factor of two: quantiles within 1.6 %; minimum and
/// maximum are exact). `details`: {by_f: {f: {ok|fail|info: {count, min_ms, p50_ms, p95_ms, p99_ms,
/// max_ms}}}, window_s, series: [{f, type, t_s, count, p50_ms, p95_ms, p99_ms, max_ms}]}. Figures: latency,
/// rate. O(entries) time; output bounded whatever the history.
CheckerPtr performance_checker(PerformanceOptions options = {});

}  // namespace riven::checkers
