// What a bad link does to one packet after another: pure, seeded, tested without a network.
#pragma once

#include <cstdint>
#include <string>

#include "harness/core/json.h"
#include "harness/core/result.h"
#include "harness/core/rng.h"

namespace riven::agent {

/// Shares are per million of the packets. After netem's words: tc-netem(8).
struct LinkOptions {
  enum class Distribution : uint8_t { uniform, normal, pareto };
  int64_t delay_ns = 0;
  int64_t jitter_ns = 0;  ///< uniform: half the width; normal: sigma; pareto: scale of the tail (shape 3)
  Distribution distribution = Distribution::normal;
  uint32_t loss = 0;
  /// How much likelier than `loss` another loss right after one is: of the rest, so many per million. Losses
  /// are a chain of two states (Gilbert 1960); their share stays `loss`, runs of them are geometric.
  uint32_t loss_correlation = 0;
  uint32_t duplicate = 0;
  uint32_t corrupt = 0;
  uint32_t reorder = 0;   ///< so many skip the delay and overtake the others
  uint64_t rate_bps = 0;  ///< bits a second; 0: no limit
};

/// Errors name the field: a negative time, above 60 s; a share above a million; an unknown distribution; a
/// correlation of nothing or of all; all zero.
Result<LinkOptions> link_options_from(const Json& params);

/// Of a million packets: how many begin a run of losses when none was lost before, and how many end one.
struct LossChain {
  double begin = 0;
  double end = 0;
};
LossChain loss_chain(const LinkOptions& options);

/// What becomes of one packet.
struct PacketFate {
  bool lost = false;
  bool duplicated = false;
  bool corrupted = false;
  int64_t release_ns = 0;       ///< when it goes on; at once if not after now
  int64_t copy_release_ns = 0;  ///< the same for its double, which is late by a draw of its own
};

/// One direction of a link. Not thread-safe.
class LinkModel {
 public:
  LinkModel(const LinkOptions& options, uint64_t seed) : options_(options), rng_(seed) {}
  PacketFate next(int64_t now_ns, uint32_t size_bytes);
  /// A byte and a bit of a packet of `size` bytes to flip, behind its first `spared`; demands spared < size.
  std::pair<uint32_t, uint8_t> flip(uint32_t size, uint32_t spared);

 private:
  bool share(uint32_t per_million) { return per_million > 0 && rng_.below(1'000'000) < per_million; }
  bool draw_loss();
  int64_t draw_delay();
  LinkOptions options_;
  Rng rng_;
  bool in_losses_ = false;
  int64_t line_free_ns_ = 0;  // when the line has sent what was given to it
};

}  // namespace riven::agent
