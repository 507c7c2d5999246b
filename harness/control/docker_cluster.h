// Clusters of containers on this machine's Docker Engine, made and removed by the `docker` command line.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "harness/control/cluster.h"
#include "harness/control/container_needs.h"
#include "harness/core/result.h"

namespace riven {

struct DockerClusterOptions {
  std::string name = "riven";  ///< letters, digits, '-'; at most 32
  std::string database;        ///< etcd, ...; the image is riven-node-<database>:<suite>
  std::string suite = "bookworm";
  std::string image;     ///< another image; empty: as above
  size_t nodes = 5;      ///< 1 to 99
  ContainerNeeds needs;  ///< of the faults that will be injected
  /// host: the containers get no capability for any fault, and no device; this process must be root, and
  /// the engine this machine's.
  AgentPlace agents = AgentPlace::node;
  Milliseconds deadline{60'000};  ///< until SSH answers on all nodes
  /// It is this process's alone: when the process has ended without `down`, remove_orphans removes it.
  bool ends_with_process = false;
};

/// One node as `status` sees it.
struct DockerNodeStatus {
  std::string name, address, address6;
  std::string state;  ///< running, paused, exited, ..., missing
  bool ssh = false;   ///< the SSH port answers
};

struct DockerClusterStatus {
  std::string name, database, image, subnet, subnet6;
  AgentPlace agents = AgentPlace::node;
  std::string ipv6_note;   ///< why there is no IPv6; empty when there is
  std::string route_note;  ///< why no blackhole route lies behind the nodes; empty when one does
  std::string directory;   ///< keys, known_hosts, cluster.json
  std::vector<DockerNodeStatus> nodes;
  bool whole() const;  ///< every node runs and answers
};

/// Where clusters keep their state: $RIVEN_STATE_DIR, or $XDG_STATE_HOME/riven, or ~/.local/state/riven, each
/// with /clusters behind it. Made on demand, mode 0700.
std::string cluster_state_directory();

/// The clusters of containers. Stateless apart from the disk and the engine; thread-safe; two processes may
/// make clusters of different names at once.
class DockerClusters {
 public:
  /// Makes a cluster: an internal network with a free /24 of 198.18.0.0/15 (and an IPv6 /64 where the engine
  /// can), a blackhole route for the whole /15 behind it, containers n1..nN with fixed addresses, fresh login
  /// and host keys, sshd. Returns when SSH answers everywhere. On an error everything made is removed again.
  /// A cluster of this name that exists is an error.
  static Result<ClusterSpec> up(const DockerClusterOptions& options);

  /// Removes the cluster `name` whatever is left of it; success when there is none. With the last cluster the
  /// blackhole route goes.
  static Status down(const std::string& name);

  /// Removes the clusters in the state directory that a process of this machine made for itself
  /// (ends_with_process) and, being gone, can no longer remove: names of what was removed. Never one whose
  /// process lives or cannot be judged from here.
  static Result<std::vector<std::string>> remove_orphans();

  /// The spec of a cluster made earlier, from its state directory.
  static Result<ClusterSpec> load(const std::string& name);

  static Result<DockerClusterStatus> status(const std::string& name);
  /// Names, sorted: of state directories and of labelled containers and networks (so also the half-made).
  static Result<std::vector<std::string>> list();
};

/// Whether a Docker Engine answers; the error says how to get one.
Status docker_engine_answers();

}  // namespace riven
