// Schedules of faults: files that say exactly when what happens. Read, bound to fault packages, and written
// by every run as faults.schedule.
//
//   # a comment
//   at 12s partition isolate n3 for 8s
//   at 25s kill minority for 5s
//   at 40s link nodes=n1,n2 delay-ms=80 for 10s
//   at 41.5s clock {"nodes":["n1"],"offset-ms":500}
//   at 60s heal clock
//
// `at TIME FAULT [WHAT...] [for TIME]`; times count from the run's beginning. WHAT is the value of the
// operation that begins the fault: a JSON value, or words. A lone word (or a lone first one before key=value)
// stands for the fault's main choice (FaultFactory::word); other words come in pairs, KEY VALUE or KEY=VALUE.
// A word with commas is a list, a number is a number, true and false are booleans. Without `for` a fault
// lasts until its `heal` line, or the end. FAULT/FUNCTION asks for another operation of the package than its
// first.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "harness/api/nemesis.h"
#include "harness/api/registry.h"
#include "harness/core/result.h"
#include "harness/run/lifecycle.h"
#include "nemesis/shared/timetable.h"

namespace riven {

struct ScheduledFault {
  size_t line = 0;  ///< in the file, from 1
  int64_t at_ns = 0;
  int64_t for_ns = -1;  ///< negative: until it is healed by another line, or the end
  bool heal = false;
  std::string fault;
  std::string function;  ///< empty: the package's first
  std::string word;      ///< a lone word; the key it belongs to is the factory's to know
  Value value;           ///< the rest: nil, or a map
};

struct FaultSchedule {
  std::string file;  ///< for messages
  std::vector<ScheduledFault> lines;
  /// Names of the faults, each once, sorted.
  std::vector<std::string> faults() const;
};

/// Errors: one line "FILE:LINE: what is wrong; what to do".
Result<FaultSchedule> parse_schedule(const std::string& text, const std::string& file);
Result<FaultSchedule> read_schedule(const std::string& file);
/// Replaces aliases of faults by their names; what is not known stays.
void use_current_names(FaultSchedule& schedule, const Registry& registry);

/// A package of a run and the factory that made it.
struct NamedPackage {
  const FaultFactory* factory = nullptr;
  const FaultPackage* package = nullptr;
};

/// The schedule as operations in order of time. `shape` has the nodes' names, so that what cannot be planned
/// is refused now; plans that ask the database or the workload (primaries, lock-holders) are left to the run.
/// Errors as above: a fault that is not among `packages`, a value that makes no sense, a fault begun while it
/// is in force, a line that begins after `time_limit_ns`.
Result<std::vector<ScheduledOp>> bind_schedule(const FaultSchedule& schedule,
                                               const std::vector<NamedPackage>& packages, FaultTarget shape,
                                               int64_t time_limit_ns);

/// Keeps what was done as a schedule. Not thread-safe.
class ScheduleLog {
 public:
  /// `head`: comment lines for the file's beginning, without '#'.
  explicit ScheduleLog(std::vector<std::string> head) : head_(std::move(head)) {}
  void note(const FaultStep& step, const PlotSpan& span);
  /// A schedule that parse_schedule reads: what was begun, with how long it lasted; what was not done is a
  /// comment. Times to the millisecond, where no two are within ten of each other.
  std::string text() const;

 private:
  struct Entry {
    FaultStep step;
    bool first_function = true;
    int64_t end_ns = -1;
  };
  int64_t precision_ns() const;
  std::vector<std::string> head_;
  std::vector<Entry> entries_;
};

}  // namespace riven
