#include "nemesis/agent/network/ifb_redirect.h"

#include <net/if.h>
#include <netinet/icmp6.h>
#include <netlink/netlink.h>
#include <netlink/route/link.h>
#include <netlink/route/link/inet6.h>
#include <netlink/route/nexthop.h>
#include <netlink/route/route.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>

#include "harness/agent_protocol/agent_message.h"
#include "harness/core/clock.h"
#include "harness/core/json_fields.h"
#include "nemesis/agent/network/netem.h"
#include "nemesis/agent/network/traffic_control.h"

namespace riven::agent {
namespace {

using namespace tc;

constexpr int64_t kDrainNs = 250 * kNanosPerMilli;
constexpr int kDrainStepUs = 5'000;

/// "rv", eight digits of the owner, five of the fault: the kernel keeps 15 characters.
std::string owner_prefix(const Context& context) {
  std::array<char, 16> text;
  std::snprintf(text.data(), text.size(), "rv%08x", crc32c(context.owner));
  return text.data();
}

std::string device_name(const Context& context, const std::string& fault) {
  std::array<char, 16> text;
  std::snprintf(text.data(), text.size(), "%05x", crc32c(fault) & 0xfffff);
  return owner_prefix(context) + text.data();
}

/// Its filters' preference for IPv4; IPv6 has the next one. Of the device's name, so that a sweep knows it.
uint16_t preference_of(const std::string& device) {
  return static_cast<uint16_t>(0x5000 + (crc32c(device) & 0xffe));
}

/// The device through which packets go to `address`, and come from it where routes are the same both ways.
Result<int> device_towards(nl_sock* socket, const std::string& address) {
  nl_addr* parsed = nullptr;
  if (nl_addr_parse(address.c_str(), AF_UNSPEC, &parsed) < 0) return Error{address + " is no address"};
  rtnl_route* route = nullptr;
  const int code = rtnl_route_lookup(socket, parsed, &route);
  nl_addr_put(parsed);
  if (code < 0) return Error{"no route to " + address + ": " + nl_geterror(code)};
  rtnl_nexthop* const hop = rtnl_route_nexthop_n(route, 0);
  const int device = hop == nullptr ? 0 : rtnl_route_nh_get_ifindex(hop);
  rtnl_route_put(route);
  if (device == 0) return Error{"no device towards " + address};
  return device;
}

Link link_named(nl_sock* socket, const std::string& name) {
  rtnl_link* link = nullptr;
  return rtnl_link_get_kernel(socket, 0, name.c_str(), &link) < 0 ? Link() : Link(link);
}

bool is_ifb(rtnl_link* link) {
  const char* const type = link == nullptr ? nullptr : rtnl_link_get_type(link);
  return type != nullptr && std::string(type) == "ifb";
}

/// The device's index. A kernel that loads its module ifb for this makes two more, which are taken away.
Result<int> make_ifb(nl_sock* socket, const std::string& name) {
  std::vector<std::string> extra;
  for (const char* each : {"ifb0", "ifb1"}) {
    if (if_nametoindex(each) == 0) extra.emplace_back(each);
  }
  const Link link(rtnl_link_alloc());
  RIVEN_CHECK(link != nullptr, "out of memory");
  (void)rtnl_link_set_type(link.get(), "ifb");
  rtnl_link_set_name(link.get(), name.c_str());
  const int code = rtnl_link_add(socket, link.get(), NLM_F_CREATE | NLM_F_EXCL);
  for (const std::string& each : extra) {
    const Link made = link_named(socket, each);
    if (is_ifb(made.get()) && (rtnl_link_get_flags(made.get()) & IFF_UP) == 0) {
      (void)rtnl_link_delete(socket, made.get());
    }
  }
  if (code < 0) return Error{std::string("ifb: ") + nl_geterror(code)};
  const Link made = link_named(socket, name);
  if (made == nullptr) return Error{"ifb: the new device is gone"};
  return rtnl_link_get_ifindex(made.get());
}

/// Filters of ours at `device` go, and the ingress qdisc when none of another is left on it. `is_whole`: the
/// redirect's own device is still there, so that an ingress qdisc without filters is its own too.
Status leave(nl_sock* socket, int device, uint16_t preference, bool is_whole) {
  bool ours = is_whole;
  for (const bool v6 : {false, true}) {
    ours |= rtnl_cls_delete(socket, filter_at(device, preference, v6).get(), 0) >= 0;
  }
  if (!ours) return ok_status();
  const Result<std::string> kind = ingress_kind(socket, device);
  if (!kind) return kind.error();
  if (*kind != "ingress") return ok_status();
  const Result<Cache> left = filters_of(socket, device);
  if (!left) return left.error();
  bool stays = false;
  for_each(left->get(), [&](nl_object* object) {
    const uint16_t at = rtnl_cls_get_prio(reinterpret_cast<rtnl_cls*>(object));
    stays = stays || at == preference || at == preference + 1;
  });
  // Without the device that they lead to they would drop all that they match.
  if (stays) return Error{"filters of a link fault cannot be removed"};
  if (nl_cache_nitems(left->get()) > 0) return ok_status();
  const int code = rtnl_qdisc_delete(socket, ingress_of(device).get());
  return code == -NLE_OBJ_NOTFOUND ? ok_status() : done_or(code, "ingress qdisc");
}

/// What the device holds goes on in its time, for a moment.
void drain(nl_sock* socket, int device) {
  for (const int64_t until = monotonic_now_ns() + kDrainNs; monotonic_now_ns() < until;) {
    const Result<NetemCounts> counts = netem_counts(socket, device);
    if (!counts || counts->waiting == 0) return;
    ::usleep(kDrainStepUs);
  }
}

Status take_away(nl_sock* socket, const std::string& name, const std::vector<int>& devices) {
  const Link own = link_named(socket, name);
  const bool is_whole = is_ifb(own.get());
  for (const int device : devices) {
    if (Status left = leave(socket, device, preference_of(name), is_whole); !left) return left;
  }
  if (!is_whole) return ok_status();
  drain(socket, rtnl_link_get_ifindex(own.get()));
  const int code = rtnl_link_delete(socket, own.get());
  return code == -NLE_OBJ_NOTFOUND || code == -NLE_NODEV ? ok_status() : done_or(code, name);
}

}  // namespace

Result<std::unique_ptr<IfbRedirect>> IfbRedirect::plan(const Context& context, const std::string& name,
                                                       const std::vector<PacketRule>& rules) {
  Result<Socket> socket = open_socket();
  if (!socket) return socket.error();
  auto made = std::unique_ptr<IfbRedirect>(new IfbRedirect(socket->release(), device_name(context, name)));
  made->rules_ = rules;
  made->control_addresses_ = context.control_addresses;
  made->control_port_ = context.control_port;
  for (const PacketRule& rule : rules) {
    const Result<int> device = device_towards(made->socket_, rule.address);
    if (!device) return device.error();
    made->rule_devices_.push_back(*device);
    const auto known = std::find_if(made->at_.begin(), made->at_.end(),
                                    [&](const auto& each) { return each.first == *device; });
    if (known != made->at_.end()) continue;
    std::array<char, IF_NAMESIZE> text{};
    if (if_indextoname(static_cast<unsigned>(*device), text.data()) == nullptr) {
      return Error{"the device towards " + rule.address + " is gone"};
    }
    const Result<std::string> kind = ingress_kind(made->socket_, *device);
    if (!kind) return kind.error();
    if (!kind->empty()) return Error{std::string(text.data()) + " has a qdisc " + *kind + " of its own"};
    made->at_.emplace_back(*device, text.data());
  }
  return made;
}

IfbRedirect::~IfbRedirect() { nl_socket_free(socket_); }

Json IfbRedirect::record() const {
  Json at = Json::array();
  for (const auto& [index, name] : at_) at.push_back(name);
  return {{"device", name_}, {"at", std::move(at)}};
}

Status IfbRedirect::make() {
  const Result<int> made = make_ifb(socket_, name_);
  if (!made) return made.error();
  device_ = *made;
  return ok_status();
}

Status IfbRedirect::arm() {
  const Link now = link_named(socket_, name_);
  if (now == nullptr) return Error{name_ + " is gone"};
  // First no address of its own, so that nothing but redirected packets is ever sent there.
  const Link quiet(rtnl_link_alloc()), up(rtnl_link_alloc());
  RIVEN_CHECK(quiet != nullptr && up != nullptr, "out of memory");
  rtnl_link_set_ifindex(quiet.get(), device_);
  rtnl_link_inet6_set_addr_gen_mode(quiet.get(), IN6_ADDR_GEN_MODE_NONE);
  (void)rtnl_link_change(socket_, now.get(), quiet.get(), 0);  // a kernel without IPv6
  rtnl_link_set_ifindex(up.get(), device_);
  rtnl_link_set_flags(up.get(), IFF_UP);
  if (Status done = done_or(rtnl_link_change(socket_, now.get(), up.get(), 0), name_); !done) return done;
  for (const auto& [device, name] : at_) {
    const int code = rtnl_qdisc_add(socket_, ingress_of(device).get(), NLM_F_CREATE | NLM_F_EXCL);
    Status done = done_or(code, "ingress qdisc of " + name);
    if (done) continue;
    // Whoever was quicker has it. Nothing of ours may be left by which the undo would take it for its own.
    for (const auto& [before, unused] : at_) {
      if (before == device) break;
      (void)rtnl_qdisc_delete(socket_, ingress_of(before).get());
    }
    (void)rtnl_link_delete(socket_, now.get());
    return done;
  }
  return ok_status();
}

Status IfbRedirect::add_filters(int at) const {
  const uint16_t preference = preference_of(name_);
  for (const std::string& address : control_addresses_) {
    if (control_port_ == 0) break;
    const bool v6 = is_v6(address);
    const Filter filter = filter_at(at, preference, v6);
    match_source(filter.get(), address);
    match_tcp_port(filter.get(), control_port_, v6);
    if (Status done = add_filter(socket_, filter.get(), 0); !done) return done;
  }
  for (const int type : {ND_NEIGHBOR_SOLICIT, ND_NEIGHBOR_ADVERT}) {
    const Filter filter = filter_at(at, preference, true);
    match_icmp6_type(filter.get(), static_cast<uint8_t>(type));
    if (Status done = add_filter(socket_, filter.get(), 0); !done) return done;
  }
  for (size_t i = 0; i < rules_.size(); ++i) {
    if (rule_devices_[i] != at) continue;
    const Filter filter = filter_at(at, preference, is_v6(rules_[i].address));
    match_source(filter.get(), rules_[i].address);
    if (Status done = add_filter(socket_, filter.get(), device_); !done) return done;
  }
  return ok_status();
}

Status IfbRedirect::apply() {
  for (const auto& [device, name] : at_) {
    if (Status done = add_filters(device); !done) return Error{name + ": " + done.error().message};
  }
  return ok_status();
}

Result<uint64_t> IfbRedirect::packets() const {
  uint64_t packets = 0;
  for (const auto& [device, name] : at_) {
    const Result<uint64_t> counted = redirected_packets(socket_, device, device_);
    if (!counted) return Error{"filters of " + name + ": " + counted.error().message};
    packets += *counted;
  }
  return packets;
}

Status IfbRedirect::undo(const Json& record) {
  const std::string name = text_of(record, "device");
  if (name.rfind("rv", 0) != 0) return Error{"the ledger names a device that is not Riven's: " + name};
  const Result<Socket> socket = open_socket();
  if (!socket) return socket.error();
  std::vector<int> devices;
  for (const std::string& at : texts_of(record, "at")) {
    if (const unsigned index = if_nametoindex(at.c_str()); index != 0) {
      devices.push_back(static_cast<int>(index));
    }
  }
  return take_away(socket->get(), name, devices);
}

Result<std::vector<std::string>> IfbRedirect::sweep(const Context& context) {
  const Result<Socket> socket = open_socket();
  if (!socket) return socket.error();
  nl_cache* all = nullptr;
  if (Status done = done_or(rtnl_link_alloc_cache(socket->get(), AF_UNSPEC, &all), "links"); !done) {
    return done.error();
  }
  const Cache owned(all);
  std::vector<int> devices;
  std::vector<std::string> ours;
  for_each(all, [&](nl_object* object) {
    auto* const link = reinterpret_cast<rtnl_link*>(object);
    const std::string name = rtnl_link_get_name(link);
    if (name.rfind(owner_prefix(context), 0) == 0 && is_ifb(link)) {
      ours.push_back(name);
    } else {
      devices.push_back(rtnl_link_get_ifindex(link));
    }
  });
  for (const std::string& name : ours) {
    // Only where a filter of this redirect is: `at` is not known without a ledger.
    const uint16_t preference = preference_of(name);
    for (const int device : devices) {
      if (Status left = leave(socket->get(), device, preference, false); !left) return left.error();
    }
    if (Status gone = take_away(socket->get(), name, {}); !gone) return gone.error();
  }
  return ours;
}

Status try_netem(const Context& context) {
  const Result<Socket> socket = open_socket();
  if (!socket) return socket.error();
  const std::string name = device_name(context, "trial" + std::to_string(::getpid()));
  const Result<int> device = make_ifb(socket->get(), name);
  if (!device) return device.error();
  NetemPlan plan;
  plan.delay_us = 1'000;
  Status works = add_netem(socket->get(), *device, plan);
  const Qdisc ingress = ingress_of(*device);
  if (works)
    works = done_or(rtnl_qdisc_add(socket->get(), ingress.get(), NLM_F_CREATE | NLM_F_EXCL), "ingress");
  const Filter filter = filter_at(*device, preference_of(name), false);
  match_source(filter.get(), "198.18.0.255");
  if (works) works = add_filter(socket->get(), filter.get(), *device);
  if (Status gone = take_away(socket->get(), name, {*device}); works && !gone) works = gone;
  return works;
}

}  // namespace riven::agent
