// What the plain reading of the definitions says of a history.
#pragma once

#include <set>
#include <string>

#include "checkers/isolation/model.h"
#include "tests/checkers/isolation/plain/cycles.h"
#include "tests/checkers/isolation/plain/reading.h"

namespace riven::checkers::isolation::plain {

struct Opinion {
  ModelSet refuted = 0;             ///< in every order of versions that may be
  ModelSet holds = 0;               ///< in some; what is neither is open
  std::set<std::string> anomalies;  ///< those that are no cycles, by their names
  CycleSet cycles;                  ///< with the order of versions that is certain
  bool ordered = false;             ///< no other order explains the reads as well: so it is with lists
};

Opinion judge_lists(World world);
/// `most_steps`: how many orders of versions the search for each rule looks at before it leaves the rule
/// open.
Opinion judge_registers(World world, size_t most_steps);

}  // namespace riven::checkers::isolation::plain
