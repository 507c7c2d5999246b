// The sections of report.html. Each returns HTML, or nothing when it has nothing to show.
#pragma once

#include <string>

#include "harness/report/report.h"

namespace riven::report {

/// Every check that is not valid, or has anomalies: why, sentences, first witness, figures.
std::string evidence_section(const RunInfo& info, const History& history, const RunResults& results);
/// When each fault was in force and the proof that it took effect.
std::string faults_section(const FaultTimeline& timeline, int64_t begin_ns, int64_t end_ns);
/// How far each node's clock was off, as its database saw it, where faults' completions tell (`series`).
std::string clocks_section(const History& history, const FaultTimeline& timeline, int64_t begin_ns,
                           int64_t end_ns);
/// The figures of checks that found nothing: latency, rate, ...
std::string figures_section(const RunResults& results);
/// Counts by function with latency quantiles, and errors by text.
std::string statistics_section(const RunResults& results);
std::string checks_section(const RunResults& results);
/// Options, versions, seed, complaints.
std::string run_section(const RunInfo& info, const RunResults& results);

/// Operations of a witness as bars, a lane each process, over the order of their events (not to scale).
std::string witness_figure(const RunInfo& info, const History& history, const std::vector<uint32_t>& entries);

}  // namespace riven::report
