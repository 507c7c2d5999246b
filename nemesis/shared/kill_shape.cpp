#include "nemesis/shared/kill_shape.h"

#include "harness/core/json_fields.h"

namespace riven {
namespace {

bool took_effect(const NodeEffect& node) {
  return integer_of(node.applied, "killed") > 0 && integer_of(node.proof, "alive") == 0;
}

}  // namespace

NodeFaultShape kill_shape() {
  return {
      .kind = "kill",
      .word = WordField{"signal", "signal", {"KILL", "TERM"}},
      .ends_database = true,
      .begun = NodeCount{"killed", "killed"},
      .settling = Settling{.is_settled = [](const Json& proof) { return integer_of(proof, "alive") == 0; },
                           .complaint = "processes have not ended"},
      .ended = NodeCount{"alive", "alive"},
      .took_effect = took_effect};
}

}  // namespace riven
