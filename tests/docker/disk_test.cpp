// Failing disks under a real etcd in containers, seen from outside the agent: by dd, by /proc/mounts and by
// what is in the data directory.
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "harness/api/nemesis.h"
#include "harness/api/registry.h"
#include "harness/control/agent_client.h"
#include "harness/control/cluster.h"
#include "tests/docker/cluster_fixture.h"

namespace riven {
namespace databases {
void add_etcd(Registry& registry);
}
void add_disk(Registry& registry);

namespace {

using docker_test::milliseconds_of;
using docker_test::within;

constexpr size_t kNodes = 3;
constexpr const char* kData = "/var/lib/riven-etcd";

struct Containers : docker_test::TestCluster {
  Containers() : TestCluster("disk", kNodes, {"disk"}) {}
  ~Containers() { CHECK(DockerClusters::down(name())); }
  bool has_layer(size_t i) const { return inside(i, "grep -q fuse.riven /proc/mounts").succeeded(); }
  bool has_process(size_t i) const { return inside(i, "pgrep -x riven-disk").succeeded(); }
};

AgentOptions options_for(const std::string& owner, Milliseconds lease) {
  AgentOptions options;
  options.owner = owner;
  options.lease = lease;
  return options;
}

/// etcd on layers.
struct World {
  explicit World(const Containers& containers) {
    auto connected = Cluster::connect(containers.spec);
    REQUIRE(connected);
    cluster = std::move(*connected);
    Registry registry;
    databases::add_etcd(registry);
    add_disk(registry);
    auto made = registry.databases().front().make({});
    REQUIRE(made);
    database = std::move(*made);
    target.nodes = cluster->nodes();
    target.database = database.get();
    const AgentOptions options = options_for("disk-test", Milliseconds(10'000));
    for (size_t i = 0; i < kNodes; ++i) {
      auto agent =
          AgentClient::start(cluster_agent_launcher(*cluster, i, RIVEN_AGENT_PATH, options), options);
      if (!agent) FAIL(agent.error().message);
      target.agents.push_back(agent->get());
      agents.push_back(std::move(*agent));
    }
    FaultOptions fault;
    for (const Node& node : target.nodes) fault.nodes.push_back(node.name);
    auto package_made = registry.faults().front()->make(fault, database->capabilities());
    REQUIRE(package_made);
    package = std::move(*package_made);
    const Status prepared = package.nemesis->prepare(target);
    if (!prepared) FAIL(prepared.error().message);
    for (const Node& node : target.nodes) {
      const Status done = database->setup(node, target.nodes);
      if (!done) FAIL(done.error().message);
    }
    REQUIRE(database->await_ready(target.nodes, Milliseconds(60'000)));
  }

  Value invoke(const char* f, Value value = {}) {
    Op op;
    op.f = Symbol(f);
    op.value = std::move(value);
    const auto done = package.nemesis->invoke(target, op);
    if (!done) FAIL(done.error().message);
    return *done;
  }
  static Value on_n1(const char* word, Value::List more = {}) {
    Value::List map = {"nodes", "n1", "disk", word};
    map.insert(map.end(), more.begin(), more.end());
    return Value::map(std::move(map));
  }

  std::unique_ptr<Cluster> cluster;
  std::unique_ptr<Database> database;
  std::vector<std::unique_ptr<AgentClient>> agents;
  FaultTarget target;
  FaultPackage package;
};

TEST_CASE("disks fail under a real etcd, and nothing stays", "[docker]") {
  RIVEN_NEEDS_CONTAINERS();
  const auto docker = std::make_unique<Containers>();
  auto world = std::make_unique<World>(*docker);
  for (size_t i = 0; i < kNodes; ++i) CHECK(docker->has_layer(i));
  const std::string at = std::string("cd ") + kData + " && ";
  const std::string synced_dd = at + "dd if=/dev/zero of=probe bs=4096 count=1 conv=fsync 2>&1";

  // Power: two files from outside, one synced; etcd's own acknowledged state outlives it too.
  CHECK(docker->inside(0, at + "echo kept >kept && sync kept && echo gone >gone").succeeded());
  const Value lost = world->invoke("start-disk", World::on_n1("power-loss", {"loss", "all", "seed", 1}));
  WARN("power loss under etcd: " << to_edn(lost));
  CHECK(lost.find("killed")->integer() >= 1);
  CHECK_FALSE(docker->inside(0, "pgrep -x etcd").succeeded());
  CHECK(docker->inside(0, "cat " + std::string(kData) + "/kept").out == "kept\n");
  // Its name may be there: etcd's own syncs made it durable.
  CHECK_FALSE(docker->inside(0, "grep -q gone " + std::string(kData) + "/gone").succeeded());
  const Value back = world->invoke("stop-disk");
  CHECK(back.find("took_effect")->boolean());
  CHECK(back.find("lost-bytes")->integer() >= 5);
  CHECK(world->database->await_ready(world->target.nodes, Milliseconds(60'000)));

  world->invoke("start-disk", World::on_n1("slow-sync", {"delay-ms", 400}));
  CHECK(milliseconds_of([&] { CHECK(docker->inside(0, synced_dd).succeeded()); }) >= 400);
  CHECK(world->invoke("stop-disk").find("took_effect")->boolean());

  world->invoke("start-disk", World::on_n1("full"));
  const CommandOutput full = docker->inside(0, at + "echo more >>probe2");
  CHECK(full.err.find("No space left") != std::string::npos);
  CHECK(docker->inside(1, at + "echo more >>probe2").succeeded());
  const Value refused = world->invoke("stop-disk");
  CHECK(refused.find("refused")->integer() >= 1);

  world->invoke("start-disk", World::on_n1("eio", {"percent", 100, "path", "*probe*"}));
  CHECK(docker->inside(0, synced_dd).out.find("Input/output error") != std::string::npos);
  world->invoke("stop-disk");
  world->invoke("start-disk", World::on_n1("read-only"));
  CHECK(docker->inside(0, at + "echo x >probe3").err.find("Read-only") != std::string::npos);
  CHECK(world->package.nemesis->heal(world->target));
  CHECK(world->package.nemesis->heal(world->target));
  CHECK(docker->inside(0, at + "echo x >probe3").succeeded());
  CHECK(world->database->await_ready(world->target.nodes, Milliseconds(60'000)));

  // The agents end: no mount is left, etcd goes on, and with it ends the last of the layer.
  world->target.agents.clear();
  world->agents.clear();
  for (size_t i = 0; i < kNodes; ++i) CHECK(within(10'000, [&] { return !docker->has_layer(i); }));
  CHECK(world->database->await_ready(world->target.nodes, Milliseconds(60'000)));
  for (const Node& node : world->target.nodes) CHECK(world->database->teardown(node, world->target.nodes));
  for (size_t i = 0; i < kNodes; ++i) CHECK(within(10'000, [&] { return !docker->has_process(i); }));
  for (size_t i = 0; i < kNodes; ++i)
    CHECK_FALSE(docker->inside(i, std::string("test -e ") + kData).succeeded());
}

/// Forked: a controller that breaks n1's disk, says so, and waits to be killed.
pid_t fork_controller(const ClusterSpec& spec, int ready) {
  const pid_t pid = ::fork();
  if (pid != 0) return pid;
  auto cluster = Cluster::connect(spec);
  if (!cluster) ::_exit(1);
  const AgentOptions options = options_for("doomed", Milliseconds(2'000));
  auto agent = AgentClient::start(cluster_agent_launcher(**cluster, 0, RIVEN_AGENT_PATH, options), options);
  if (!agent) ::_exit(2);
  const bool broken = (*agent)->apply({"disk-layer", {{"directory", kData}}}) &&
                      (*agent)->apply({"disk", {{"directory", kData}, {"rules", {{{"what", "full"}}}}}});
  (void)!::write(ready, broken ? "y" : "n", 1);
  while (true) ::pause();
}

TEST_CASE("the controller is killed while a disk is full: gone within the lease", "[docker]") {
  RIVEN_NEEDS_CONTAINERS();
  const auto docker = std::make_unique<Containers>();
  int ready[2];
  REQUIRE(::pipe2(ready, O_CLOEXEC) == 0);
  const pid_t controller = fork_controller(docker->spec, ready[1]);
  char byte = 0;
  CHECK(::read(ready[0], &byte, 1) == 1);
  CHECK(byte == 'y');
  const std::string touch = std::string("touch ") + kData + "/a";
  CHECK(docker->has_layer(0));
  CHECK_FALSE(docker->inside(0, touch).succeeded());
  ::kill(controller, SIGKILL);
  ::waitpid(controller, nullptr, 0);
  CHECK(within(4'000, [&] { return !docker->has_layer(0) && !docker->has_process(0); }));
  CHECK_FALSE(docker->inside(0, std::string("test -e ") + kData).succeeded());
  for (const int fd : ready) ::close(fd);
}

}  // namespace
}  // namespace riven
