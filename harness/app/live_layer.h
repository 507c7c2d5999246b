// Faults that need a layer under the files of a database that runs already: it is stopped meanwhile.
#pragma once

#include "harness/api/nemesis.h"
#include "harness/core/result.h"

namespace riven {

/// Kills the database on all nodes, lets `nemesis` prepare, starts it again and waits until it serves.
/// Demands target.database, which can be killed and started. After an error it was started all the same, and
/// what is mounted goes with the agents.
Status put_layers_under(FaultTarget& target, Nemesis& nemesis);

/// The way back: kills the database, has the agents undo everything they did, starts it again.
Status take_layers_away(FaultTarget& target);

}  // namespace riven
