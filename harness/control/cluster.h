// The machines of one test: who they are, how to reach them, and open sessions to all of them.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "harness/control/byte_stream.h"
#include "harness/control/node.h"
#include "harness/control/ssh_session.h"
#include "harness/core/result.h"

namespace riven {

/// Where the agents run: on the nodes, started over SSH, or on this host, from where they enter the nodes'
/// containers.
enum class AgentPlace : uint8_t { node, host };
/// "node" and "host".
const char* name_of(AgentPlace place);
/// Reads "beside" as host: that was its name in older versions.
std::optional<AgentPlace> agent_place_from(const std::string& word);

struct NodeSpec {
  std::string name;                    ///< n1, n2, ...; unique
  std::string address;                 ///< as other nodes and clients reach it
  std::vector<std::string> addresses;  ///< literals that faults must cover; empty: resolved from `address`
  SshTarget ssh;
  std::string container;  ///< as the engine on this machine knows it; empty: it is none
  /// What the owner of a machine allows on it; never a container's.
  bool may_reboot = false;
  bool may_set_clock = false;
};

/// What is needed to connect: made by docker_cluster.h or inventory.h.
struct ClusterSpec {
  enum class Kind : uint8_t { docker, hosts };
  std::string name;
  Kind kind = Kind::hosts;
  std::vector<NodeSpec> nodes;
  AgentPlace agents = AgentPlace::node;
  std::string database;  ///< what the node image was made for; empty when unknown
};

/// Ordered nodes with open sessions. Thread-safe after connect().
class Cluster {
 public:
  /// Connects to all nodes at once. One node that cannot be reached is an error that names it. An empty or
  /// duplicate node name is an error.
  static Result<std::unique_ptr<Cluster>> connect(const ClusterSpec& spec);

  const ClusterSpec& spec() const { return spec_; }
  /// Sessions in them are borrowed from this cluster.
  const std::vector<Node>& nodes() const { return nodes_; }
  /// The controller's own addresses as the nodes see them (IPv4 and IPv6 literals): never to be cut off.
  const std::vector<std::string>& controller_addresses() const { return controller_addresses_; }

  /// Starts a program on node `index` with a connection of its own; see start_ssh.
  Result<std::unique_ptr<ByteStream>, SessionError> start(size_t index, const std::vector<std::string>& argv,
                                                          bool sudo, Milliseconds deadline) const;

 private:
  Cluster() = default;
  ClusterSpec spec_;
  std::vector<std::unique_ptr<Session>> sessions_;
  std::vector<Node> nodes_;
  std::vector<std::string> controller_addresses_;
};

}  // namespace riven
