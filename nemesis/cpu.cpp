// Slow processors: the database's processes get only `percent` of the time (default: 5 to 50, by chance), in
// turns of `period-ms` (100).
//
// :start-cpu with a map, and :stop-cpu, as in parts/node_fault.h. It took effect when the processes stood
// still for three quarters at least of the time that they should have.
#include "harness/api/registry.h"
#include "harness/control/agent_message.h"
#include "nemesis/parts/node_fault.h"

namespace riven {
namespace {

constexpr double kPerPercent = 10'000, kMillion = 1'000'000;

Result<FaultPackage> make(const FaultOptions& options, const Capabilities& capabilities) {
  NodeFaultShape shape;
  shape.name = shape.kind = "cpu";
  shape.color = "#3f8f6b";
  shape.numbers = {{"percent", "share_per_million", kPerPercent, 1, 99},
                   {"period-ms", "period_us", 1000, 10, 10'000}};
  shape.by_chance = [](Rng& rng) -> Value::List {
    constexpr uint64_t kLeast = 5, kMost = 50;
    return {"percent", static_cast<int64_t>(kLeast + rng.below(kMost - kLeast + 1))};
  };
  shape.took_effect = [](const Json& proof) {
    const double asked = 1 - real_of(proof, "share_per_million") / kMillion;
    const double stopped = real_of(proof, "stopped_us") / real_of(proof, "elapsed_us", 1);
    constexpr double kEnough = 0.75;  // the first period has not begun at once
    return integer_of(proof, "periods") > 0 && stopped >= kEnough * asked;
  };
  return make_node_fault(shape, options, capabilities);
}

}  // namespace

void add_cpu(Registry& registry) {
  auto factory = std::make_shared<FaultFactory>();
  factory->name = "cpu";
  factory->description = "the database's processes get only a share of the processor (percent, period-ms)";
  factory->word = "percent";
  factory->agent_kinds = {"cpu"};
  factory->make = make;
  registry.add(std::shared_ptr<const FaultFactory>(std::move(factory)));
}

}  // namespace riven
