#include "nemesis/agent/core/fault.h"

namespace riven::agent {

#define RIVEN_AGENT_KIND(name) FaultKind name##_kind();
#include "nemesis/agent/kinds.inc"
#undef RIVEN_AGENT_KIND

const std::vector<FaultKind>& fault_kinds() {
#define RIVEN_AGENT_KIND(name) name##_kind(),
  static const std::vector<FaultKind> kKinds = {
#include "nemesis/agent/kinds.inc"
  };
#undef RIVEN_AGENT_KIND
  return kKinds;
}

}  // namespace riven::agent
