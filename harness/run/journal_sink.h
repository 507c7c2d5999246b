// The journal as the scheduler's sink.
#pragma once

#include <cstdint>

#include "harness/core/clock.h"
#include "harness/history/journal.h"
#include "harness/run/lock_holders.h"
#include "harness/run/scheduler.h"

namespace riven {

/// Appends to a journal, and notes when clients began and ended and, where `holders` is not null, who holds a
/// lock. Borrows both, which live as long as the run. Used by the scheduler's thread.
class JournalSink final : public EntrySink {
 public:
  explicit JournalSink(JournalWriter& journal, LockHolders* holders = nullptr)
      : journal_(journal), holders_(holders) {}

  Status append(const Op& op) override {
    if (op.process >= 0) {
      last_ns_ = monotonic_now_ns();
      if (first_ns_ == 0) first_ns_ = last_ns_;
      if (holders_ != nullptr) holders_->note(op);
    }
    return journal_.append(op);
  }
  /// On monotonic_now_ns(); 0 before a client's first operation.
  int64_t first_ns() const { return first_ns_; }
  int64_t last_ns() const { return last_ns_; }

 private:
  JournalWriter& journal_;
  LockHolders* holders_;
  int64_t first_ns_ = 0;
  int64_t last_ns_ = 0;
};

}  // namespace riven
