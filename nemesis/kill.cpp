// Killed nodes: the database's processes die at once (or with `signal` TERM are asked to end) and are started
// again later. :kill and :start complete as kill_shape.h says.
#include "harness/api/registry.h"
#include "nemesis/shared/kill_shape.h"

namespace riven {

void add_kill(Registry& registry) {
  registry.add(node_fault(
      {.name = "kill",
       .description = "the database's processes are killed and started again (nodes: one, minority, ...)",
       .span = {.color = "#7b4fb5", .starts = {"kill"}, .stops = {"start"}, .stops_nodes = true},
       .in_storm = true},
      kill_shape()));
}

}  // namespace riven
