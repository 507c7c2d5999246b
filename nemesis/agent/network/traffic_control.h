// The kernel's traffic control by libnl, as far as redirecting received packets needs it: qdiscs at a
// device's ingress and u32 filters on them.
#pragma once

#include <netlink/cache.h>
#include <netlink/route/classifier.h>
#include <netlink/route/link.h>
#include <netlink/route/qdisc.h>
#include <netlink/socket.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "harness/core/result.h"

namespace riven::agent::tc {

template <typename T, void (*kFree)(T*)>
struct Freed {
  void operator()(T* object) const { kFree(object); }
};
using Link = std::unique_ptr<rtnl_link, Freed<rtnl_link, rtnl_link_put>>;
using Qdisc = std::unique_ptr<rtnl_qdisc, Freed<rtnl_qdisc, rtnl_qdisc_put>>;
using Filter = std::unique_ptr<rtnl_cls, Freed<rtnl_cls, rtnl_cls_put>>;
using Cache = std::unique_ptr<nl_cache, Freed<nl_cache, nl_cache_free>>;
using Socket = std::unique_ptr<nl_sock, Freed<nl_sock, nl_socket_free>>;

/// An error with libnl's text where `code` is negative.
Status done_or(int code, const std::string& what);
/// A socket for routes, links and traffic control, in the network namespace of this thread.
Result<Socket> open_socket();

/// The ingress qdisc of a device, to be added or removed.
Qdisc ingress_of(int device);
/// The kind of the qdisc at a device's ingress; empty: none.
Result<std::string> ingress_kind(nl_sock* socket, int device);

bool is_v6(const std::string& address);
/// A filter at a device's ingress, with nothing to match yet. IPv6 has the next preference.
Filter filter_at(int device, uint16_t preference, bool v6);
void match_source(rtnl_cls* filter, const std::string& address);
void match_tcp_port(rtnl_cls* filter, uint16_t port, bool v6);  ///< the destination's
void match_icmp6_type(rtnl_cls* filter, uint8_t type);
/// What matches is redirected to `device`; 0: it stays where it is, whatever filters come later.
Status add_filter(nl_sock* socket, rtnl_cls* filter, int device);
/// Filters at a device's ingress, with u32's own hash tables.
Result<Cache> filters_of(nl_sock* socket, int device);
/// Packets that filters at `device` have redirected to the device `to`.
Result<uint64_t> redirected_packets(nl_sock* socket, int device, int to);

void for_each(nl_cache* cache, const std::function<void(nl_object*)>& fn);

}  // namespace riven::agent::tc
