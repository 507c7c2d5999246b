// Link options as the kernel's sch_netem takes them: which it does exactly as link_model.h says, and how it
// is told.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "harness/core/json.h"
#include "harness/core/result.h"
#include "nemesis/agent/network/link_model.h"

struct nl_sock;

namespace riven::agent {

/// Shares are of 2^32.
struct NetemPlan {
  int delay_us = 0;
  int jitter_us = 0;
  std::vector<int16_t>
      table;          ///< quantiles of the delay's offset, of 8192 for each jitter_us; empty: uniform
  uint32_t loss = 0;  ///< independent losses
  uint32_t begin_losses = 0, end_losses = 0;  ///< or a chain of two states
  uint32_t duplicate = 0;
  uint32_t reorder = 0;
};

/// Pure. Error: the option that netem does otherwise than the emulator, and in what.
Result<NetemPlan> netem_plan(const LinkOptions& options);

/// What a netem qdisc has done.
struct NetemCounts {
  uint64_t sent = 0;       ///< with doubles
  uint64_t dropped = 0;    ///< lost
  uint64_t waiting = 0;    ///< held now
  uint64_t reordered = 0;  ///< went on before their time
};

/// Makes it the root qdisc of the device, which must have none but the kernel's default.
Status add_netem(nl_sock* socket, int device, const NetemPlan& plan);
/// Of the device's root qdisc; error when that is no netem.
Result<NetemCounts> netem_counts(nl_sock* socket, int device);

}  // namespace riven::agent
