#include "harness/control/cluster_state.h"

#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "tests/catch.h"

using namespace riven;

namespace {

namespace fs = std::filesystem;

class StateDirectory {
 public:
  StateDirectory() {
    char name[] = "/tmp/riven-state-XXXXXX";
    REQUIRE(mkdtemp(name) != nullptr);
    path_ = name;
    setenv("RIVEN_STATE_DIR", name, 1);
  }
  ~StateDirectory() {
    unsetenv("RIVEN_STATE_DIR");
    fs::remove_all(path_);
  }
  StateDirectory(const StateDirectory&) = delete;
  StateDirectory& operator=(const StateDirectory&) = delete;

 private:
  fs::path path_;
};

unsigned mode_of(const std::string& path) {
  struct stat found {};
  REQUIRE(stat(path.c_str(), &found) == 0);
  return found.st_mode & 0777;
}

}  // namespace

TEST_CASE("a cluster's record survives the disk, readable by its owner alone") {
  const StateDirectory state;
  REQUIRE(make_cluster_directory("a"));
  CHECK(mode_of(cluster_state_directory()) == 0700);
  CHECK(mode_of(cluster_directory("a")) == 0700);
  ClusterRecord record;
  record.name = "a";
  record.database = "etcd";
  record.suite = "bookworm";
  record.image = "riven-node-etcd:bookworm";
  record.subnet = "198.18.1.0/24";
  record.ipv6_note = "no \"IPv6\"";
  record.agents = AgentPlace::host;
  record.nodes.push_back({"n1", "riven-a-n1", "198.18.1.11", "fd00::b"});
  REQUIRE(save_cluster(record));
  CHECK(mode_of(cluster_directory("a") + "/cluster.json") == 0600);
  auto read = load_cluster("a");
  REQUIRE(read);
  CHECK(read->database == "etcd");
  CHECK(read->ipv6_note == record.ipv6_note);
  REQUIRE(read->nodes.size() == 1);
  CHECK(read->nodes[0].container == "riven-a-n1");
  CHECK(read->nodes[0].address6 == "fd00::b");

  auto spec = DockerClusters::load("a");
  REQUIRE(spec);
  CHECK(spec->kind == ClusterSpec::Kind::docker);
  CHECK(spec->nodes[0].addresses == std::vector<std::string>{"198.18.1.11", "fd00::b"});
  CHECK(spec->nodes[0].ssh.known_hosts_file == cluster_directory("a") + "/known_hosts");
  CHECK(spec->agents == AgentPlace::host);
  CHECK(spec->nodes[0].container == "riven-a-n1");
}

TEST_CASE("agents run on the nodes unless the record says otherwise") {
  const StateDirectory state;
  REQUIRE(make_cluster_directory("old"));
  for (const char* agents : {"", R"("agents": "node",)", R"("agents": "elsewhere",)"}) {
    REQUIRE(write_cluster_file("old", "cluster.json",
                               std::string("{\"version\": 1,") + agents + R"("nodes": []})", 0600));
    const auto spec = DockerClusters::load("old");
    REQUIRE(spec);
    CHECK(spec->agents == AgentPlace::node);
  }
  CHECK(agent_place_from("host") == AgentPlace::host);
  CHECK(agent_place_from("beside") == AgentPlace::host);  // in records of older versions
  CHECK_FALSE(agent_place_from("Host"));
}

TEST_CASE("clusters that are there, half there and not there") {
  const StateDirectory state;
  CHECK(cluster_directories().empty());
  CHECK(load_cluster("a").error().message.find("there is no cluster a") == 0);
  REQUIRE(make_cluster_directory("b"));
  REQUIRE(make_cluster_directory("a"));
  CHECK(cluster_directories() == std::vector<std::string>{"a", "b"});
  CHECK(make_cluster_directory("a").error().message.find("riven cluster down --name a") != std::string::npos);
  CHECK(load_cluster("a").error().message.find("never finished") != std::string::npos);
  std::ofstream(cluster_directory("a") + "/cluster.json") << "{\"version\": 1, \"na";
  CHECK(load_cluster("a").error().message.find("never finished") != std::string::npos);
  remove_cluster_directory("a");
  remove_cluster_directory("a");
  CHECK(cluster_directories() == std::vector<std::string>{"b"});
}

TEST_CASE("names of clusters that could be paths or options are refused") {
  const StateDirectory state;
  for (const char* name : {"", "../x", "a/b", "-a", "A", "a b", "abcdefghijklmnopqrstuvwxyz0123456"}) {
    INFO(name);
    auto loaded = DockerClusters::load(name);
    REQUIRE_FALSE(loaded);
    CHECK(loaded.error().message.find("is no name for a cluster") != std::string::npos);
    CHECK_FALSE(DockerClusters::down(name));
    DockerClusterOptions options;
    options.name = name;
    CHECK_FALSE(DockerClusters::up(options));
  }
}
