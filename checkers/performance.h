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
/// waited. Quantiles are within 1.6 %; minimum and maximum are exact. `details`: {by_f: {f:
/// {ok|fail|info|pending: {count, min_ms, p50_ms, p95_ms, p99_ms, max_ms}}}, window_s, windows, series: [{f,
/// type, completed: [count a window], p50_ms, p95_ms, p99_ms, max_ms: [number or null a window, by
/// invocation]}]}; at most 120 windows and 6 functions (the least used together as "other functions").
/// Figures, from ten operations on: latency, rate. O(entries) time; memory and output bounded whatever the
/// history.
CheckerPtr performance_checker(PerformanceOptions options = {});

}  // namespace riven::checkers
