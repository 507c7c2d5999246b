// Faults at irregular but seeded times.
#pragma once

#include <cstdint>

#include "harness/generator/generator.h"

namespace riven {

/// Waits before each operation of `child`, the first too, for a time drawn uniformly from
/// [0.5, 1.5) * mean_ns, counted from the emission before. Unlike gen::stagger no gap is near zero: a fault
/// lasts long enough to be seen. Updates and finish(): the child's.
GeneratorPtr jittered(int64_t mean_ns, GeneratorPtr child);

}  // namespace riven
