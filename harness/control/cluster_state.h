// What a cluster of containers leaves on the controller's disk, and the route behind all clusters.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "harness/control/docker_cluster.h"
#include "harness/core/result.h"

namespace riven {

/// cluster.json.
struct ClusterRecord {
  std::string name, database, suite, image, subnet, subnet6;
  AgentPlace agents = AgentPlace::node;
  std::string ipv6_note;   ///< why there is no IPv6; empty when there is
  std::string route_note;  ///< why there is no blackhole route; empty when there is
  struct Member {
    std::string name, container, address, address6;
  };
  std::vector<Member> nodes;
};

/// The folder of a cluster; it need not exist.
std::string cluster_directory(const std::string& name);
/// Names of the folders, sorted.
std::vector<std::string> cluster_directories();

/// Makes the folder, mode 0700. An error when it exists: then there is a cluster of this name, or what is
/// left of one.
Status make_cluster_directory(const std::string& name);
void remove_cluster_directory(const std::string& name);
/// Writes a file of the cluster at once and whole.
Status write_cluster_file(const std::string& cluster, const std::string& file, const std::string& content,
                          unsigned mode);

Status save_cluster(const ClusterRecord& record);
/// An error that says what to do when there is no such cluster or it was never finished.
Result<ClusterRecord> load_cluster(const std::string& name);

/// Sends what is addressed to a node that is gone nowhere: `ip route add blackhole 198.18.0.0/15`, unless
/// someone has such a route. Docker's routes to its networks are more specific and win. That it was made is
/// recorded for the whole machine, so that whoever removes the last cluster removes it, and never one that
/// someone else made.
Status add_blackhole_route();
/// Removes the route if add_blackhole_route made it and `is_last` still holds, asked under the lock.
void remove_blackhole_route_if(const std::function<bool()>& is_last);

}  // namespace riven
