// A way round for received packets: from a network device's ingress through a device of our own and back, so
// that a qdisc there acts on the receiver's side.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "harness/agent_protocol/packet_rule.h"
#include "harness/core/result.h"
#include "nemesis/agent/core/fault.h"

struct nl_sock;

namespace riven::agent {

/// An ifb device, an ingress qdisc on each device at which packets of the peers arrive, and on that u32
/// filters that redirect them. Root qdiscs of others are never touched, and a device that has an ingress
/// qdisc or clsact already is refused. The control connection and IPv6 neighbour discovery stay direct, as in
/// packet_chains.h. Not thread-safe; works in the network namespace in which it was planned.
class IfbRedirect {
 public:
  /// Looks up the devices by route and changes nothing. `name` is unique on the node.
  static Result<std::unique_ptr<IfbRedirect>> plan(const Context& context, const std::string& name,
                                                   const std::vector<PacketRule>& rules);
  ~IfbRedirect();
  IfbRedirect(const IfbRedirect&) = delete;
  IfbRedirect& operator=(const IfbRedirect&) = delete;

  /// What undo() needs: {"device", "at"}.
  Json record() const;
  /// Makes the device, still down; a root qdisc for it may be added now.
  Status make();
  /// Brings the device up and adds the ingress qdiscs: nothing is redirected yet.
  Status arm();
  /// Redirects.
  Status apply();
  nl_sock* socket() const { return socket_; }
  /// Of our own device; 0 before make().
  int device() const { return device_; }
  /// Packets that were redirected.
  Result<uint64_t> packets() const;

  /// Takes the filters away, waits a little for what is held, and takes qdiscs and device away. Idempotent.
  static Status undo(const Json& record);
  /// The same for every redirect of this owner whose device is still there; their devices' names.
  static Result<std::vector<std::string>> sweep(const Context& context);

 private:
  IfbRedirect(nl_sock* socket, std::string name) : socket_(socket), name_(std::move(name)) {}
  Status add_filters(int at) const;
  nl_sock* socket_;
  std::string name_;
  int device_ = 0;
  std::vector<PacketRule> rules_;
  std::vector<int> rule_devices_;  // of the rule with the same index
  std::vector<std::pair<int, std::string>> at_;
  std::vector<std::string> control_addresses_;
  uint16_t control_port_ = 0;
};

/// Whether this kernel has what a redirect needs and sch_netem: tried on a device of our own that is down.
Status try_netem(const Context& context);

}  // namespace riven::agent
