#include "nemesis/agent/detour.h"

#include <arpa/inet.h>
#include <linux/gen_stats.h>
#include <linux/if_ether.h>
#include <linux/if_link.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <linux/tc_act/tc_mirred.h>
#include <net/if.h>
#include <netinet/icmp6.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/route/act/mirred.h>
#include <netlink/route/action.h>
#include <netlink/route/classifier.h>
#include <netlink/route/cls/u32.h>
#include <netlink/route/link.h>
#include <netlink/route/link/inet6.h>
#include <netlink/route/nexthop.h>
#include <netlink/route/qdisc.h>
#include <netlink/route/route.h>
#include <netlink/route/tc.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <functional>

#include "harness/core/clock.h"
#include "nemesis/agent/netem.h"

namespace riven::agent {
namespace {

constexpr uint32_t kIngress = 0xffff0000;
constexpr int64_t kDrainNs = 250 * kNanosPerMilli;
constexpr int kDrainStepUs = 5'000;

// Offsets from the network header, RFC 791 (without options) and RFC 8200.
constexpr int kProtocolAt = 9, kSourceAt = 12, kPortAt = 22;
constexpr int kNextHeader6At = 6, kSource6At = 8, kPort6At = 42, kIcmpType6At = 40;

template <typename T, void (*kFree)(T*)>
struct Freed {
  void operator()(T* object) const { kFree(object); }
};
using Link = std::unique_ptr<rtnl_link, Freed<rtnl_link, rtnl_link_put>>;
using Qdisc = std::unique_ptr<rtnl_qdisc, Freed<rtnl_qdisc, rtnl_qdisc_put>>;
using Filter = std::unique_ptr<rtnl_cls, Freed<rtnl_cls, rtnl_cls_put>>;
using Cache = std::unique_ptr<nl_cache, Freed<nl_cache, nl_cache_free>>;
using Socket = std::unique_ptr<nl_sock, Freed<nl_sock, nl_socket_free>>;

Status done_or(int code, const std::string& what) {
  return code < 0 ? Status(Error{what + ": " + nl_geterror(code)}) : ok_status();
}

Result<Socket> open_socket() {
  Socket socket(nl_socket_alloc());
  RIVEN_CHECK(socket != nullptr, "out of memory");
  if (Status done = done_or(nl_connect(socket.get(), NETLINK_ROUTE), "no route netlink socket"); !done) {
    return done.error();
  }
  return socket;
}

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

bool is_v6(const std::string& address) { return address.find(':') != std::string::npos; }

Qdisc ingress_of(int device) {
  Qdisc qdisc(rtnl_qdisc_alloc());
  RIVEN_CHECK(qdisc != nullptr, "out of memory");
  rtnl_tc_set_ifindex(TC_CAST(qdisc.get()), device);
  rtnl_tc_set_parent(TC_CAST(qdisc.get()), TC_H_INGRESS);
  rtnl_tc_set_handle(TC_CAST(qdisc.get()), kIngress);
  (void)rtnl_tc_set_kind(TC_CAST(qdisc.get()), "ingress");
  return qdisc;
}

Filter filter_at(int device, uint16_t preference, bool v6) {
  Filter filter(rtnl_cls_alloc());
  RIVEN_CHECK(filter != nullptr, "out of memory");
  rtnl_tc_set_ifindex(TC_CAST(filter.get()), device);
  rtnl_tc_set_parent(TC_CAST(filter.get()), kIngress);
  (void)rtnl_tc_set_kind(TC_CAST(filter.get()), "u32");
  rtnl_cls_set_prio(filter.get(), static_cast<uint16_t>(preference + (v6 ? 1 : 0)));
  rtnl_cls_set_protocol(filter.get(), v6 ? ETH_P_IPV6 : ETH_P_IP);
  return filter;
}

void match_source(rtnl_cls* filter, const std::string& address) {
  if (is_v6(address)) {
    in6_addr binary{};
    inet_pton(AF_INET6, address.c_str(), &binary);
    (void)rtnl_u32_add_key_in6_addr(filter, &binary, 128, kSource6At, 0);
  } else {
    in_addr binary{};
    inet_pton(AF_INET, address.c_str(), &binary);
    (void)rtnl_u32_add_key_in_addr(filter, &binary, 32, kSourceAt, 0);
  }
}

/// What matches is redirected to `device`; 0: it stays where it is, whatever filters come later.
Status add_filter(nl_sock* socket, rtnl_cls* filter, int device) {
  rtnl_u32_set_cls_terminal(filter);
  if (device != 0) {
    rtnl_act* action = rtnl_act_alloc();
    RIVEN_CHECK(action != nullptr, "out of memory");
    (void)rtnl_tc_set_kind(TC_CAST(action), "mirred");
    rtnl_mirred_set_action(action, TCA_EGRESS_REDIR);
    rtnl_mirred_set_policy(action, TC_ACT_STOLEN);
    rtnl_mirred_set_ifindex(action, static_cast<uint32_t>(device));
    const int added = rtnl_u32_add_action(filter, action);
    rtnl_act_put(action);
    if (added < 0) return done_or(added, "redirection");
  }
  return done_or(rtnl_cls_add(socket, filter, NLM_F_CREATE), "filter");
}

struct Redirected {
  int to;
  uint64_t packets;
};

nlattr* inner(nlattr* outer, int type) {
  return outer == nullptr ? nullptr : nla_find(static_cast<nlattr*>(nla_data(outer)), nla_len(outer), type);
}

/// What an action's counter says, if it redirects there. libnl reads no counters of filters' actions.
uint64_t packets_of(nlattr* action, int to) {
  nlattr* const told = inner(inner(action, TCA_ACT_OPTIONS), TCA_MIRRED_PARMS);
  nlattr* const basic = inner(inner(action, TCA_ACT_STATS), TCA_STATS_BASIC);
  tc_mirred mirred{};
  struct {
    uint64_t bytes;
    uint32_t packets;
  } count{};
  if (told == nullptr || nla_memcpy(&mirred, told, sizeof mirred) < static_cast<int>(sizeof mirred)) return 0;
  if (basic == nullptr || static_cast<int>(mirred.ifindex) != to) return 0;
  nla_memcpy(&count, basic, sizeof count);
  return count.packets;
}

/// For each filter of a dump.
int add_redirected(nl_msg* message, void* to_redirected) {
  auto* const counted = static_cast<Redirected*>(to_redirected);
  nlattr* const options = nlmsg_find_attr(nlmsg_hdr(message), sizeof(tcmsg), TCA_OPTIONS);
  if (nlattr* const actions = inner(options, TCA_U32_ACT); actions != nullptr) {
    nlattr* action = nullptr;
    int left = 0;
    nla_for_each_nested(action, actions, left) counted->packets += packets_of(action, counted->to);
  }
  return NL_OK;
}

void for_each(nl_cache* cache, const std::function<void(nl_object*)>& fn) {
  for (nl_object* object = nl_cache_get_first(cache); object != nullptr; object = nl_cache_get_next(object)) {
    fn(object);
  }
}

/// The kind of the qdisc at a device's ingress; empty: none.
Result<std::string> ingress_kind(nl_sock* socket, int device) {
  nl_cache* all = nullptr;
  if (Status done = done_or(rtnl_qdisc_alloc_cache(socket, &all), "qdiscs"); !done) return done.error();
  const Cache owned(all);
  std::string kind;
  for_each(all, [&](nl_object* object) {
    rtnl_tc* const tc = TC_CAST(reinterpret_cast<rtnl_qdisc*>(object));
    if (rtnl_tc_get_ifindex(tc) == device && rtnl_tc_get_parent(tc) == TC_H_INGRESS) {
      kind = rtnl_tc_get_kind(tc);
    }
  });
  return kind;
}

/// Filters at a device's ingress, with u32's own hash tables.
Result<Cache> filters_of(nl_sock* socket, int device) {
  nl_cache* all = nullptr;
  if (Status done = done_or(rtnl_cls_alloc_cache(socket, device, kIngress, &all), "filters"); !done) {
    return done.error();
  }
  return Cache(all);
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
/// detour's own device is still there, so that an ingress qdisc without filters is its own too.
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

Result<std::unique_ptr<Detour>> Detour::plan(const Context& context, const std::string& name,
                                             const std::vector<PacketRule>& rules) {
  Result<Socket> socket = open_socket();
  if (!socket) return socket.error();
  auto made = std::unique_ptr<Detour>(new Detour(socket->release(), device_name(context, name)));
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

Detour::~Detour() { nl_socket_free(socket_); }

Json Detour::record() const {
  Json at = Json::array();
  for (const auto& [index, name] : at_) at.push_back(name);
  return {{"device", name_}, {"at", std::move(at)}};
}

Status Detour::make() {
  const Result<int> made = make_ifb(socket_, name_);
  if (!made) return made.error();
  device_ = *made;
  return ok_status();
}

Status Detour::arm() {
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

Status Detour::add_filters(int at) const {
  const uint16_t preference = preference_of(name_);
  for (const std::string& address : control_addresses_) {
    if (control_port_ == 0) break;
    const bool v6 = is_v6(address);
    const Filter filter = filter_at(at, preference, v6);
    match_source(filter.get(), address);
    (void)rtnl_u32_add_key_uint8(filter.get(), IPPROTO_TCP, 0xff, v6 ? kNextHeader6At : kProtocolAt, 0);
    (void)rtnl_u32_add_key_uint16(filter.get(), control_port_, 0xffff, v6 ? kPort6At : kPortAt, 0);
    if (Status done = add_filter(socket_, filter.get(), 0); !done) return done;
  }
  for (const int type : {ND_NEIGHBOR_SOLICIT, ND_NEIGHBOR_ADVERT}) {
    const Filter filter = filter_at(at, preference, true);
    (void)rtnl_u32_add_key_uint8(filter.get(), IPPROTO_ICMPV6, 0xff, kNextHeader6At, 0);
    (void)rtnl_u32_add_key_uint8(filter.get(), static_cast<uint8_t>(type), 0xff, kIcmpType6At, 0);
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

Status Detour::apply() {
  for (const auto& [device, name] : at_) {
    if (Status done = add_filters(device); !done) return Error{name + ": " + done.error().message};
  }
  return ok_status();
}

Result<uint64_t> Detour::packets() const {
  Redirected counted{device_, 0};
  for (const auto& [device, name] : at_) {
    tcmsg asked{};
    asked.tcm_family = AF_UNSPEC;
    asked.tcm_ifindex = device;
    asked.tcm_parent = kIngress;
    nl_socket_modify_cb(socket_, NL_CB_VALID, NL_CB_CUSTOM, add_redirected, &counted);
    int code = nl_send_simple(socket_, RTM_GETTFILTER, NLM_F_DUMP, &asked, sizeof asked);
    if (code >= 0) code = nl_recvmsgs_default(socket_);
    nl_socket_modify_cb(socket_, NL_CB_VALID, NL_CB_DEFAULT, nullptr, nullptr);
    if (Status done = done_or(code, "filters of " + name); !done) return done.error();
  }
  return counted.packets;
}

Status Detour::undo(const Json& record) {
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

Result<std::vector<std::string>> Detour::sweep(const Context& context) {
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
    // Only where a filter of this detour is: `at` is not known without a ledger.
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
