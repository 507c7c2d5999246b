// Which machines a command works on: a cluster of containers, or the user's own hosts.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "harness/control/agent_client.h"
#include "harness/control/cluster.h"
#include "harness/control/docker_cluster.h"
#include "harness/core/result.h"

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace riven {

struct TargetOptions {
  std::string cluster = "riven";  ///< --cluster: of containers, made by `riven cluster up`
  std::string nodes_file;         ///< --nodes-file: an inventory of the user's own hosts
};

/// Declares --cluster and --nodes-file.
void declare_target(CLI::App& app, TargetOptions& options);

/// Declares --agent: the name of an AgentPlace, for containers that the command makes. What it returns may be
/// told what it excludes.
CLI::Option* declare_agent(CLI::App& app, std::string& place);

/// Declares --debian-suite and --image, for containers that the command makes.
void declare_image(CLI::App& app, std::string& suite, std::string& image);

/// The inventory, or the cluster made earlier.
Result<ClusterSpec> load_target(const TargetOptions& options);

/// Asks on the terminal without echo; an error where there is no terminal.
Result<std::string> ask_secret(const std::string& prompt);

/// The agents of a cluster, one for each node, started at once. `owner` is the id of who breaks things. An
/// error names the node; agents that had started by then are ended.
Result<std::vector<std::unique_ptr<AgentClient>>> start_agents(const Cluster& cluster,
                                                               const std::string& owner, Milliseconds lease);

/// riven-agent next to this program, else on the PATH; the error says how to build it.
Result<std::string> agent_path();

}  // namespace riven
