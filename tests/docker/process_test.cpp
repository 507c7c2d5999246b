// Kill and pause on a real etcd in containers: seen from outside, by etcd's own answers.
#include <unistd.h>

#include <algorithm>

#include "harness/api/nemesis.h"
#include "harness/api/registry.h"
#include "harness/control/agent_client.h"
#include "harness/control/cluster.h"
#include "harness/control/docker_cluster.h"
#include "harness/core/clock.h"
#include "tests/catch.h"

namespace riven {
namespace databases {
void add_etcd(Registry& registry);
}
void add_kill(Registry& registry);
void add_pause(Registry& registry);

namespace {

constexpr size_t kNodes = 3;

struct EtcdCluster {
  static std::unique_ptr<EtcdCluster> up() {
    auto made = std::make_unique<EtcdCluster>();
    DockerClusterOptions options;
    options.name = made->name;
    options.database = "etcd";
    options.nodes = kNodes;
    const auto spec = DockerClusters::up(options);
    if (!spec) {
      WARN("skipped: no cluster of containers (" << spec.error().message << ")");
      return nullptr;
    }
    auto cluster = Cluster::connect(*spec);
    REQUIRE(cluster);
    made->cluster = std::move(*cluster);
    Registry registry;
    databases::add_etcd(registry);
    auto database = registry.databases().front().make({});
    REQUIRE(database);
    made->database = std::move(*database);
    made->target.nodes = made->cluster->nodes();
    made->target.database = made->database.get();
    AgentOptions agent_options;
    agent_options.owner = "process-test";
    for (size_t i = 0; i < kNodes; ++i) {
      REQUIRE(made->database->setup(made->target.nodes[i], made->target.nodes));
      auto agent = AgentClient::start(
          cluster_agent_launcher(*made->cluster, i, RIVEN_AGENT_PATH, agent_options), agent_options);
      REQUIRE(agent);
      made->target.agents.push_back(agent->get());
      made->agents.push_back(std::move(*agent));
    }
    REQUIRE(made->database->await_ready(made->target.nodes, Milliseconds(60'000)));
    return made;
  }
  ~EtcdCluster() {
    agents.clear();
    cluster.reset();
    CHECK(DockerClusters::down(name));
  }

  FaultPackage package(void (*add)(Registry&)) const {
    Registry registry;
    add(registry);
    FaultOptions options;
    for (const Node& node : target.nodes) options.nodes.push_back(node.name);
    auto made = registry.faults().front()->make(options, database->capabilities());
    REQUIRE(made);
    return std::move(*made);
  }

  /// Whether etcd on node i answers a request within a second, asked on the node itself.
  bool answers(size_t i) const {
    Command command;
    command.argv = {"timeout", "1", "bash", "-c",
                    "exec 3<>/dev/tcp/" + target.nodes[i].address +
                        "/2379 && printf 'GET /version HTTP/1.0\\r\\n\\r\\n' >&3 && grep -q etcdserver <&3"};
    const auto output = target.nodes[i].session->run(command);
    REQUIRE(output);
    return output->succeeded();
  }

  std::string name = "process-" + std::to_string(getpid());
  std::unique_ptr<Cluster> cluster;
  std::unique_ptr<Database> database;
  std::vector<std::unique_ptr<AgentClient>> agents;
  FaultTarget target;
};

Op op_of(const char* f, Value value = {}) {
  Op op;
  op.f = Symbol(f);
  op.value = std::move(value);
  return op;
}

TEST_CASE("etcd is paused and killed in containers, and comes back", "[docker]") {
  const auto world = EtcdCluster::up();
  if (!world) return;
  for (size_t i = 0; i < kNodes; ++i) CHECK(world->answers(i));

  FaultPackage pause = world->package(add_pause);
  const auto paused = pause.nemesis->invoke(world->target, op_of("pause", Value("n2")));
  REQUIRE(paused);
  CHECK_FALSE(world->answers(1));
  CHECK(world->answers(0));
  const auto resumed = pause.nemesis->invoke(world->target, op_of("resume"));
  REQUIRE(resumed);
  CHECK(resumed->find("took_effect")->boolean());
  CHECK(world->answers(1));

  FaultPackage kill = world->package(add_kill);
  const auto killed = kill.nemesis->invoke(world->target, op_of("kill", Value("all")));
  REQUIRE(killed);
  WARN("etcd killed on three nodes: " << to_edn(*killed));
  for (size_t i = 0; i < kNodes; ++i) CHECK_FALSE(world->answers(i));
  const auto started = kill.nemesis->invoke(world->target, op_of("start"));
  REQUIRE(started);
  CHECK(started->find("took_effect")->boolean());
  CHECK(world->database->await_ready(world->target.nodes, Milliseconds(30'000)));

  // The agent's own promise: a paused node goes on when the agent's connection ends.
  REQUIRE(pause.nemesis->invoke(world->target, op_of("pause", Value("all"))));
  for (size_t i = 0; i < kNodes; ++i) CHECK_FALSE(world->answers(i));
  world->target.agents.clear();
  world->agents.clear();
  CHECK(world->database->await_ready(world->target.nodes, Milliseconds(30'000)));
}

TEST_CASE("all etcds stop within 5 ms", "[docker]") {
  const auto world = EtcdCluster::up();
  if (!world) return;
  FaultPackage pause = world->package(add_pause);
  std::vector<int64_t> spreads_us;
  for (int round = 0; round < 20; ++round) {
    const auto paused = pause.nemesis->invoke(world->target, op_of("pause", Value("all")));
    REQUIRE(paused);
    spreads_us.push_back(paused->find("spread-us")->integer());
    REQUIRE(pause.nemesis->invoke(world->target, op_of("resume")));
  }
  std::sort(spreads_us.begin(), spreads_us.end());
  WARN("three etcds, first to last process stopped: median " << spreads_us[10] << " us");
  CHECK(spreads_us[10] < 5'000);
}

}  // namespace
}  // namespace riven
