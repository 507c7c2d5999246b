// Memory that runs out, within the limit of the node's own control group.
//
// :start-memory with a map, and :stop-memory, as in parts/node_fault.h:
//   memory    pressure  all but `leave-mb` (32) is taken: the page cache goes, and what the database asks for
//                       is given up again
//             oom       the kernel's killer is provoked, with the database's processes first in its order
// It took effect when no more than half as much again was left, or the kernel had killed. What ended is
// started again.
#include "harness/api/registry.h"
#include "harness/control/agent_message.h"
#include "nemesis/parts/node_fault.h"

namespace riven {
namespace {

constexpr int64_t kMiB = 1 << 20;
constexpr int64_t kLeaveMiB = 32;

Result<FaultPackage> make(const FaultOptions& options, const Capabilities& capabilities) {
  NodeFaultShape shape;
  shape.name = shape.kind = "memory";
  shape.color = "#b0683c";
  shape.word = "memory";
  shape.word_param = "what";
  shape.words = {"pressure", "oom"};
  shape.numbers = {{"leave-mb", "leave_bytes", static_cast<double>(kMiB), 1, 100'000}};
  shape.ends_servers = true;
  shape.by_chance = [](Rng& rng) -> Value::List {
    return {"memory", rng.below(2) == 0 ? "pressure" : "oom", "leave-mb", kLeaveMiB};
  };
  shape.took_effect = [](const Json& proof) {
    const int64_t hog = integer_of(proof, "hog_bytes"), left = integer_of(proof, "left_bytes");
    const int64_t asked = integer_of(proof, "leave_bytes", kLeaveMiB * kMiB);
    return integer_of(proof, "oom_kills") > 0 || (hog > 0 && left <= asked + asked / 2);
  };
  return make_node_fault(shape, options, capabilities);
}

}  // namespace

void add_memory(Registry& registry) {
  auto factory = std::make_shared<FaultFactory>();
  factory->name = "memory";
  factory->description =
      "memory runs out: memory:pressure takes it, memory:oom has the kernel kill the database";
  factory->word = "memory";
  factory->agent_kinds = {"memory"};
  factory->make = make;
  registry.add(std::shared_ptr<const FaultFactory>(std::move(factory)));
}

}  // namespace riven
