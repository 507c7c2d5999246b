// Faults at exact times.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "harness/generator/combinators.h"

namespace riven {

/// One operation of a timetable.
struct ScheduledOp {
  int64_t at_ns = 0;  ///< since the run began
  gen::Draft draft;
  std::optional<size_t> closes;  ///< the position of the appointment that this one ends
};

/// The operations in their order, each at its time, or as soon afterwards as its process is free. Done after
/// the last one. Cut off by a time limit, it closes at once what was begun and not yet closed. Demands that
/// times do not decrease and that what is closed stands before.
GeneratorPtr timetable(std::vector<ScheduledOp> operations);

}  // namespace riven
