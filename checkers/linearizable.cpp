// Registers the linearizability checker.
#include "checkers/linearizable/checker.h"
#include "harness/api/registry.h"

namespace riven::checkers {

void add_linearizable(Registry& registry);

void add_linearizable(Registry& registry) {
  registry.add(CheckerFactory{
      .name = "linearizable",
      .description =
          "linearizability (Herlihy and Wing 1990) of registers, locks, sets, queues, counters and maps",
      .models = linearizable::model_names(),
      .make = [](const std::map<std::string, std::string>& options) {
        return linearizable::make_checker(options);
      }});
}

}  // namespace riven::checkers
