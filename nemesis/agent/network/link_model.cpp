#include "nemesis/agent/network/link_model.h"

#include <algorithm>
#include <cmath>

#include "harness/core/clock.h"
#include "harness/core/json_fields.h"

namespace riven::agent {
namespace {

constexpr int64_t kLongestUs = 60'000'000;
/// What a rate limit lets wait before it drops: a queue of so much time, as a router's would be.
constexpr int64_t kLongestQueueNs = kNanosPerSecond;

}  // namespace

Result<LinkOptions> link_options_from(const Json& params) {
  LinkOptions options;
  for (const auto& [key, field] :
       {std::pair<const char*, int64_t*>{"delay_us", &options.delay_ns}, {"jitter_us", &options.jitter_ns}}) {
    const int64_t us = integer_of(params, key);
    if (us < 0 || us > kLongestUs) return Error{std::string(key) + " must be 0 to 60000000"};
    *field = us * 1000;
  }
  for (const auto& [key, field] : {std::pair<const char*, uint32_t*>{"loss_per_million", &options.loss},
                                   {"loss_correlation_per_million", &options.loss_correlation},
                                   {"duplicate_per_million", &options.duplicate},
                                   {"corrupt_per_million", &options.corrupt},
                                   {"reorder_per_million", &options.reorder}}) {
    const int64_t share = integer_of(params, key);
    if (share < 0 || share > 1'000'000) return Error{std::string(key) + " must be 0 to 1000000"};
    *field = static_cast<uint32_t>(share);
  }
  const int64_t rate = integer_of(params, "rate_bps");
  if (rate < 0) return Error{"rate_bps must not be negative"};
  options.rate_bps = static_cast<uint64_t>(rate);
  const std::string distribution = text_of(params, "distribution", "normal");
  if (distribution == "uniform") {
    options.distribution = LinkOptions::Distribution::uniform;
  } else if (distribution == "pareto") {
    options.distribution = LinkOptions::Distribution::pareto;
  } else if (distribution != "normal") {
    return Error{"distribution must be uniform, normal or pareto, not " + distribution};
  }
  if (options.loss_correlation > 0 && options.loss == 0) return Error{"loss_correlation needs a loss"};
  if (options.loss_correlation == 1'000'000) return Error{"loss_correlation must be below 1000000"};
  if (options.reorder > 0 && options.delay_ns == 0) return Error{"reorder needs a delay to overtake"};
  if (options.delay_ns == 0 && options.jitter_ns == 0 && options.loss == 0 && options.duplicate == 0 &&
      options.corrupt == 0 && options.rate_bps == 0) {
    return Error{"a link fault that changes nothing"};
  }
  return options;
}

LossChain loss_chain(const LinkOptions& options) {
  const double loss = options.loss / 1e6, other = 1 - options.loss_correlation / 1e6;
  return {other * loss * 1e6, other * (1 - loss) * 1e6};
}

bool LinkModel::draw_loss() {
  if (options_.loss_correlation == 0) return share(options_.loss);
  const LossChain chain = loss_chain(options_);
  const bool lost = in_losses_;
  const double change = lost ? chain.end : chain.begin;
  if (rng_.unit() * 1e6 < change) in_losses_ = !in_losses_;
  return lost;
}

int64_t LinkModel::draw_delay() {
  const auto jitter = static_cast<double>(options_.jitter_ns);
  double offset = 0;
  if (options_.jitter_ns > 0) {
    switch (options_.distribution) {
      case LinkOptions::Distribution::uniform:
        offset = (2 * rng_.unit() - 1) * jitter;
        break;
      case LinkOptions::Distribution::normal: {
        // Box and Muller 1958.
        const double radius = std::sqrt(-2 * std::log(1 - rng_.unit()));
        offset = radius * std::cos(6.283185307179586 * rng_.unit()) * jitter;
        break;
      }
      case LinkOptions::Distribution::pareto:
        // Lomax with shape 3: never early, a long tail, mean jitter / 2.
        offset = (std::pow(1 - rng_.unit(), -1.0 / 3) - 1) * jitter;
        break;
    }
  }
  return std::max<int64_t>(0, options_.delay_ns + std::llround(offset));
}

PacketFate LinkModel::next(int64_t now_ns, uint32_t size_bytes) {
  PacketFate fate;
  fate.release_ns = now_ns;
  fate.lost = draw_loss();
  if (fate.lost) return fate;
  if (options_.rate_bps > 0) {
    const int64_t begin_ns = std::max(line_free_ns_, now_ns);
    if (begin_ns - now_ns > kLongestQueueNs) {
      fate.lost = true;
      return fate;
    }
    line_free_ns_ =
        begin_ns + static_cast<int64_t>(uint64_t{size_bytes} * 8 * 1'000'000'000 / options_.rate_bps);
    fate.release_ns = line_free_ns_;
  }
  fate.corrupted = share(options_.corrupt);
  fate.duplicated = share(options_.duplicate);
  fate.copy_release_ns = fate.release_ns;
  if (!share(options_.reorder)) fate.release_ns += draw_delay();
  if (fate.duplicated && !share(options_.reorder)) fate.copy_release_ns += draw_delay();
  return fate;
}

std::pair<uint32_t, uint8_t> LinkModel::flip(uint32_t size, uint32_t spared) {
  return {spared + static_cast<uint32_t>(rng_.below(size - spared)), static_cast<uint8_t>(rng_.below(8))};
}

}  // namespace riven::agent
