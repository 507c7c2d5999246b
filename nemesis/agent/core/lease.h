// The controller's promise to be there, and what becomes of it.
#pragma once

#include <cstdint>

namespace riven::agent {

/// live -> (not renewed for `length`) lapsed -> (for another `grace`) over. A renewal makes it live again
/// until it is over. The owner heals everything when it lapses and ends when it is over. Plain state; times
/// are nanoseconds on one monotonic clock that the caller reads.
class Lease {
 public:
  enum class State : uint8_t { live, lapsed, over };

  Lease(int64_t length_ns, int64_t grace_ns, int64_t now_ns)
      : length_ns_(length_ns), grace_ns_(grace_ns), renewed_ns_(now_ns) {}

  void renew(int64_t now_ns) {
    if (state(now_ns) != State::over && now_ns > renewed_ns_) renewed_ns_ = now_ns;
  }
  State state(int64_t now_ns) const {
    if (now_ns - renewed_ns_ < length_ns_) return State::live;
    return now_ns - renewed_ns_ - length_ns_ < grace_ns_ ? State::lapsed : State::over;
  }
  /// When the state changes next if nothing renews it.
  int64_t next_change_ns(int64_t now_ns) const {
    return renewed_ns_ + length_ns_ + (state(now_ns) == State::live ? 0 : grace_ns_);
  }

 private:
  int64_t length_ns_;
  int64_t grace_ns_;
  int64_t renewed_ns_;
};

}  // namespace riven::agent
