// Latency and rate as inline SVG: one panel a function, a common time axis, faults as bands.
#pragma once

#include <string>

#include "checkers/performance/series.h"
#include "harness/core/fault_windows.h"

namespace riven::checkers::performance {

/// Every operation as a mark (operations of one cell share one; cells are merged, never dropped, until at
/// most 5,000 a panel are left), latency on a logarithmic axis, and the quantiles of the successful ones as
/// lines.
std::string latency_html(const Series& series, const FaultTimeline& faults);

/// Operations a second by outcome over time.
std::string rate_html(const Series& series, const FaultTimeline& faults);

}  // namespace riven::checkers::performance
