// Clients of a database under test.
#pragma once

#include <memory>

#include "harness/core/op.h"
#include "harness/core/outcome.h"

namespace riven {

/// One connection, used by one thread. An operation must end within its deadline; what it cannot know is
/// Outcome::unknown. A throw counts as unknown. After `unknown` the client is destroyed and a fresh one
/// connected.
class Client {
 public:
  virtual ~Client() = default;
  /// `deadline_ns` is on monotonic_now_ns().
  virtual Outcome invoke(const Op& op, int64_t deadline_ns) = 0;
  /// May be called from another thread while invoke runs, once: make it return soon (shut the socket down).
  virtual void cancel() noexcept {}
};

}  // namespace riven
