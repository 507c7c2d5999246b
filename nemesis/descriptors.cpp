// No file descriptors left: the database's processes can accept and open nothing any more, but `spare` (0).
//
// :start-descriptors with a map, and :stop-descriptors, as in parts/node_fault.h. It took effect when a
// process could open nothing. A database that ended over it is started again.
#include "harness/api/registry.h"
#include "harness/control/agent_message.h"
#include "nemesis/parts/node_fault.h"

namespace riven {
namespace {

Result<FaultPackage> make(const FaultOptions& options, const Capabilities& capabilities) {
  NodeFaultShape shape;
  shape.name = shape.kind = "descriptors";
  shape.color = "#a05a7d";
  shape.numbers = {{"spare", "spare", 1, 0, 1'000'000}};
  shape.ends_servers = true;
  shape.took_effect = [](const Json& proof) { return integer_of(proof, "limited") > 0; };
  return make_node_fault(shape, options, capabilities);
}

}  // namespace

void add_descriptors(Registry& registry) {
  auto factory = std::make_shared<FaultFactory>();
  factory->name = "descriptors";
  factory->description = "the database's processes can open no more files and connections (spare)";
  factory->word = "nodes";
  factory->agent_kinds = {"descriptors"};
  factory->make = make;
  registry.add(std::shared_ptr<const FaultFactory>(std::move(factory)));
}

}  // namespace riven
