// Faults that end the database's processes by a signal and start it again later.
#pragma once

#include "nemesis/shared/node_fault.h"

namespace riven {

/// By KILL: the processes are gone when the beginning completes, with killed {"n1" processes}. `signal` TERM
/// asks them to end and waits for it, up to 15 s. The end starts the database and completes with alive {"n1"
/// processes}: what ran before it was started (a supervisor's doing, or a child that got away). It took
/// effect on a node when something was killed there and nothing came back by itself.
NodeFaultShape kill_shape();

}  // namespace riven
