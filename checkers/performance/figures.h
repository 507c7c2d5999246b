// Latency and rate as figures: one panel a function, a common time axis.
#pragma once

#include "checkers/performance/series.h"
#include "harness/api/figure.h"
#include "harness/core/fault_windows.h"

namespace riven::checkers::performance {

/// Every operation as a mark and the quantiles of the successful ones as lines. Marks of one cell of the grid
/// are one; cells are merged, never dropped, until at most 5,000 a panel are left.
TimeFigure latency_figure(const Series& series, const FaultTimeline& faults);

/// Operations a second by ending.
TimeFigure rate_figure(const Series& series, const FaultTimeline& faults);

}  // namespace riven::checkers::performance
