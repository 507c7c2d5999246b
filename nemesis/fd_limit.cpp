// No file descriptors left: the database's processes cannot accept or open anything beyond `spare` (0) more.
//
// It took effect when a process could open nothing. A database that ended because of it is started again.
#include "harness/api/registry.h"
#include "harness/core/json_fields.h"
#include "nemesis/shared/node_fault.h"

namespace riven {

void add_fd_limit(Registry& registry) {
  registry.add(node_fault(
      {.name = "fd-limit",
       .aliases = {"descriptors"},
       .description = "the database's processes can open no more files and connections (spare)",
       .span = {.color = "#a05a7d"}},
      {.kind = "fd-limit",
       .numbers = {{"spare", "spare", 1, 0, 1'000'000}},
       .ends_database = true,
       .took_effect = [](const NodeEffect& node) { return integer_of(node.proof, "limited") > 0; }}));
}

}  // namespace riven
