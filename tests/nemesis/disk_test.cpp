// What the disk package plans and refuses; what it does is tested on real mounts in tests/agent and
// tests/docker.
#include "harness/api/nemesis.h"
#include "harness/api/registry.h"
#include "tests/catch.h"

namespace riven {
void add_disk(Registry& registry);

namespace {

using Extra = std::map<std::string, std::string>;

struct Package {
  explicit Package(Extra extra = {}, const char* data = "/var/lib/db") {
    add_disk(registry);
    for (int i = 1; i <= 5; ++i) {
      Node node;
      node.name = "n" + std::to_string(i);
      target.nodes.push_back(node);
      options.nodes.push_back(node.name);
    }
    options.extra = std::move(extra);
    can.kill = true;
    can.processes = {"db"};
    can.data_directory = data;
  }
  Result<FaultPackage> make() const { return registry.faults().front()->make(options, can); }
  Result<FaultPlan> plan(Value value) {
    auto package = make();
    REQUIRE(package);
    Op op;
    op.f = Symbol("start-disk");
    op.value = std::move(value);
    return package->nemesis->plan(target, op);
  }
  Registry registry;
  FaultOptions options;
  Capabilities can;
  FaultTarget target;
};

TEST_CASE("disk faults that cannot work are refused before the run", "[nemesis][disk]") {
  CHECK(Package().make());
  CHECK_FALSE(Package(Extra{}, "").make());
  CHECK_FALSE(Package(Extra{{"disk", "dust"}}).make());
  CHECK_FALSE(Package(Extra{{"percent", "many"}}).make());
  CHECK_FALSE(Package(Extra{{"loss", "some"}}).make());
  CHECK_FALSE(Package(Extra{{"delay-ms", "0"}}).make());
  CHECK_FALSE(Package(Extra{{"speed", "1"}}).make());
  CHECK(Package(Extra{{"disk", "slow,eio"}, {"percent", "0.5"}, {"path", "*.wal"}, {"nodes", "one,n1+n2"}})
            .make());
  Package dead;
  dead.can.kill = false;
  CHECK_FALSE(dead.make());
}

TEST_CASE("a disk fault's plan leaves nothing to chance, and says what it breaks", "[nemesis][disk]") {
  Package disk;
  const auto plan = disk.plan(Value::map({"disk", "power-loss", "nodes", "minority"}));
  REQUIRE(plan);
  CHECK(plan->impact.nodes.size() == 2);
  CHECK(plan->value.find("nodes")->list().size() == 2);
  CHECK(plan->value.find("loss") != nullptr);
  REQUIRE(plan->value.find("seed") != nullptr);
  const auto again = disk.plan(plan->value);
  REQUIRE(again);
  CHECK(again->value.find("seed")->integer() == plan->value.find("seed")->integer());
  CHECK(to_edn(*again->value.find("loss")) == to_edn(*plan->value.find("loss")));
  CHECK(again->impact.nodes == plan->impact.nodes);
  const auto slow = disk.plan(Value::map({"disk", "slow", "delay-ms", 250, "nodes", "n2"}));
  REQUIRE(slow);
  CHECK(slow->value.find("loss") == nullptr);
  CHECK(slow->value.find("delay-ms")->integer() == 250);
  CHECK_FALSE(disk.plan(Value::map({"disk", "dust"})));
  CHECK_FALSE(disk.plan(Value::map({"nodes", "n9"})));
  CHECK_FALSE(disk.plan(Value("power-loss")));
}

}  // namespace
}  // namespace riven
