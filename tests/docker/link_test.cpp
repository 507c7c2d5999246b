// Bad links between real containers, measured by a connection's own handshake.
#include <unistd.h>

#include "harness/agent_protocol/packet_rule.h"
#include "harness/control/agent_client.h"
#include "harness/control/cluster.h"
#include "harness/control/docker_cluster.h"
#include "harness/core/clock.h"
#include "harness/core/json_fields.h"
#include "tests/catch.h"

namespace riven {
namespace {

/// Milliseconds that a TCP handshake with sshd on `address` takes.
int64_t handshake_ms(const Node& from, const std::string& address) {
  Command command;
  command.argv = {
      "bash", "-c",
      "s=$(date +%s%N); exec 3<>/dev/tcp/" + address + "/22; e=$(date +%s%N); echo $(((e-s)/1000000))"};
  const auto output = from.session->run(command);
  REQUIRE(output);
  REQUIRE(output->succeeded());
  return std::stoll(output->out);
}

TEST_CASE("a link between two containers is slow, one way, until it is healed", "[docker]") {
  DockerClusterOptions cluster_options;
  cluster_options.name = "link-" + std::to_string(getpid());
  cluster_options.database = "etcd";
  cluster_options.nodes = 2;
  const auto spec = DockerClusters::up(cluster_options);
  if (!spec) {
    WARN("skipped: no cluster of containers (" << spec.error().message << ")");
    return;
  }
  {
    const auto cluster = Cluster::connect(*spec);
    REQUIRE(cluster);
    const auto& nodes = (*cluster)->nodes();
    AgentOptions options;
    options.owner = "link-test";
    const auto agent =
        AgentClient::start(cluster_agent_launcher(**cluster, 0, RIVEN_AGENT_PATH, options), options);
    REQUIRE(agent);
    const auto probe = (*agent)->probe();
    REQUIRE(probe);
    for (const auto& ability : probe->abilities) {
      INFO(ability.kind << ": " << ability.why_not);
      if (ability.kind == "machine-clock") {
        CHECK_FALSE(ability.works);
        CHECK(ability.why_not.find("container") != std::string::npos);
        continue;
      }
      // These need what a cluster gets when it is made for them, and say so.
      const std::string kind = ability.kind.substr(0, ability.kind.find('-'));
      const bool more = kind == "clock" || kind == "disk" || kind == "memory" || kind == "reboot";
      CHECK(ability.works == !more);
      if (more) CHECK(ability.why_not.find("--faults") != std::string::npos);
    }
    std::vector<PacketRule> rules;
    for (const std::string& address : nodes[1].addresses) {
      PacketRule rule;
      rule.peer = nodes[1].name;
      rule.address = address;
      rules.push_back(rule);
    }
    Json params = to_json(rules);
    params["delay_us"] = 200'000;
    const auto ack = (*agent)->apply({"link", params});
    REQUIRE(ack);
    for (const std::string& address : nodes[1].addresses) CHECK(handshake_ms(nodes[0], address) >= 200);
    const auto healed = (*agent)->heal(ack->ids);
    REQUIRE(healed);
    CHECK(integer_of(healed->healed.front().proof, "delayed") >= 2);
    for (const std::string& address : nodes[1].addresses) CHECK(handshake_ms(nodes[0], address) < 200);
    Command left;
    left.argv = {"sh", "-c", "nft list ruleset | grep riven; cat /proc/net/netfilter/nfnetlink_queue"};
    const auto output = nodes[0].session->run(left);
    REQUIRE(output);
    CHECK(output->out.empty());
  }
  CHECK(DockerClusters::down(cluster_options.name));
}

}  // namespace
}  // namespace riven
