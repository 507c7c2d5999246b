// Paused nodes: the database's processes are stopped where they are, and continue later.
//
// :pause completes with {nodes, stopped {"n1" processes}, spread-us}, :resume with {took_effect, nodes,
// stopped, running, ended}: how many processes were still stopped just before, how many ran, and how many had
// died. A process that died during the pause (by another fault) had been paused until it died.
#include "harness/api/registry.h"
#include "harness/core/json_fields.h"
#include "nemesis/shared/node_fault.h"

namespace riven {
namespace {

bool took_effect(const NodeEffect& node) {
  const int64_t paused = integer_of(node.proof, "stopped") + integer_of(node.proof, "ended");
  return paused > 0 && integer_of(node.proof, "running") == 0;
}

}  // namespace

void add_pause(Registry& registry) {
  registry.add(node_fault(
      {.name = "pause",
       .description = "the database's processes are stopped where they are (nodes: one, minority, ...)",
       .span = {.color = "#c98a1b", .starts = {"pause"}, .stops = {"resume"}, .stops_nodes = true},
       .container = {.capabilities = {"SYS_PTRACE"}},
       .in_storm = true,
       .command = {.examples = {"riven fault pause n2 --for 5s"}}},
      {.kind = "pause",
       .begun = NodeCount{"stopped", "stopped"},
       .sums = {"stopped", "running", "ended"},
       .took_effect = took_effect}));
}

}  // namespace riven
