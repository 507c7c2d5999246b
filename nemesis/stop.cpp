// Stopped nodes: the database is asked to end (SIGTERM to all its processes), which it must do within 15 s,
// and is started again later.
//
// :stop completes, once nothing of it runs, with {nodes, asked {"n1" processes}, spread-us, ended-ms};
// :start-stopped starts it again and completes as kill_shape.h says.
#include "harness/api/registry.h"
#include "nemesis/shared/kill_shape.h"

namespace riven {

void add_stop(Registry& registry) {
  NodeFaultShape shape = kill_shape();
  shape.word = WordField{"", "signal", {"TERM"}};
  shape.begun->name = "asked";
  shape.settling->shown = "ended-ms";
  registry.add(node_fault(
      {.name = "stop",
       .description = "the database is asked to end (SIGTERM) and started again (nodes: one, minority, ...)",
       .span = {.color = "#6a6fb8",
                .starts = {"stop", "start-stop"},  // the second of each: their names in older versions
                .stops = {"start-stopped", "stop-stop"}}},
      std::move(shape)));
}

}  // namespace riven
