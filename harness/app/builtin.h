// Everything that is built in.
#pragma once

#include "harness/api/registry.h"

namespace riven {

/// All databases, workloads, faults and checkers of the builtin.inc lists.
Registry builtin_registry();

}  // namespace riven
