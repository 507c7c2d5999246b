// Who carries operations out, and whose clock it is.
#pragma once

#include <cstdint>
#include <vector>

#include "harness/core/op.h"
#include "harness/generator/thread_set.h"

namespace riven {

/// What became of the operation that a thread had.
struct Completion {
  Thread thread = 0;
  OpType type = OpType::info;
  Value value;  ///< for ok, and for the nemesis; else the invocation's is kept
  Value error;
  bool keeps_value = true;  ///< take the invocation's value
};

/// Carries out at most one operation a thread. Driven by one scheduler thread, which is the only caller.
class Executor {
 public:
  virtual ~Executor() = default;
  /// Since the executor was made; never decreases.
  virtual int64_t now_ns() = 0;
  /// Gives `op` to `thread`, which has none. It should complete by `deadline_ns` (same clock as now_ns). Does
  /// not block.
  virtual void dispatch(Thread thread, const Op& op, int64_t deadline_ns) = 0;
  /// Appends what has completed to `out`; does not block.
  virtual void collect(std::vector<Completion>& out) = 0;
  /// Returns when something completed, or at `until_ns` at the latest; may return early.
  virtual void wait_until(int64_t until_ns) = 0;
  /// Gives up the operation of `thread`: cancels it and frees the thread for another. False: it has just
  /// completed and collect() has it. After true, its answer is never seen.
  virtual bool abandon(Thread thread) = 0;
};

}  // namespace riven
