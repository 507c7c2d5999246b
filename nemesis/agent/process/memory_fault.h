// Kind "memory": the node's memory runs out, within the limit of its own control group.
#pragma once

#include <string>

#include "nemesis/agent/core/fault.h"

namespace riven::agent {

/// params: {processes: [names], what: "pressure" | "oom", leave_bytes (default 32 MiB)}.
///   pressure  a process of the agent's takes all but `leave_bytes` of what the group allows, gives way when
///             the database asks for more, and is the first that the kernel would kill
///   oom       it goes on beyond, with the database's processes first in the kernel's order, until the kernel
///             has killed one of them; then it gives everything back
/// A group without a limit, or with more than the machine can spare, is refused: nothing outside the node's
/// own group is ever pressed. The process ends with the agent, however that ends. Undone by ending it and by
/// putting oom_score_adj back. Proof: {limit_bytes, left_bytes, hog_bytes, oom_kills}.
FaultKind memory_kind();

/// `riven-agent hog FOLDER LEAVE PID...`: the process itself. Begins with a byte on its standard input, and
/// ends with that.
int hog_command(int argc, char** argv);

}  // namespace riven::agent
