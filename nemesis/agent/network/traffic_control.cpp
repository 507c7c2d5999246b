#include "nemesis/agent/network/traffic_control.h"

#include <arpa/inet.h>
#include <linux/gen_stats.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <linux/tc_act/tc_mirred.h>
#include <netinet/in.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/route/act/mirred.h>
#include <netlink/route/action.h>
#include <netlink/route/cls/u32.h>
#include <netlink/route/tc.h>

#include "harness/core/check.h"

namespace riven::agent::tc {
namespace {

constexpr uint32_t kIngress = 0xffff0000;

// Offsets from the network header, RFC 791 (without options) and RFC 8200.
constexpr int kProtocolAt = 9, kSourceAt = 12, kPortAt = 22;
constexpr int kNextHeader6At = 6, kSource6At = 8, kPort6At = 42, kIcmpType6At = 40;

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

}  // namespace

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

void match_tcp_port(rtnl_cls* filter, uint16_t port, bool v6) {
  (void)rtnl_u32_add_key_uint8(filter, IPPROTO_TCP, 0xff, v6 ? kNextHeader6At : kProtocolAt, 0);
  (void)rtnl_u32_add_key_uint16(filter, port, 0xffff, v6 ? kPort6At : kPortAt, 0);
}

void match_icmp6_type(rtnl_cls* filter, uint8_t type) {
  (void)rtnl_u32_add_key_uint8(filter, IPPROTO_ICMPV6, 0xff, kNextHeader6At, 0);
  (void)rtnl_u32_add_key_uint8(filter, type, 0xff, kIcmpType6At, 0);
}

void for_each(nl_cache* cache, const std::function<void(nl_object*)>& fn) {
  for (nl_object* object = nl_cache_get_first(cache); object != nullptr; object = nl_cache_get_next(object)) {
    fn(object);
  }
}

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

Result<Cache> filters_of(nl_sock* socket, int device) {
  nl_cache* all = nullptr;
  if (Status done = done_or(rtnl_cls_alloc_cache(socket, device, kIngress, &all), "filters"); !done) {
    return done.error();
  }
  return Cache(all);
}

Result<uint64_t> redirected_packets(nl_sock* socket, int device, int to) {
  Redirected counted{to, 0};
  tcmsg asked{};
  asked.tcm_family = AF_UNSPEC;
  asked.tcm_ifindex = device;
  asked.tcm_parent = kIngress;
  nl_socket_modify_cb(socket, NL_CB_VALID, NL_CB_CUSTOM, add_redirected, &counted);
  int code = nl_send_simple(socket, RTM_GETTFILTER, NLM_F_DUMP, &asked, sizeof asked);
  if (code >= 0) code = nl_recvmsgs_default(socket);
  nl_socket_modify_cb(socket, NL_CB_VALID, NL_CB_DEFAULT, nullptr, nullptr);
  if (code < 0) return Error{nl_geterror(code)};
  return counted.packets;
}

}  // namespace riven::agent::tc
