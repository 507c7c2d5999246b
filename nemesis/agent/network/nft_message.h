// Messages of netfilter's netlink, for nft_batch.cpp and nft_socket.cpp alone.
#pragma once

#include <netinet/in.h>  // first: the kernel's headers define the same where it is missing

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <netlink/msg.h>

#include <cstdint>

#include "harness/core/check.h"

namespace riven::agent {

inline constexpr uint8_t kNftCommentType = 0;  // of nft's own user data, so that `nft list ruleset` shows it

inline int nft_type(int message) { return (NFNL_SUBSYS_NFTABLES << 8) | message; }

/// A message with netfilter's own header. `resource`: in the machine's byte order.
nl_msg* make_nft_message(int type, int flags, uint8_t family, uint16_t resource);

}  // namespace riven::agent
