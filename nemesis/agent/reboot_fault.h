// Kind "reboot": everything on the node ends at once, and its engine starts it again.
#pragma once

#include "nemesis/agent/fault.h"

namespace riven::agent {

/// params: none. For nodes that are containers: kills every process of the node a moment after the answer
/// went out, so that the container ends with an error and the engine's restart policy brings it back. On a
/// machine with processes of its own numbering, that is one that is no container, it is refused: Riven
/// reboots no machine. There is nothing to undo.
FaultKind reboot_kind();

}  // namespace riven::agent
