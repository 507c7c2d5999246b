#include "harness/control/backoff.h"

#include <algorithm>

namespace riven {

Milliseconds Backoff::next() {
  Milliseconds pause = base_;
  for (int i = 0; i < tries_ && pause < cap_; ++i) pause *= 2;
  pause = std::min(pause, cap_);
  ++tries_;
  return Milliseconds(rng_.between((pause.count() + 1) / 2, pause.count()));
}

bool TokenBucket::take(TimePoint now) {
  if (const auto gained = (now - last_) / refill_; gained > 0) {
    tokens_ = static_cast<int>(std::min<int64_t>(capacity_, tokens_ + gained));
    last_ += refill_ * gained;
  }
  if (tokens_ == 0) return false;
  --tokens_;
  return true;
}

}  // namespace riven
