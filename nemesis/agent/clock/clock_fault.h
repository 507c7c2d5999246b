// Kind "clock": the database's processes see another time than the machine has.
#pragma once

#include "nemesis/agent/core/fault.h"

namespace riven::agent {

/// params: {processes: [names]} with the fields of ClockShape; vdso_hook.h says how they are bent. {watch:
/// true} instead of the fields: bends nothing, and only tells the offset. The machine's own clock is never
/// set.
///
/// A second fault of the same owner on a process takes its clock over, without stopping it; the first one's
/// undo then changes nothing there.
///
/// Proof: {processes, bent: how many of them have this fault's hook, followed: found after the beginning,
/// offset_ns: how far the oldest one's clock is off, asked through its own vDSO in its own thread; wanted_ns,
/// error_ns, right: whether the two agree, largest_ns: the furthest it was seen off, absolute_waits (see
/// there), series: [[ms, offset in us] ...] since the beginning, by the
/// hook that stands in its memory, stopped_us: the longest that a process stood
/// still, slow_readings, unbent: {processes, why}}, and after the undo {restored, pages_left}.
FaultKind clock_kind();

/// Whether the process runs on a clock that some agent has skewed.
bool has_skewed_clock(pid_t pid);

}  // namespace riven::agent
