// Agents on the host, for containers that have no capability: what they reach, what they never reach, and
// what becomes of them when container or controller goes.
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <fstream>

#include "harness/agent_protocol/packet_rule.h"
#include "harness/control/agent_client.h"
#include "harness/control/cluster.h"
#include "harness/control/docker_engine.h"
#include "harness/core/json_fields.h"
#include "tests/docker/cluster_fixture.h"

namespace riven {
namespace {

using docker_test::within;

constexpr size_t kNodes = 2;
/// A name that the test gives processes inside and outside.
constexpr char kVictim[] = "rvhosted";

struct HostAgents : docker_test::TestCluster {
  HostAgents()
      : TestCluster("host-agent", kNodes, {"clock", "pause", "disk", "memory", "reboot"}, AgentPlace::host) {}
  ~HostAgents() { CHECK(DockerClusters::down(name())); }

  std::string docker(const std::vector<std::string>& words) const {
    auto done = run_local(words, "", Milliseconds(60'000));
    REQUIRE(done);
    INFO(done->err);
    REQUIRE(done->succeeded());
    return done->out;
  }
  std::string facts(size_t i, const std::string& format) const {
    return docker({"docker", "inspect", "--format", format, container(i)});
  }
  /// Whether there are rules of Riven's in the container, as seen from outside: it may not look itself.
  bool has_rules(size_t i) const {
    const std::string init = words_of(facts(i, "{{.State.Pid}}")).front();
    return docker({"nsenter", "--target", init, "--net", "--mount", "nft", "list", "tables"})
               .find("riven-") != std::string::npos;
  }
  /// Starts a process inside that has nothing to do, under the victim's name.
  void start_victim(size_t i) const {
    const std::string copy =
        std::string("cp /bin/sleep /tmp/") + kVictim + " && exec /tmp/" + kVictim + " 600";
    docker({"docker", "exec", "--detach", container(i), "sh", "-c", copy});
    for (int tries = 0; tries < 200 && state(i).empty(); ++tries) ::usleep(20'000);
    REQUIRE_FALSE(state(i).empty());
  }
  /// The letter of the victim's state inside; empty: there is none.
  std::string state(size_t i) const {
    return inside(i, std::string("p=$(pgrep -x ") + kVictim + ") && cut -d' ' -f3 /proc/$p/stat").out;
  }
  bool hears(size_t from, size_t to) const {
    return inside(from, "timeout 0.5 bash -c 'exec 3<>/dev/tcp/" + spec.nodes[to].address + "/22'")
        .succeeded();
  }
};

/// A process of this machine, not of any container, under the same name.
class Bystander {
 public:
  Bystander() {
    pid_ = ::fork();
    if (pid_ == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      ::prctl(PR_SET_NAME, kVictim);
      while (true) ::pause();
    }
  }
  ~Bystander() {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  Bystander(const Bystander&) = delete;
  Bystander& operator=(const Bystander&) = delete;
  char state() const {
    std::ifstream file("/proc/" + std::to_string(pid_) + "/stat");
    std::string text;
    std::getline(file, text);
    const size_t close = text.rfind(')');
    return close == std::string::npos ? '?' : text[close + 2];
  }

 private:
  pid_t pid_ = 0;
};

AgentOptions options_for(const std::string& owner, Milliseconds lease = Milliseconds(10'000)) {
  AgentOptions options;
  options.owner = owner;
  options.lease = lease;
  return options;
}

std::unique_ptr<AgentClient> agent_at(const Cluster& cluster, size_t i, const AgentOptions& options) {
  auto agent = AgentClient::start(cluster_agent_launcher(cluster, i, RIVEN_AGENT_PATH, options), options);
  if (!agent) FAIL(agent.error().message);
  return std::move(*agent);
}

FaultSpec cut_from(const ClusterSpec& spec, size_t peer) {
  std::vector<PacketRule> rules;
  for (const std::string& address : spec.nodes[peer].addresses) {
    PacketRule rule;
    rule.peer = spec.nodes[peer].name;
    rule.address = address;
    rules.push_back(rule);
  }
  return {"packets", to_json(rules)};
}

FaultSpec on_victim(const char* kind) { return {kind, {{"processes", {kVictim}}}}; }

/// Whether this machine still runs an agent of that owner, inside or waiting outside.
bool has_agent(const std::string& owner) {
  const auto found = run_local({"pgrep", "-f", "serve --owner " + owner}, "", Milliseconds(10'000));
  return found && found->succeeded();
}

void check_rights(const HostAgents& docker) {
  for (size_t i = 0; i < kNodes; ++i) {
    CHECK(docker.facts(i, "{{.HostConfig.CapAdd}} {{.HostConfig.Devices}} {{.HostConfig.Privileged}}") ==
          "[] [] false\n");
    const std::string effective = docker.inside(i, "sed -n 's/^CapEff:.//p' /proc/self/status").out;
    const uint64_t bits = std::stoull(effective, nullptr, 16);
    for (const int missing : {12, 13, 16, 19, 21, 23, 24, 25, 27}) CHECK((bits >> missing & 1) == 0);
    CHECK_FALSE(docker.inside(i, "test -e /dev/fuse").succeeded());
    CHECK(docker.inside(i, "ip -6 route show default").out.empty());
  }
}

TEST_CASE("from the host every fault works in containers without capabilities, and touches nothing outside",
          "[docker]") {
  RIVEN_NEEDS_CONTAINERS();
  const auto docker = std::make_unique<HostAgents>();
  check_rights(*docker);
  auto connected = Cluster::connect(docker->spec);
  REQUIRE(connected);
  const Cluster& cluster = **connected;
  auto agent = agent_at(cluster, 0, options_for("hosted-test"));
  const auto probe = agent->probe();
  REQUIRE(probe);
  CHECK(text_of(probe->facts, "container") + "\n" == docker->facts(0, "{{.Id}}"));
  for (const AgentProbe::Ability& ability : probe->abilities) {
    INFO(ability.kind << ": " << ability.why_not);
    CHECK(ability.works == (ability.kind != "machine-clock"));
    if (!ability.works) CHECK(ability.why_not.find("container") != std::string::npos);
  }

  docker->start_victim(0);
  const Bystander bystander;
  const auto paused = agent->apply(on_victim("pause"));
  REQUIRE(paused);
  CHECK(paused->details[paused->ids[0]]["stopped"] == 1);
  CHECK(docker->state(0) == "T\n");
  CHECK(bystander.state() == 'S');
  REQUIRE(agent->heal(paused->ids));
  CHECK(docker->state(0) == "S\n");
  REQUIRE(agent->apply(on_victim("kill")));
  CHECK(docker->state(0).empty());
  CHECK(bystander.state() == 'S');

  // The container is started again: its agent ends with it, and the next request finds the new one.
  const auto cut = agent->apply(cut_from(docker->spec, 1));
  REQUIRE(cut);
  CHECK_FALSE(docker->hears(1, 0));
  CHECK(docker->has_rules(0));
  docker->docker({"docker", "restart", "--time", "1", docker->container(0)});
  CHECK(within(5'000, [&] { return agent->ping().has_value(); }));
  CHECK(docker->inside(0, "ip -6 route show default").out.empty());
  CHECK(within(5'000, [&] { return docker->hears(1, 0); }));
  const auto again = agent->apply(cut_from(docker->spec, 1));
  REQUIRE(again);
  CHECK_FALSE(docker->hears(1, 0));
  REQUIRE(agent->heal(again->ids));
  CHECK(docker->hears(1, 0));

  // The commands of the controller's own still come in over SSH, whatever is cut.
  const std::vector<PacketRule> rules = docker_test::cutting_off_controller(cluster);
  REQUIRE(agent->apply({"packets", to_json(rules)}));
  CHECK(Cluster::connect(docker->spec));

  agent.reset();
  CHECK_FALSE(docker->has_rules(0));
  CHECK(docker->inside(0, "ls -A /var/lib/riven/ledger /var/lib/riven/lock | grep -c hosted").out == "0\n");
  CHECK(within(3'000, [] { return !has_agent("hosted-test"); }));
}

/// Forked: a controller that cuts n1 off and stops its victim, says so, and waits for its end.
pid_t fork_controller(const ClusterSpec& spec, int ready, Milliseconds lease) {
  const pid_t pid = ::fork();
  if (pid != 0) return pid;
  auto cluster = Cluster::connect(spec);
  if (!cluster) ::_exit(1);
  const AgentOptions options = options_for("hosted-doomed", lease);
  auto agent = AgentClient::start(cluster_agent_launcher(**cluster, 0, RIVEN_AGENT_PATH, options), options);
  const bool broken = agent && (*agent)->apply(cut_from(spec, 1)) && (*agent)->apply(on_victim("pause"));
  (void)!::write(ready, broken ? "y" : "n", 1);
  while (true) ::pause();
}

TEST_CASE("the controller of agents on the host is killed or hangs: healed within the lease", "[docker]") {
  RIVEN_NEEDS_CONTAINERS();
  const auto docker = std::make_unique<HostAgents>();
  docker->start_victim(0);
  for (const int end : {SIGKILL, SIGSTOP}) {
    int ready[2];
    REQUIRE(::pipe2(ready, O_CLOEXEC) == 0);
    const pid_t controller = fork_controller(docker->spec, ready[1], Milliseconds(2'000));
    char byte = 0;
    CHECK(::read(ready[0], &byte, 1) == 1);
    CHECK(byte == 'y');
    for (const int fd : ready) ::close(fd);
    CHECK_FALSE(docker->hears(1, 0));
    CHECK(docker->state(0) == "T\n");
    ::kill(controller, end);
    CHECK(within(3'000, [&] { return !docker->has_rules(0) && docker->state(0) == "S\n"; }));
    CHECK(docker->hears(1, 0));
    ::kill(controller, SIGKILL);
    ::waitpid(controller, nullptr, 0);
    CHECK(within(3'000, [] { return !has_agent("hosted-doomed"); }));
  }

  // Agent and controller both: the ledger is in the container, where the next agent finds it.
  int ready[2];
  REQUIRE(::pipe2(ready, O_CLOEXEC) == 0);
  const pid_t controller = fork_controller(docker->spec, ready[1], Milliseconds(60'000));
  char byte = 0;
  CHECK(::read(ready[0], &byte, 1) == 1);
  for (const int fd : ready) ::close(fd);
  ::kill(controller, SIGSTOP);
  CHECK(docker->inside(0, "kill -9 $(cat /var/lib/riven/lock/hosted-doomed)").succeeded());
  ::kill(controller, SIGKILL);
  ::waitpid(controller, nullptr, 0);
  CHECK(docker->state(0) == "T\n");
  auto connected = Cluster::connect(docker->spec);
  REQUIRE(connected);
  const auto healer = agent_at(**connected, 0, options_for("hosted-healer"));
  const auto healed = healer->heal_all(true);
  REQUIRE(healed);
  CHECK(healed->healed.size() == 2);
  CHECK(docker->state(0) == "S\n");
  CHECK_FALSE(docker->has_rules(0));
  CHECK(docker->hears(1, 0));
}

}  // namespace
}  // namespace riven
