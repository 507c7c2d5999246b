// Kind "packets": drops or rejects packets by peer, direction, port and share. Partitions are made of it.
#pragma once

#include "nemesis/agent/core/fault.h"

namespace riven::agent {

/// Each fault is one nf_tables table of its own, riven-OWNER.ID, so that it comes and goes in one
/// transaction. The controller's own connection is accepted first in each of its chains.
FaultKind packet_kind();

}  // namespace riven::agent
