#include "nemesis/agent/network/netem.h"

#include <linux/pkt_sched.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/route/qdisc.h>
#include <netlink/route/qdisc/netem.h>
#include <netlink/route/tc.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>

namespace riven::agent {
namespace {

constexpr size_t kTableEntries = 16'384;         // NETEM_DIST_MAX of the kernel
constexpr double kTableUnit = 8'192;             // NETEM_DIST_SCALE
constexpr int64_t kLongestSpreadUs = 2'147'000;  // the kernel's jitter is an int of nanoseconds
constexpr int kParetoWidth =
    8;  // a table reaches to 4 of its units; the tail wants 32 (1 in 36,000 is beyond)
constexpr int kMostHeldPackets = 100'000;
constexpr size_t kMessageBytes = 60'000;

uint32_t of_all(double per_million) {
  return static_cast<uint32_t>(std::min(std::llround(per_million / 1e6 * 4294967296.0), 4294967295LL));
}

/// The normal distribution's quantile, by halving: the table is made once a fault.
double normal_quantile(double share) {
  double low = -9, high = 9;
  for (int i = 0; i < 40; ++i) {
    const double middle = (low + high) / 2;
    (std::erfc(-middle / std::sqrt(2.0)) / 2 < share ? low : high) = middle;
  }
  return low;
}

std::vector<int16_t> table_of(LinkOptions::Distribution distribution) {
  std::vector<int16_t> table;
  if (distribution == LinkOptions::Distribution::uniform) return table;
  for (size_t i = 0; i < kTableEntries; ++i) {
    const double share = (static_cast<double>(i) + 0.5) / kTableEntries;
    const double offset = distribution == LinkOptions::Distribution::normal
                              ? normal_quantile(share)
                              : (std::pow(1 - share, -1.0 / 3) - 1) / kParetoWidth;
    table.push_back(static_cast<int16_t>(std::clamp(std::round(offset * kTableUnit), -32'767.0, 32'767.0)));
  }
  return table;
}

struct FreeQdisc {
  void operator()(rtnl_qdisc* qdisc) const { rtnl_qdisc_put(qdisc); }
};
using Qdisc = std::unique_ptr<rtnl_qdisc, FreeQdisc>;

Qdisc root_of(int device) {
  Qdisc qdisc(rtnl_qdisc_alloc());
  RIVEN_CHECK(qdisc != nullptr, "out of memory");
  rtnl_tc_set_ifindex(TC_CAST(qdisc.get()), device);
  rtnl_tc_set_parent(TC_CAST(qdisc.get()), TC_H_ROOT);
  return qdisc;
}

/// What libnl has no call for (the chain of losses) or builds too long a message with (a table): attributes
/// at the end of TCA_OPTIONS, which is the message's last.
void append_rest(nl_msg* message, const NetemPlan& plan) {
  nlattr* options = nlmsg_find_attr(nlmsg_hdr(message), sizeof(tcmsg), TCA_OPTIONS);
  RIVEN_CHECK(options != nullptr, "a netem message without options");
  if (!plan.table.empty()) {
    const size_t bytes = plan.table.size() * sizeof(int16_t);
    RIVEN_CHECK(nla_put(message, TCA_NETEM_DELAY_DIST, static_cast<int>(bytes), plan.table.data()) == 0,
                "a netem message is too long");
  }
  if (plan.begin_losses > 0) {
    const tc_netem_gemodel chain{plan.begin_losses, plan.end_losses, 0, 0};
    nlattr* losses = nla_nest_start(message, TCA_NETEM_LOSS);
    RIVEN_CHECK(losses != nullptr && nla_put(message, NETEM_LOSS_GE, sizeof chain, &chain) == 0,
                "a netem message is too long");
    nla_nest_end(message, losses);
  }
  const auto* end = static_cast<const char*>(nlmsg_tail(nlmsg_hdr(message)));
  options->nla_len = static_cast<uint16_t>(end - reinterpret_cast<const char*>(options));
}

Error failed(int code) { return Error{std::string("netem: ") + nl_geterror(code)}; }

}  // namespace

Result<NetemPlan> netem_plan(const LinkOptions& options) {
  // Where a packet has been received already, nothing looks at its checksum once more: the damage would reach
  // programs.
  if (options.corrupt > 0) return Error{"netem on the receiver's side would damage behind the checksums"};
  if (options.rate_bps > 0) return Error{"netem's rate has no queue of one second"};
  if (options.duplicate > 0 && options.loss > 0) {
    return Error{"netem loses no packet of those that it doubles"};
  }
  const bool pareto = options.distribution == LinkOptions::Distribution::pareto;
  const int64_t jitter_us = options.jitter_ns / 1000 * (pareto ? kParetoWidth : 1);
  if (jitter_us > kLongestSpreadUs) return Error{"netem's jitter is not so wide"};
  NetemPlan plan;
  plan.delay_us = static_cast<int>(options.delay_ns / 1000);
  plan.jitter_us = static_cast<int>(jitter_us);
  if (jitter_us > 0) plan.table = table_of(options.distribution);
  if (options.loss_correlation == 0) {
    plan.loss = of_all(options.loss);
  } else {
    const LossChain chain = loss_chain(options);
    plan.begin_losses = of_all(chain.begin);
    plan.end_losses = of_all(chain.end);
  }
  plan.duplicate = of_all(options.duplicate);
  plan.reorder = of_all(options.reorder);
  return plan;
}

Status add_netem(nl_sock* socket, int device, const NetemPlan& plan) {
  const Qdisc qdisc = root_of(device);
  rtnl_qdisc* const netem = qdisc.get();
  if (const int code = rtnl_tc_set_kind(TC_CAST(netem), "netem"); code < 0) return failed(code);
  const auto share = [](uint32_t of_all_packets) { return static_cast<int>(of_all_packets); };
  rtnl_netem_set_limit(netem, kMostHeldPackets);
  if (plan.delay_us > 0) rtnl_netem_set_delay(netem, plan.delay_us);
  if (plan.jitter_us > 0) rtnl_netem_set_jitter(netem, plan.jitter_us);
  if (plan.loss > 0) rtnl_netem_set_loss(netem, share(plan.loss));
  if (plan.duplicate > 0) rtnl_netem_set_duplicate(netem, share(plan.duplicate));
  if (plan.reorder > 0) {
    rtnl_netem_set_reorder_probability(netem, share(plan.reorder));
    rtnl_netem_set_gap(netem, 1);
  }
  // A table is longer than the messages that libnl makes unless it is told.
  nl_msg* message = nullptr;
  nlmsg_set_default_size(kMessageBytes);
  const int built = rtnl_qdisc_build_add_request(netem, NLM_F_CREATE | NLM_F_EXCL, &message);
  nlmsg_set_default_size(4096);
  if (built < 0) return failed(built);
  append_rest(message, plan);
  const int code = nl_send_sync(socket, message);
  return code < 0 ? Status(failed(code)) : ok_status();
}

Result<NetemCounts> netem_counts(nl_sock* socket, int device) {
  nl_cache* all = nullptr;
  if (const int code = rtnl_qdisc_alloc_cache(socket, &all); code < 0) return failed(code);
  const Qdisc qdisc(rtnl_qdisc_get_by_parent(all, device, TC_H_ROOT));
  Result<NetemCounts> counts = Error{"the device has no netem"};
  const char* const kind = qdisc == nullptr ? nullptr : rtnl_tc_get_kind(TC_CAST(qdisc.get()));
  if (kind != nullptr && std::string(kind) == "netem") {
    const auto stat = [&](rtnl_tc_stat which) { return rtnl_tc_get_stat(TC_CAST(qdisc.get()), which); };
    counts =
        NetemCounts{stat(RTNL_TC_PACKETS), stat(RTNL_TC_DROPS), stat(RTNL_TC_QLEN), stat(RTNL_TC_REQUEUES)};
  }
  nl_cache_free(all);
  return counts;
}

}  // namespace riven::agent
