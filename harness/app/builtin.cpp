#include "harness/app/builtin.h"

namespace riven {

#define RIVEN_BUILTIN(name) void add_##name(Registry& registry);
namespace checkers {
#include "checkers/builtin.inc"
}
#include "nemesis/builtin.inc"
namespace workloads {
#include "workloads/builtin.inc"
}
namespace databases {
#include "workloads/databases/builtin.inc"
}
#undef RIVEN_BUILTIN

Registry builtin_registry() {
  Registry registry;
#define RIVEN_BUILTIN(name) add_##name(registry);
  {
    using namespace checkers;
#include "checkers/builtin.inc"
  }
#include "nemesis/builtin.inc"
  {
    using namespace workloads;
#include "workloads/builtin.inc"
  }
  {
    using namespace databases;
#include "workloads/databases/builtin.inc"
  }
#undef RIVEN_BUILTIN
  return registry;
}

}  // namespace riven
