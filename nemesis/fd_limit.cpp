// No file descriptors left: the database's processes cannot accept or open anything beyond `spare` (0) more.
//
// :start-fd-limit with a map, and :stop-fd-limit, as in parts/node_fault.h. It took effect when a process
// could open nothing. A database that ended because of it is started again.
#include "harness/api/registry.h"
#include "harness/control/agent_message.h"
#include "nemesis/parts/node_fault.h"

namespace riven {
namespace {

Result<FaultPackage> make(const FaultOptions& options, const Capabilities& capabilities) {
  NodeFaultShape shape;
  shape.name = shape.kind = "fd-limit";
  shape.color = "#a05a7d";
  shape.numbers = {{"spare", "spare", 1, 0, 1'000'000}};
  shape.ends_servers = true;
  shape.took_effect = [](const Json& proof) { return integer_of(proof, "limited") > 0; };
  return make_node_fault(shape, options, capabilities);
}

}  // namespace

void add_fd_limit(Registry& registry) {
  auto factory = std::make_shared<FaultFactory>();
  factory->name = "fd-limit";
  factory->aliases = {"descriptors"};
  factory->description = "the database's processes can open no more files and connections (spare)";
  factory->word = "nodes";
  factory->agent_kinds = {"fd-limit"};
  factory->make = make;
  registry.add(std::shared_ptr<const FaultFactory>(std::move(factory)));
}

}  // namespace riven
