// The agent on real containers over SSH: parted, measured from outside, healed, whatever dies.
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <functional>

#include "harness/agent_protocol/packet_rule.h"
#include "harness/control/agent_client.h"
#include "harness/control/cluster.h"
#include "harness/control/docker_cluster.h"
#include "harness/core/clock.h"
#include "harness/core/json_fields.h"
#include "tests/catch.h"
#include "tests/docker/cluster_fixture.h"

namespace riven {
namespace {

constexpr size_t kNodes = 5;

/// Five containers for as long as the test case runs.
class DockerNodes {
 public:
  static std::unique_ptr<DockerNodes> up() {
    DockerClusterOptions options;
    options.name = "agent-" + std::to_string(getpid());
    options.database = "etcd";
    options.nodes = kNodes;
    Result<ClusterSpec> spec = DockerClusters::up(options);
    if (!spec) {
      WARN("skipped: no cluster of containers (" << spec.error().message << ")");
      return nullptr;
    }
    return std::unique_ptr<DockerNodes>(new DockerNodes(options.name, std::move(*spec)));
  }
  ~DockerNodes() { CHECK(DockerClusters::down(name_)); }

  const ClusterSpec& spec() const { return spec_; }
  std::unique_ptr<Cluster> connect() const {
    auto cluster = Cluster::connect(spec_);
    RIVEN_CHECK(cluster.has_value(), "a cluster that is up cannot be reached");
    return std::move(*cluster);
  }

