// Kind "reboot": everything on the node ends at once, and it comes back.
#pragma once

#include "nemesis/agent/core/fault.h"

namespace riven::agent {

/// params: none. A moment after the answer went out every process of a container is killed, so that it ends
/// with an error and the engine's restart policy brings it back. A machine is rebooted at once, as by its
/// reset button: nothing is ended first, and what was not synced is lost; only one whose inventory allows it
/// (host_permissions.h). There is nothing to undo.
FaultKind reboot_kind();

}  // namespace riven::agent
