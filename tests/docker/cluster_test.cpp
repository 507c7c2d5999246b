// Clusters on a real engine: up, down, status, and what they can and cannot see.
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <set>
#include <thread>

#include "harness/control/cluster.h"
#include "tests/docker/cluster_fixture.h"

using namespace riven;
using namespace riven::docker_test;

namespace {

size_t count_labelled(const std::string& cluster) {
  size_t lines = 0;
  for (const char* kind : {"container", "network"}) {
    std::vector<std::string> words{"docker",  kind,       "ls",
                                   "--quiet", "--filter", "label=riven.cluster=" + cluster};
    if (std::string(kind) == "container") words.emplace_back("--all");
    auto found = run_local(words, "", Milliseconds(20'000));
    REQUIRE(found);
    lines += static_cast<size_t>(std::count(found->out.begin(), found->out.end(), '\n'));
  }
  return lines;
}

std::string run(const Cluster& cluster, size_t node, std::vector<std::string> argv) {
  Command command;
  command.argv = std::move(argv);
  auto output = cluster.nodes()[node].session->run(command);
  if (!output) FAIL(output.error().message);
  return output->out;
}

bool can_connect(const Cluster& cluster, size_t from, const std::string& address) {
  Command command;
  command.argv = {"timeout", "2", "bash", "-c", "exec 3<>/dev/tcp/" + address + "/22 && head -c 4 <&3"};
  auto output = cluster.nodes()[from].session->run(command);
  REQUIRE(output);
  return output->out == "SSH-";
}

}  // namespace

TEST_CASE("five nodes come up, know each other, and leave nothing behind") {
  RIVEN_NEEDS_CONTAINERS();
  const ScratchState state;
  const std::string name = unique_name("five");
  {
    std::unique_ptr<TestCluster> made;
    const double up_ms = milliseconds_of([&] { made = std::make_unique<TestCluster>("five", 5); });
    WARN("five nodes up in " << up_ms << " ms");
    auto cluster = Cluster::connect(made->spec);
    if (!cluster) FAIL(cluster.error().message);
    const auto& nodes = (*cluster)->nodes();
    REQUIRE(nodes.size() == 5);
    std::set<std::string> host_keys;
    for (size_t i = 0; i < 5; ++i) {
      CHECK(nodes[i].name == "n" + std::to_string(i + 1));
      CHECK(nodes[i].index == i);
      CHECK(run(**cluster, i, {"hostname"}) == nodes[i].name + "\n");
      CHECK(can_connect(**cluster, i, "n" + std::to_string((i + 1) % 5 + 1)));
      host_keys.insert(run(**cluster, i, {"cat", "/etc/ssh/ssh_host_ed25519_key.pub"}));
    }
    CHECK(host_keys.size() == 5);
    REQUIRE((*cluster)->controller_addresses().size() == 1);
    const std::string own = (*cluster)->controller_addresses()[0];
    CHECK(own == nodes[0].address.substr(0, nodes[0].address.rfind('.')) + ".1");

    auto status = DockerClusters::status(name);
    REQUIRE(status);
    CHECK(status->whole());
    CHECK((status->subnet6.empty() ? !status->ipv6_note.empty() : nodes[0].addresses.size() == 2));
    if (status->subnet6.empty()) WARN(status->ipv6_note);
    if (!status->route_note.empty()) WARN(status->route_note);

    // A node that is gone is told, and no one else's word is taken for it.
    made->docker("kill", 2);
    status = DockerClusters::status(name);
    REQUIRE(status);
    CHECK_FALSE(status->whole());
    CHECK(status->nodes[2].state == "exited");
    CHECK_FALSE(status->nodes[2].ssh);
    CHECK(status->nodes[3].ssh);

    // The name is taken.
    DockerClusterOptions again;
    again.name = name;
    again.image = test_image();
    auto second = DockerClusters::up(again);
    REQUIRE_FALSE(second);
    CHECK(second.error().message.find("already") != std::string::npos);
    CHECK(count_labelled(name) == 6);
  }
  CHECK(count_labelled(name) == 0);
  CHECK_FALSE(std::filesystem::exists(state.path() / "clusters" / name));
  CHECK_FALSE(DockerClusters::status(name));
  CHECK(DockerClusters::down(name));
}

TEST_CASE("secrets are their owner's alone, and nodes have few capabilities") {
  RIVEN_NEEDS_CONTAINERS();
  const ScratchState state;
  const TestCluster cluster("secrets", 1);
  const auto directory = state.path() / "clusters" / cluster.name();
  for (const char* file : {"", "id_ed25519", "known_hosts", "cluster.json", "host_1"}) {
    struct stat found {};
    REQUIRE(stat((directory / file).c_str(), &found) == 0);
    CHECK((found.st_mode & 077) == 0);
  }
  CHECK(cluster.inside(0, "stat -c '%a %u' /root/.ssh/authorized_keys /etc/ssh/ssh_host_ed25519_key").out ==
        "600 0\n600 0\n");
  // NET_ADMIN is there; SYS_ADMIN, SYS_TIME, SYS_MODULE and SYS_PTRACE are not.
  const std::string effective = cluster.inside(0, "sed -n 's/^CapEff:.//p' /proc/self/status").out;
  const uint64_t bits = std::stoull(effective, nullptr, 16);
  CHECK((bits >> 12 & 1) == 1);
  for (const int missing : {16, 19, 21, 25}) CHECK((bits >> missing & 1) == 0);
}

TEST_CASE("two clusters side by side do not see each other") {
  RIVEN_NEEDS_CONTAINERS();
  const ScratchState state;
  std::unique_ptr<TestCluster> one;
  std::unique_ptr<TestCluster> two;
  // At once, so that they compete for subnets.
  std::thread other([&] { two = std::make_unique<TestCluster>("b", 2); });
  one = std::make_unique<TestCluster>("a", 2);
  other.join();
  auto cluster = Cluster::connect(one->spec);
  if (!cluster) FAIL(cluster.error().message);
  for (const std::string& own : one->spec.nodes[1].addresses) CHECK(can_connect(**cluster, 0, own));
  for (const std::string& foreign : two->spec.nodes[0].addresses)
    CHECK_FALSE(can_connect(**cluster, 0, foreign));
  CHECK(run(**cluster, 0, {"ip", "-6", "route", "show", "default"}).empty());
  // A restart gives the route back with old engines; the node takes it away again.
  cluster->reset();
  one->docker("restart", 0);
  auto again = Cluster::connect(one->spec);
  if (!again) FAIL(again.error().message);
  for (const std::string& foreign : two->spec.nodes[0].addresses)
    CHECK_FALSE(can_connect(**again, 0, foreign));

  const auto names = DockerClusters::list();
  REQUIRE(names);
  for (const auto& each : {one->name(), two->name()}) {
    CHECK(std::find(names->begin(), names->end(), each) != names->end());
  }
}

TEST_CASE("a blackhole lies behind the nodes while there are clusters") {
  RIVEN_NEEDS_CONTAINERS();
  const ScratchState state;
  const TestCluster cluster("route", 1);
  auto status = DockerClusters::status(cluster.name());
  REQUIRE(status);
  if (!status->route_note.empty()) {
    WARN("no route: " << status->route_note);
    return;
  }
  // An address of the same /15 without a network.
  auto route = run_local({"ip", "-4", "route", "get", "198.19.255.254"}, "", Milliseconds(5'000));
  REQUIRE(route);
  CHECK_FALSE(route->succeeded());
  auto own = run_local({"ip", "-4", "route", "get", cluster.spec.nodes[0].address}, "", Milliseconds(5'000));
  REQUIRE(own);
  CHECK(own->succeeded());
}

TEST_CASE("what fails half-way is removed, and says what and where") {
  RIVEN_NEEDS_CONTAINERS();
  const ScratchState state;
  const std::string name = unique_name("half");
  DockerClusterOptions options;
  options.name = name;
  options.nodes = 2;
  options.image = "riven-no-such-image:none";
  auto made = DockerClusters::up(options);
  REQUIRE_FALSE(made);
  CHECK(made.error().message.find("riven-no-such-image:none") != std::string::npos);
  options.image.clear();
  options.database = "nosuch";
  made = DockerClusters::up(options);
  REQUIRE_FALSE(made);
  CHECK(made.error().message.find("docker/build-image nosuch") != std::string::npos);

  // An image without an SSH server: the containers are made, start and end.
  const std::string image = "riven-test-silent:" + std::to_string(getpid());
  REQUIRE(run_local({"docker", "build", "-q", "-t", image, "-"},
                    "FROM " + test_image() + "\nCMD [\"sh\", \"-c\", \"echo no server here >&2; exit 9\"]\n",
                    Milliseconds(60'000))
              ->succeeded());
  options.image = image;
  options.deadline = Milliseconds(20'000);
  made = DockerClusters::up(options);
  (void)run_local({"docker", "image", "rm", image}, "", Milliseconds(20'000));
  REQUIRE_FALSE(made);
  INFO(made.error().message);
  CHECK(made.error().message.find("node n") != std::string::npos);
  CHECK(made.error().message.find("exited") != std::string::npos);
  CHECK(made.error().message.find("no server here") != std::string::npos);
  CHECK(made.error().message.find('\n') == std::string::npos);
  CHECK(count_labelled(name) == 0);
  CHECK_FALSE(std::filesystem::exists(state.path() / "clusters" / name));
}

TEST_CASE("down removes what a crash left, and up works again") {
  RIVEN_NEEDS_CONTAINERS();
  const ScratchState state;
  const std::string name = unique_name("crash");
  // As if the maker had been killed: a network, one container that was never started, a folder without a
  // record.
  const std::string label = "riven.cluster=" + name;
  REQUIRE(run_local({"docker", "network", "create", "--internal", "--label", label, "riven-" + name,
                     "--subnet", "198.19.254.0/24"},
                    "", Milliseconds(20'000))
              ->succeeded());
  REQUIRE(run_local({"docker", "create", "--label", label, "--network", "riven-" + name, "--name",
                     "riven-" + name + "-n1", test_image()},
                    "", Milliseconds(20'000))
              ->succeeded());
  std::filesystem::create_directories(state.path() / "clusters" / name);
  const auto names = DockerClusters::list();
  REQUIRE(names);
  CHECK(std::find(names->begin(), names->end(), name) != names->end());
  CHECK(DockerClusters::load(name).error().message.find("never finished") != std::string::npos);
  CHECK(DockerClusters::down(name));
  CHECK(count_labelled(name) == 0);
  CHECK(DockerClusters::down(name));
  for (int round = 0; round < 2; ++round) {
    const TestCluster cluster("crash", 1);
    CHECK(Cluster::connect(cluster.spec));
  }
}

TEST_CASE("the cluster of a process that was killed is removed by the next, a living one's is not") {
  RIVEN_NEEDS_CONTAINERS();
  const ScratchState state;
  DockerClusterOptions options;
  options.database = "etcd";
  options.image = test_image();
  options.nodes = 1;
  options.ends_with_process = true;
  options.name = unique_name("alive");
  REQUIRE(DockerClusters::up(options));
  const std::string alive = options.name;
  options.name = unique_name("orphan");
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) ::_exit(DockerClusters::up(options) ? 0 : 1);
  int ended = -1;
  REQUIRE(::waitpid(child, &ended, 0) == child);
  REQUIRE(ended == 0);
  const auto removed = DockerClusters::remove_orphans();
  REQUIRE(removed);
  CHECK(*removed == std::vector<std::string>{options.name});
  CHECK(count_labelled(options.name) == 0);
  CHECK(count_labelled(alive) == 2);
  CHECK(DockerClusters::down(alive));
}

TEST_CASE("a cluster with a node that does not answer names it") {
  RIVEN_NEEDS_CONTAINERS();
  const ScratchState state;
  TestCluster cluster("gone", 2);
  cluster.docker("kill", 1);
  for (auto& node : cluster.spec.nodes) node.ssh.connect_deadline = Milliseconds(1'500);
  auto connected = Cluster::connect(cluster.spec);
  REQUIRE_FALSE(connected);
  CHECK(connected.error().message.find("n2 (") != std::string::npos);
  ClusterSpec twice = cluster.spec;
  twice.nodes[1].name = "n1";
  CHECK(Cluster::connect(twice).error().message.find("two nodes called n1") != std::string::npos);
}
