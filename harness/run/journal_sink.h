// The journal as the scheduler's sink.
#pragma once

#include "harness/history/journal.h"
#include "harness/run/scheduler.h"

namespace riven {

/// Appends to a journal. Borrowed; lives as long as the run.
class JournalSink final : public EntrySink {
 public:
  explicit JournalSink(JournalWriter& journal) : journal_(journal) {}
  Status append(const Op& op) override { return journal_.append(op); }

 private:
  JournalWriter& journal_;
};

}  // namespace riven
