// Keeps the clocks of a database's processes bent, those that come later too.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "harness/core/clock.h"
#include "harness/core/json.h"
#include "harness/core/result.h"
#include "nemesis/agent/clock/clock_patch.h"
#include "nemesis/agent/clock/clock_shape.h"
#include "nemesis/agent/clock/offset_series.h"
#include "nemesis/agent/process/process_table.h"

namespace riven::agent {

/// Who bends which clocks: one fault.
struct ClockOrder {
  std::string owner;
  std::string fault;
  std::vector<std::string> processes;  ///< names; their descendants belong to them
  ClockShape shape;
  bool watch_only = false;  ///< bends nothing; only tells the offset
};

/// A forked child of a bent process is bent from its first instruction on. A process that is started or runs
/// another program is found by looking: within a few milliseconds after any process was made on the node,
/// within 100 ms otherwise. Thread-safe. The destructor ends the following and leaves all hooks in place.
class ClockKeeper {
 public:
  explicit ClockKeeper(ClockOrder order) : order_(std::move(order)) {}
  ~ClockKeeper() { stop_following(); }
  ClockKeeper(const ClockKeeper&) = delete;
  ClockKeeper& operator=(const ClockKeeper&) = delete;

  /// Puts a hook, still plain, into every process there is. One of the same owner that is there already is
  /// used as it is. Errors: the clock of a process cannot be bent, or another owner does it.
  Status arm();
  /// Makes the setting current everywhere, without stopping anything, and begins to follow. What was really
  /// done.
  Json begin();
  void stop_following();
  /// Asks a process for its time and compares with what it should be. See clock_kind().
  Json observe();

 private:
  struct Sample {
    int64_t seen_ns = 0;    // how far its clock is from this node's
    int64_t wanted_ns = 0;  // how far it should be
    int64_t error_ns = 0;   // within which the moment of the reading is known
  };
  Status adopt(const ProcessId& id);
  void look_for_new();
  void follow();
  Result<Sample> sample();
  void note_down();
  std::optional<int64_t> setting_in_place(int64_t elapsed_ns) const;
  bool fits(const Sample& sample) const;
  HookBlock block() const;

  const ClockOrder order_;
  std::mutex mutex_;  // all below
  std::map<ProcessId, ClockTarget> targets_;
  std::map<ProcessId, int> failures_;
  std::string last_failure_;
  std::optional<int64_t> began_real_ns_;
  int64_t longest_stop_ns_ = 0;
  int64_t largest_seen_ns_ = 0;
  size_t threads_ = 0;
  size_t followed_ = 0;
  bool system_calls_ = false;
  OffsetSeries series_{64, 500 * kNanosPerMilli};  // since the beginning; the follower alone adds
  std::atomic<bool> stop_ = false;
  std::thread follower_;
};

/// Threads of these processes that wait, now, for a moment of the kernel's real-time clock: it comes when the
/// kernel's clock says so, whatever theirs says.
size_t absolute_waits(const std::vector<ProcessId>& processes);

}  // namespace riven::agent
