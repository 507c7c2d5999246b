// riven cluster up|down|status|list: clusters of containers.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>

#include "harness/api/database.h"
#include "harness/api/nemesis.h"
#include "harness/api/registry.h"
#include "harness/app/command.h"
#include "harness/app/fault_choice.h"
#include "harness/app/target.h"
#include "harness/control/cluster.h"
#include "harness/core/join.h"
#include "harness/core/json.h"
#include "harness/run/lifecycle.h"

namespace riven {

namespace {

struct ClusterOptions {
  DockerClusterOptions up;
  std::string faults = "none";
  bool all = false;
  bool bare = false;
  bool json = false;
  std::string agent = name_of(AgentPlace::node);
};

Json to_json_status(const DockerClusterStatus& status) {
  Json nodes = Json::array();
  for (const DockerNodeStatus& node : status.nodes) {
    nodes.push_back({{"name", node.name},
                     {"address", node.address},
                     {"address6", node.address6},
                     {"state", node.state},
                     {"ssh", node.ssh}});
  }
  return {{"name", status.name},
          {"database", status.database},
          {"image", status.image},
          {"subnet", status.subnet},
          {"subnet6", status.subnet6},
          {"ipv6_note", status.ipv6_note},
          {"directory", status.directory},
          {"whole", status.whole()},
          {"agents", name_of(status.agents)},
          {"nodes", nodes}};
}

void print_status(const DockerClusterStatus& status) {
  std::printf("cluster %s: %s, %s, %s%s%s\n", status.name.c_str(), status.image.c_str(),
              status.subnet.c_str(), status.subnet6.c_str(), status.subnet6.empty() ? "" : ", ",
              status.whole() ? "whole" : "not whole");
  if (!status.ipv6_note.empty()) std::printf("  no IPv6: %s\n", status.ipv6_note.c_str());
  if (status.agents == AgentPlace::host)
    std::printf("  agents run on the host; the containers have no capability for them\n");
  for (const DockerNodeStatus& node : status.nodes) {
    std::printf("  %-6s %-16s %-10s %s\n", node.name.c_str(), node.address.c_str(), node.state.c_str(),
                node.ssh ? "ssh answers" : "ssh does not answer");
  }
  if (!status.nodes.empty()) {
    std::printf("  ssh -i %s/id_ed25519 -o UserKnownHostsFile=%s/known_hosts root@%s\n",
                status.directory.c_str(), status.directory.c_str(), status.nodes.front().address.c_str());
  }
}

ExitCode failed(const std::string& message) {
  complain(message);
  return ExitCode::infrastructure;
}

/// Sets the database up on fresh nodes and waits until it serves.
Status start_database(const DatabaseFactory& factory, const ClusterSpec& spec) {
  auto database = factory.make({});
  if (!database) return database.error();
  const auto cluster = Cluster::connect(spec);
  if (!cluster) return cluster.error();
  constexpr Milliseconds kPatience{60'000};
  return bring_up(**database, (*cluster)->nodes(), kPatience);
}

bool needs_more(const ContainerNeeds& needs) {
  return !needs.capabilities.empty() || !needs.devices.empty() || needs.mounts ||
         needs.memory_limit_mib > 0 || needs.restarts;
}

/// Names of the faults that need containers made for them.
std::string demanding_faults(const Registry& registry) {
  std::vector<std::string> names;
  for (const auto& factory : registry.faults()) {
    if (needs_more(factory->container)) names.push_back(factory->name);
  }
  return joined(names);
}

/// What the faults that `words` asks for need of containers.
Result<ContainerNeeds> needs_of(const std::string& words, const Registry& registry) {
  const auto chosen = choose_faults(words, registry);
  if (!chosen) return chosen.error();
  ContainerNeeds needs;
  for (const FaultRequest& request : *chosen) needs.add(registry.find<FaultFactory>(request.name)->container);
  return needs;
}

/// `factory`: null where the image holds a database that this build does not know.
ExitCode up(const ClusterOptions& o, const DatabaseFactory* factory) {
  const auto spec = DockerClusters::up(o.up);
  if (!spec) return failed(spec.error().message);
  if (factory != nullptr && !o.bare) {
    if (const Status started = start_database(*factory, *spec); !started)
      return failed(started.error().message + " (the nodes are up: riven cluster down --name " + o.up.name +
                    ")");
  }
  const auto status = DockerClusters::status(o.up.name);
  if (!status) return failed(status.error().message);
  if (o.json) {
    std::printf("%s\n", to_json_status(*status).dump(2).c_str());
  } else {
    print_status(*status);
  }
  return ExitCode::valid;
}

ExitCode down(const ClusterOptions& o) {
  std::vector<std::string> names{o.up.name};
  if (o.all) {
    auto listed = DockerClusters::list();
    if (!listed) return failed(listed.error().message);
    names = *listed;
  }
  ExitCode code = ExitCode::valid;
  for (const std::string& name : names) {
    if (const Status done = DockerClusters::down(name); !done) code = failed(done.error().message);
  }
  return code;
}

ExitCode status(const ClusterOptions& o) {
  const auto status = DockerClusters::status(o.up.name);
  if (!status) return failed(status.error().message);
  if (o.json) {
    std::printf("%s\n", to_json_status(*status).dump(2).c_str());
  } else {
    print_status(*status);
  }
  return status->whole() ? ExitCode::valid : ExitCode::infrastructure;
}

ExitCode list(const ClusterOptions& o) {
  const auto names = DockerClusters::list();
  if (!names) return failed(names.error().message);
  if (o.json) {
    std::printf("%s\n", Json(*names).dump(2).c_str());
  } else {
    for (const std::string& name : *names) std::printf("%s\n", name.c_str());
  }
  return ExitCode::valid;
}

}  // namespace

CommandAction declare_cluster(CLI::App& app, const Registry& registry) {
  auto options = std::make_shared<ClusterOptions>();
  ClusterOptions& o = *options;
  app.require_subcommand(1);

  auto* const up_app = app.add_subcommand(
      "up", "make a cluster: an internal network, containers with SSH, a database that serves");
  up_app->add_option("--db", o.up.database, "the database its image holds (docker/build-image DB makes it)")
      ->required();
  auto* const nodes = up_app
                          ->add_option("--nodes", o.up.nodes,
                                       "how many; default: the database's (5, or 1 where it has no replicas)")
                          ->check(CLI::Range(1, 99));
  declare_image(*up_app, o.up.suite, o.up.image);
  up_app->add_option("--faults", o.faults,
                     "faults that the containers must allow, names with commas, all or a profile; these need "
                     "more than the default: " +
                         demanding_faults(registry));
  declare_agent(*up_app, o.agent);
  up_app->add_flag("--bare", o.bare, "the nodes alone; else the database is set up and serves");
  auto* const down_app = app.add_subcommand("down", "remove a cluster, whatever is left of it");
  down_app->add_flag("--all", o.all, "every cluster of Riven's");
  auto* const status_app = app.add_subcommand("status", "nodes, addresses, whether SSH answers");
  auto* const list_app = app.add_subcommand("list", "names of the clusters there are");
  for (CLI::App* const sub : {up_app, down_app, status_app}) {
    sub->add_option("--name,--cluster", o.up.name, "of the cluster; several live side by side")
        ->capture_default_str();
  }
  for (CLI::App* const sub : {up_app, status_app, list_app}) sub->add_flag("--json", o.json, "as JSON");
  app.footer(R"(Examples:
  riven cluster up --db etcd --nodes 5
  riven cluster status
  riven cluster down)");
  up_app->footer(R"(Examples:
  riven cluster up --db etcd --nodes 5
  riven cluster up --db etcd --nodes 3 --name other --faults clock,disk
  riven cluster up --db etcd --agent host               every fault without a capability
  riven cluster up --db postgresql --debian-suite trixie --bare)");
  down_app->footer("Examples:\n  riven cluster down --name other\n  riven cluster down --all");
  status_app->footer("Examples:\n  riven cluster status\n  riven cluster status --name other --json");
  list_app->footer("Examples:\n  riven cluster list --json");

  return [options, nodes, up_app, down_app, status_app, &registry] {
    if (up_app->parsed()) {
      const DatabaseFactory* const found = registry.find<DatabaseFactory>(options->up.database);
      if (found == nullptr && options->up.image.empty()) {
        return usage_error("no database is called " + options->up.database +
                           "; see `riven list` (or give --image)");
      }
      auto needs = needs_of(options->faults, registry);
      if (!needs) return usage_error(needs.error().message);
      options->up.needs = *needs;
      options->up.agents = agent_place_from(options->agent).value_or(AgentPlace::node);
      if (nodes->count() == 0 && found != nullptr) options->up.nodes = found->default_nodes;
      return up(*options, found);
    }
    if (down_app->parsed()) return down(*options);
    if (status_app->parsed()) return status(*options);
    return list(*options);
  };
}

}  // namespace riven
