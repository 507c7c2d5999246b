// The journal as the scheduler's sink.
#pragma once

#include <cstdint>
#include <utility>

#include "harness/api/node_groups.h"
#include "harness/core/clock.h"
#include "harness/history/journal.h"
#include "harness/run/scheduler.h"

namespace riven {

/// Appends to a journal, notes when clients began and ended, and shows each entry of a client to the
/// observers. Borrows the journal, which lives as long as the run. Used by the scheduler's thread.
class JournalSink final : public EntrySink {
 public:
  explicit JournalSink(JournalWriter& journal, NodeGroups observers = {})
      : journal_(journal), observers_(std::move(observers)) {}

  Status append(const Op& op) override {
    if (op.process >= 0) {
      last_ns_ = monotonic_now_ns();
      if (first_ns_ == 0) first_ns_ = last_ns_;
    }
    Status appended = journal_.append(op);
    if (op.process >= 0) {
      for (const auto& [word, observer] : observers_) observer->note(op);
    }
    return appended;
  }
  /// On monotonic_now_ns(); 0 before a client's first operation.
  int64_t first_ns() const { return first_ns_; }
  int64_t last_ns() const { return last_ns_; }

 private:
  JournalWriter& journal_;
  NodeGroups observers_;
  int64_t first_ns_ = 0;
  int64_t last_ns_ = 0;
};

}  // namespace riven
