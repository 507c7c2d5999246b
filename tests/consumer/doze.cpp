// A fault of one's own, outside Riven's tree: this file, and one line in shelf.cpp. The database's processes
// are stopped where they are, by what every agent can do, on half of the nodes.
#include "harness/api/registry.h"
#include "harness/core/json_fields.h"
#include "nemesis/shared/node_fault.h"

void add_doze(riven::Registry& registry) {
  using namespace riven;
  registry.add(node_fault(
      {.name = "doze",
       .description = "the keepers of the shelf fall asleep (nodes: one, minority, ...)",
       .span = {.color = "#123456"},
       .container = {.capabilities = {"SYS_PTRACE"}},
       .command = {.examples = {"riven fault doze n1 --for 5s"}}},
      {.kind = "pause",
       .begun = NodeCount{"dozing", "stopped"},
       .sums = {"stopped", "running"},
       .took_effect = [](const NodeEffect& node) { return integer_of(node.proof, "stopped") > 0; }}));
}