 private:
  DockerNodes(std::string name, ClusterSpec spec) : name_(std::move(name)), spec_(std::move(spec)) {}
  std::string name_;
  ClusterSpec spec_;
};

AgentOptions options_for(const std::string& owner, Milliseconds lease = Milliseconds(10'000)) {
  AgentOptions options;
  options.owner = owner;
  options.lease = lease;
  return options;
}

std::vector<std::unique_ptr<AgentClient>> start_agents(const Cluster& cluster, const AgentOptions& options) {
  std::vector<std::unique_ptr<AgentClient>> agents;
  for (size_t i = 0; i < kNodes; ++i) {
    auto agent = AgentClient::start(cluster_agent_launcher(cluster, i, RIVEN_AGENT_PATH, options), options);
    if (!agent) FAIL_CHECK(agent.error().message);
    RIVEN_CHECK(agent.has_value(), "no agent could be started");
    agents.push_back(std::move(*agent));
  }
  return agents;
}

/// Nodes 0 and 1 against the others, both ways, over every address.
std::vector<NodeFaults> parting(const Cluster& cluster,
                                const std::vector<std::unique_ptr<AgentClient>>& agents) {
  std::vector<NodeFaults> parts;
  for (size_t i = 0; i < kNodes; ++i) {
    std::vector<PacketRule> rules;
    for (size_t j = 0; j < kNodes; ++j) {
      if ((i < 2) == (j < 2)) continue;
      for (const std::string& address : cluster.nodes()[j].addresses) {
        PacketRule rule;
        rule.peer = cluster.nodes()[j].name;
        rule.address = address;
        rules.push_back(rule);
      }
    }
    parts.push_back({agents[i].get(), {{"packets", to_json(rules)}}});
  }
  return parts;
}

/// Whether node `from` gets a TCP connection to the SSH port of `address` within a second.
bool reaches(const Cluster& cluster, size_t from, const std::string& address) {
  Command command;
  command.argv = {"timeout", "1", "bash", "-c", "exec 3<>/dev/tcp/" + address + "/22"};
  const auto output = cluster.nodes()[from].session->run(command);
  REQUIRE(output);
  return output->succeeded();
}

bool parted(const Cluster& cluster) {
  const auto& nodes = cluster.nodes();
  bool all = !reaches(cluster, 0, nodes[3].address) && !reaches(cluster, 4, nodes[1].address);
  for (const std::string& address : nodes[2].addresses) all = all && !reaches(cluster, 1, address);
  return all && reaches(cluster, 0, nodes[1].address) && reaches(cluster, 2, nodes[4].address);
}

bool whole(const Cluster& cluster) {
  for (const auto& [from, to] : {std::pair<size_t, size_t>{0, 3}, {4, 1}, {1, 2}, {2, 0}}) {
    for (const std::string& address : cluster.nodes()[to].addresses) {
      if (!reaches(cluster, from, address)) return false;
    }
  }
  return true;
}

/// Nodes whose rules are all gone, asked of the node itself.
size_t without_rules(const Cluster& cluster) {
  size_t count = 0;
  for (const Node& node : cluster.nodes()) {
    Command command;
    command.argv = {"sh", "-c", "! nft list tables | grep riven-"};
    const auto output = node.session->run(command);
    count += output && output->succeeded() ? 1 : 0;
  }
  return count;
}

TEST_CASE("five containers are parted within 5 ms and healed", "[docker]") {
  const auto docker = DockerNodes::up();
  if (!docker) return;
  const auto cluster = docker->connect();
  const auto agents = start_agents(*cluster, options_for("run1"));
  REQUIRE(whole(*cluster));
  std::vector<int64_t> spreads_ns, trips_ns;
  for (int round = 0; round < 50; ++round) {
    const auto acks = apply_together(parting(*cluster, agents));
    REQUIRE(acks);
    if (round == 0) CHECK(parted(*cluster));
    int64_t first = INT64_MAX, last = 0;
    std::vector<AgentClient*> all;
    std::vector<std::vector<std::string>> ids;
    for (size_t i = 0; i < kNodes; ++i) {
      first = std::min(first, (*acks)[i].first_ns);
      last = std::max(last, (*acks)[i].last_ns);
      all.push_back(agents[i].get());
      ids.push_back((*acks)[i].ids);
    }
    spreads_ns.push_back(last - first);
    const auto healed = heal_together(all, ids);
    REQUIRE(healed);
    if (round == 0) {
      REQUIRE((*healed)[0].healed.size() == 1);
      const Json& dropped = (*healed)[0].healed[0].proof["dropped"];
      CHECK(dropped.size() == 3);
      // n1 was called by nobody but answered by n4: the SYN of "reaches" was dropped at n4.
      const Json& at_n4 = (*healed)[3].healed[0].proof["dropped"];
      CHECK(integer_of(at_n4[cluster->nodes()[0].name], "packets") > 0);
      CHECK(whole(*cluster));
    }
  }
  for (int i = 0; i < 200; ++i) {
    const int64_t start = monotonic_now_ns();
    REQUIRE(agents[0]->ping());
    trips_ns.push_back(monotonic_now_ns() - start);
  }
  std::sort(spreads_ns.begin(), spreads_ns.end());
  std::sort(trips_ns.begin(), trips_ns.end());
  WARN("five containers, first to last rule: median "
       << spreads_ns[25] / 1000 << " us, max " << spreads_ns[49] / 1000 << " us; a request over SSH: median "
       << trips_ns[100] / 1000 << " us");
  CHECK(spreads_ns[25] < 5 * kNanosPerMilli);
  CHECK(trips_ns[100] < kNanosPerMilli);
  CHECK(whole(*cluster));
  CHECK(without_rules(*cluster) == kNodes);
}

/// Forked before anything else runs here: parts the cluster, says so, and waits to be killed.
pid_t fork_controller(const ClusterSpec& spec, int ready, Milliseconds lease) {
  const pid_t pid = fork();
  if (pid != 0) return pid;
  auto cluster = Cluster::connect(spec);
  if (!cluster) _exit(1);
  std::vector<std::unique_ptr<AgentClient>> agents;
  const AgentOptions options = options_for("doomed", lease);
  for (size_t i = 0; i < kNodes; ++i) {
    auto agent = AgentClient::start(cluster_agent_launcher(**cluster, i, RIVEN_AGENT_PATH, options), options);
    if (!agent) _exit(2);
    agents.push_back(std::move(*agent));
  }
  const auto acks = apply_together(parting(**cluster, agents));
  (void)!write(ready, acks ? "y" : "n", 1);
  while (true) pause();
}

struct Controller {
  Controller(const ClusterSpec& spec, Milliseconds lease) {
    int ready[2];
    RIVEN_CHECK(pipe2(ready, O_CLOEXEC) == 0, "no pipe");
    pid = fork_controller(spec, ready[1], lease);
    close(ready[1]);
    char byte = 0;
    parted = read(ready[0], &byte, 1) == 1 && byte == 'y';
    close(ready[0]);
  }
  void end() {
    if (pid > 0) {
      kill(pid, SIGKILL);
      waitpid(pid, nullptr, 0);
    }
    pid = 0;
  }
  ~Controller() { end(); }
  pid_t pid = 0;
  bool parted = false;
};

bool within(int64_t limit_ms, const std::function<bool()>& holds) {
  const int64_t until = monotonic_now_ns() + limit_ms * kNanosPerMilli;
  while (monotonic_now_ns() < until) {
    if (holds()) return true;
    usleep(50'000);
  }
  return holds();
}

TEST_CASE("the controller is killed in mid-partition: whole within the lease, 20 of 20", "[docker]") {
  const auto docker = DockerNodes::up();
  if (!docker) return;
  int healed = 0;
  for (int round = 0; round < 20; ++round) {
    Controller controller(docker->spec(), Milliseconds(10'000));
    REQUIRE(controller.parted);
    controller.end();
    const auto cluster = docker->connect();
    healed += within(10'000, [&] { return without_rules(*cluster) == kNodes; }) ? 1 : 0;
    if (round == 0) CHECK(whole(*cluster));
  }
  CHECK(healed == 20);
}

TEST_CASE("the controller hangs: whole within the lease", "[docker]") {
  const auto docker = DockerNodes::up();
  if (!docker) return;
  Controller controller(docker->spec(), Milliseconds(2'000));
  REQUIRE(controller.parted);
  kill(controller.pid, SIGSTOP);
  const auto cluster = docker->connect();
  CHECK(without_rules(*cluster) == 0);
  CHECK(within(2'500, [&] { return without_rules(*cluster) == kNodes; }));
}

TEST_CASE("controller and agents are killed: a new agent heals from the ledger", "[docker]") {
  const auto docker = DockerNodes::up();
  if (!docker) return;
  Controller controller(docker->spec(), Milliseconds(10'000));
  REQUIRE(controller.parted);
  const auto cluster = docker->connect();
  for (const Node& node : cluster->nodes()) {
    Command command;
    command.argv = {"sh", "-c", "kill -9 $(cat /var/lib/riven/lock/doomed)"};
    const auto output = node.session->run(command);
    REQUIRE(output);
    CHECK(output->succeeded());
  }
  kill(controller.pid, SIGKILL);
  CHECK(without_rules(*cluster) == 0);
  const auto healers = start_agents(*cluster, options_for("healer"));
  CHECK(without_rules(*cluster) == 0);
  for (const auto& healer : healers) {
    const auto healed = healer->heal_all(true);
    REQUIRE(healed);
    CHECK(healed->healed.size() == 1);
  }
  CHECK(without_rules(*cluster) == kNodes);
  CHECK(whole(*cluster));
}

TEST_CASE("cutting off the controller's own address leaves it connected", "[docker]") {
  const auto docker = DockerNodes::up();
  if (!docker) return;
  const auto cluster = docker->connect();
  const auto agents = start_agents(*cluster, options_for("run2"));
  const std::vector<PacketRule> rules = docker_test::cutting_off_controller(*cluster);
  REQUIRE_FALSE(rules.empty());
  const auto ack = agents[0]->apply({"packets", to_json(rules)});
  REQUIRE(ack);
  CHECK(agents[0]->ping());
  Command command;
  command.argv = {"true"};
  CHECK(cluster->nodes()[0].session->run(command));
  const auto another = Cluster::connect(docker->spec());  // new connections too
  CHECK(another);
  CHECK(agents[0]->heal(ack->ids));
}

}  // namespace
}  // namespace riven
