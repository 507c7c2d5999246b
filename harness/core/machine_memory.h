// How much memory this machine has.
#pragma once

#include <cstdint>

namespace riven {

/// Half of the machine's memory: what checkers may use when nobody sets a limit. 2 GiB where the machine does
/// not say.
uint64_t half_of_machine_memory_bytes();

}  // namespace riven
