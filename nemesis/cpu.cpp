// Slow processors: the database's processes get only `percent` of the time (default: 5 to 50, at random), in
// periods of `period-ms` (100).
//
// It took effect when the processes were stopped for at least three quarters of the time that they should
// have.
#include "harness/api/registry.h"
#include "harness/core/json_fields.h"
#include "nemesis/shared/node_fault.h"

namespace riven {
namespace {

constexpr double kPerPercent = 10'000, kMillion = 1'000'000;

Value::List draw(Rng& rng) {
  constexpr uint64_t kLeast = 5, kMost = 50;
  return {"percent", static_cast<int64_t>(kLeast + rng.below(kMost - kLeast + 1))};
}

bool took_effect(const NodeEffect& node) {
  const double asked = 1 - real_of(node.proof, "share_per_million") / kMillion;
  const double stopped = real_of(node.proof, "stopped_us") / real_of(node.proof, "elapsed_us", 1);
  constexpr double kEnough = 0.75;  // the first period does not begin at once
  return integer_of(node.proof, "periods") > 0 && stopped >= kEnough * asked;
}

}  // namespace

void add_cpu(Registry& registry) {
  registry.add(node_fault(
      {.name = "cpu",
       .description = "the database's processes get only a share of the processor (percent, period-ms)",
       .word = "percent",
       .span = {.color = "#3f8f6b"}},
      {.kind = "cpu",
       .numbers = {{"percent", "share_per_million", kPerPercent, 1, 99},
                   {"period-ms", "period_us", 1000, 10, 10'000}},
       .at_random = draw,
       .took_effect = took_effect}));
}

}  // namespace riven
