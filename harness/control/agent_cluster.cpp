// Agents on the nodes of a cluster.
#include "harness/control/agent_client.h"
#include "harness/control/cluster.h"

namespace riven {
namespace {
constexpr Milliseconds kStartDeadline{20'000};
}  // namespace

AgentLauncher cluster_agent_launcher(const Cluster& cluster, size_t index, std::string local_agent_path,
                                     AgentOptions options) {
  RIVEN_CHECK(index < cluster.nodes().size(), "an agent was asked for on a node that is not there");
  options.controller_addresses.insert(options.controller_addresses.end(),
                                      cluster.controller_addresses().begin(),
                                      cluster.controller_addresses().end());
  const NodeSpec& node = cluster.spec().nodes[index];
  options.may_reboot = node.may_reboot;
  options.may_set_clock = node.may_set_clock;
  if (cluster.spec().agents == AgentPlace::host) {
    options.control_port = node.ssh.port;
    return host_agent_launcher(node.container, std::move(local_agent_path), options);
  }
  const ProgramStarter start = [&cluster, index](const std::vector<std::string>& argv) {
    return cluster.start(index, argv, true, kStartDeadline);
  };
  return ssh_agent_launcher(*cluster.nodes()[index].session, start, std::move(local_agent_path), options);
}

}  // namespace riven
