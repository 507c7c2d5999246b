#include "harness/control/cluster.h"

#include <algorithm>
#include <chrono>
#include <set>

#include "harness/control/tcp_connect.h"
#include "harness/core/at_once.h"

namespace riven {
namespace {

Status check_names(const ClusterSpec& spec) {
  if (spec.nodes.empty()) return Error{"the cluster " + spec.name + " has no nodes"};
  std::set<std::string> names;
  for (const NodeSpec& node : spec.nodes) {
    if (node.name.empty()) return Error{"the cluster " + spec.name + " has a node without a name"};
    if (!names.insert(node.name).second) {
      return Error{"the cluster " + spec.name + " has two nodes called " + node.name};
    }
  }
  return ok_status();
}

}  // namespace

const char* name_of(AgentPlace place) { return place == AgentPlace::host ? "host" : "node"; }

std::optional<AgentPlace> agent_place_from(const std::string& word) {
  for (const AgentPlace place : {AgentPlace::node, AgentPlace::host}) {
    if (word == name_of(place)) return place;
  }
  if (word == "beside") return AgentPlace::host;  // its name in older versions
  return std::nullopt;
}

Result<std::unique_ptr<Cluster>> Cluster::connect(const ClusterSpec& spec) {
  if (auto checked = check_names(spec); !checked) return checked.error();
  const size_t count = spec.nodes.size();
  std::unique_ptr<Cluster> cluster(new Cluster());
  cluster->spec_ = spec;
  cluster->sessions_.resize(count);
  cluster->nodes_.resize(count);
  std::vector<std::string> own(count);
  std::vector<std::string> errors(count);
  at_once(count, [&](size_t i) {
    const NodeSpec& wanted = spec.nodes[i];
    auto session = connect_ssh(wanted.ssh);
    if (!session) {
      errors[i] = session.error().message;
      return;
    }
    own[i] = (*session)->local_address();
    Node& node = cluster->nodes_[i];
    node.name = wanted.name;
    node.address = wanted.address;
    node.addresses = wanted.addresses;
    node.index = i;
    node.session = session->get();
    cluster->sessions_[i] = std::move(*session);
    if (!node.addresses.empty()) return;
    auto resolved =
        resolve_addresses(wanted.address, std::chrono::steady_clock::now() + wanted.ssh.connect_deadline);
    if (resolved) {
      node.addresses = std::move(*resolved);
    } else {
      errors[i] = wanted.name + ": " + resolved.error().message;
    }
  });
  for (const std::string& error : errors) {
    if (!error.empty()) return Error{error};
  }
  for (std::string& address : own) {
    auto& known = cluster->controller_addresses_;
    if (std::find(known.begin(), known.end(), address) == known.end()) known.push_back(std::move(address));
  }
  return cluster;
}

Result<std::unique_ptr<ByteStream>, SessionError> Cluster::start(size_t index,
                                                                 const std::vector<std::string>& argv,
                                                                 bool sudo, Milliseconds deadline) const {
  RIVEN_CHECK(index < spec_.nodes.size(), "a node that the cluster does not have");
  return start_ssh(spec_.nodes[index].ssh, argv, sudo, deadline);
}

}  // namespace riven
