// What the house knows of faults comes from their factories: of Riven's own and of one that a user adds.
#include <set>

#include "harness/api/nemesis.h"
#include "harness/api/workload.h"
#include "harness/app/builtin.h"
#include "harness/app/fault_choice.h"
#include "tests/catch.h"

using namespace riven;

namespace {

Capabilities all_capabilities() {
  Capabilities can;
  can.kill = can.primaries = can.membership = true;
  can.processes = {"db"};
  can.data_directory = "/var/lib/db";
  return can;
}

FaultOptions five_nodes() {
  FaultOptions options;
  options.nodes = {"n1", "n2", "n3", "n4", "n5"};
  return options;
}

}  // namespace

TEST_CASE("every fault's facts are whole, and its package keeps to them") {
  const Registry registry = builtin_registry();
  std::set<std::string> colors, functions;
  for (const auto& fault : registry.faults()) {
    CAPTURE(fault->name);
    CHECK(fault->span.name == fault->name);
    CHECK(fault->span.color.size() == 7);
    CHECK(colors.insert(fault->span.color).second);
    CHECK_FALSE(fault->description.empty());
    CHECK_FALSE(fault->agent_kinds.empty());
    for (const auto* const names : {&fault->span.starts, &fault->span.stops}) {
      REQUIRE_FALSE(names->empty());
      for (const std::string& f : *names) CHECK(functions.insert(f).second);  // no two faults share one
    }
    for (const std::string& line : fault->command.examples)
      CHECK(line.find("riven fault " + fault->name) == 0);
    const auto package = fault->make(five_nodes(), all_capabilities());
    REQUIRE(package);
    CHECK(package->span.name == fault->span.name);
    CHECK(package->span.color == fault->span.color);
    CHECK(package->span.starts == fault->span.starts);
    CHECK(package->span.stops == fault->span.stops);
    CHECK(package->span.stops_nodes == fault->span.stops_nodes);
  }
}

TEST_CASE("a fault that is added is chosen, recognised and given its containers like any other") {
  Registry registry = builtin_registry();
  registry.add(FaultFactory{.name = "eclipse",
                            .aliases = {"shade"},
                            .span = fault_span("eclipse", "#000001"),
                            .container = {.capabilities = {"SYS_BOOT"}},
                            .in_storm = true});
  const auto chosen = choose_faults("shade:total", registry);
  REQUIRE(chosen);
  CHECK(chosen->front().name == "eclipse");
  CHECK(chosen->front().word == "total");
  const auto has = [](const auto& requests) {
    return std::any_of(requests.begin(), requests.end(),
                       [](const auto& request) { return request.name == "eclipse"; });
  };
  for (const char* const profile : {"all", "gentle", "nightly", "storm"})
    CHECK(has(*choose_faults(profile, registry)));
  const std::vector<PlotSpan> spans = spans_of({"shade", "unheard-of"}, registry);
  REQUIRE(spans.size() == 1);
  CHECK(spans.front().color == "#000001");
  CHECK_FALSE(choose_faults("shade,eclipse", registry));
}

TEST_CASE("a registry refuses a name twice, of every kind, and finds each") {
  Registry registry = builtin_registry();
  CHECK(registry.find<DatabaseFactory>("etcd") != nullptr);
  CHECK(registry.find<CheckerFactory>("isolation") != nullptr);
  CHECK(registry.find<WorkloadFactory>("register") != nullptr);
  CHECK(registry.find<FaultFactory>("kill") != nullptr);
  CHECK(registry.find<FaultFactory>("descriptors") == registry.find<FaultFactory>("fd-limit"));
  CHECK(registry.find<FaultFactory>("") == nullptr);
  CHECK_THROWS_AS(registry.add(DatabaseFactory{.name = "etcd", .description = "", .options = {}, .make = {}}),
                  Defect);
  CHECK_THROWS_AS(
      registry.add(CheckerFactory{.name = "isolation", .description = "", .models = {}, .make = {}}), Defect);
  CHECK_THROWS_AS(
      registry.add(WorkloadFactory{.name = "register", .description = "", .models = {}, .make = {}}), Defect);
  CHECK_THROWS_AS(registry.add(FaultFactory{.name = "kill"}), Defect);
  CHECK_THROWS_AS(registry.add(FaultFactory{.name = "descriptors"}), Defect);
  CHECK_THROWS_AS(registry.add(FaultFactory{.name = "new", .aliases = {"kill"}}), Defect);
}
