// Kind "machine-clock": the machine's own real-time clock is wrong.
#pragma once

#include "nemesis/agent/core/fault.h"

namespace riven::agent {

/// For machines with a kernel of their own whose inventory allows it (host_permissions.h; asked again before
/// the first change); everything else is refused. params: the fields of ClockShape, or {watch: true}, which
/// changes nothing and only tells the offset.
///
/// What keeps the clock right (NTP services under systemd) is stopped first and started again by the undo.
/// Steps and strobes are clock_adjtime(ADJ_SETOFFSET); a drift up to 9% is the kernel's own tick and
/// frequency, so that its timers drift with it; a stronger one is steps every 5 ms. How far the clock is off
/// is told by CLOCK_MONOTONIC_RAW, which none of this touches. A second fault of the same owner takes the
/// clock over: the first one's undo then changes nothing.
///
/// Proof, in the words of clock_kind(): {processes: 1, bent: 1, offset_ns, wanted_ns, error_ns, right,
/// largest_ns, series}, and {services: stopped ones}. After a reboot there is nothing left to undo.
FaultKind machine_clock_kind();

}  // namespace riven::agent
