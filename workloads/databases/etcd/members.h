// The members of an etcd cluster, as its nodes tell and change them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "harness/control/node.h"
#include "harness/core/result.h"

namespace riven::etcd {

struct Member {
  std::string id;        ///< decimal, as the gateway writes it
  std::string name;      ///< empty: it was added and has not been started since
  std::string peer_url;  ///< the first one
};

/// Where the nodes' gateways are.
struct Endpoint {
  uint16_t port = 2379;
  std::string prefix = "/v3";
};

/// The members as the node at `address` knows them itself, without asking the others. `deadline_ns` is on
/// monotonic_now_ns().
Result<std::vector<Member>> list_members(const std::string& address, const Endpoint& at, int64_t deadline_ns);

/// Asks `others` in turn, until the deadline, to take the member with `peer_url` out; none of that URL: done.
/// A cluster that is unhealthy refuses, and is asked again.
Status remove_member(const std::string& peer_url, const std::vector<Node>& others, const Endpoint& at,
                     int64_t deadline_ns);

/// Asks `others` in turn, until the deadline, to take a member with `peer_url` in, unless there is one: all
/// members then. etcd takes one in only after all have been connected for five seconds.
Result<std::vector<Member>> add_member(const std::string& peer_url, const std::vector<Node>& others,
                                       const Endpoint& at, int64_t deadline_ns);

}  // namespace riven::etcd
