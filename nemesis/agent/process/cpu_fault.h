// Kind "cpu": the database's processes get only a share of the time.
#pragma once

#include "nemesis/agent/core/fault.h"

namespace riven::agent {

/// params: {processes: [names], share_per_million, period_us (default 100,000)}. As the kernel's own quota
/// does it: in each period the trees run for their share and are then stopped, here by SIGSTOP and SIGCONT,
/// which needs no control group. A pause in force meanwhile goes before. Undone by SIGCONT. Proof: {periods,
/// stopped_us, elapsed_us, cpu_us: processor time that the trees used}.
FaultKind cpu_kind();

}  // namespace riven::agent
