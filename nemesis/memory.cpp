// Memory that runs out, within the limit of the node's own control group:
//   memory    pressure  all but `leave-mb` (32) is taken: the page cache goes, and what the database asks for
//                       is given up again
//             oom       the kernel's killer is provoked, with the database's processes first in its order
//
// It took effect when at most half as much again was left, or the kernel had killed. What ended is started
// again.
#include "harness/api/registry.h"
#include "harness/core/json_fields.h"
#include "nemesis/shared/node_fault.h"

namespace riven {
namespace {

constexpr int64_t kMiB = 1 << 20;
constexpr int64_t kLeaveMiB = 32;
constexpr int64_t kContainerMiB = 512;  // the agent takes memory only within a limit of the node's own

Value::List draw(Rng& rng) {
  return {"memory", rng.below(2) == 0 ? "pressure" : "oom", "leave-mb", kLeaveMiB};
}

bool took_effect(const NodeEffect& node) {
  const int64_t hog = integer_of(node.proof, "hog_bytes"), left = integer_of(node.proof, "left_bytes");
  const int64_t asked = integer_of(node.proof, "leave_bytes", kLeaveMiB * kMiB);
  return integer_of(node.proof, "oom_kills") > 0 || (hog > 0 && left <= asked + asked / 2);
}

}  // namespace

void add_memory(Registry& registry) {
  registry.add(node_fault(
      {.name = "memory",
       .description =
           "memory runs out: memory:pressure takes it, memory:oom has the kernel kill the database",
       .word = "memory",
       .span = {.color = "#b0683c"},
       .container = {.memory_limit_mib = kContainerMiB}},
      {.kind = "memory",
       .numbers = {{"leave-mb", "leave_bytes", static_cast<double>(kMiB), 1, 100'000}},
       .word = WordField{"memory", "what", {"pressure", "oom"}},
       .at_random = draw,
       .ends_database = true,
       .took_effect = took_effect}));
}

}  // namespace riven
