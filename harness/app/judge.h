// From a history to results: picks the checkers and runs them within their budget.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "harness/api/registry.h"
#include "harness/api/workload.h"
#include "harness/core/history.h"
#include "harness/core/result.h"
#include "harness/history/reader.h"
#include "harness/report/report.h"

namespace riven {

struct JudgeOptions {
  std::string workload;  ///< empty: by the model, or by the functions in the history
  std::string model;     ///< empty: the workload's default
  std::map<std::string, std::string> checker_options{};  ///< engine, per-key, ...
  int64_t time_limit_ns = 600'000'000'000;               ///< for all checkers together
  uint64_t memory_bytes = 0;                             ///< for the whole process; 0: half of the machine's
  unsigned threads = 0;                                  ///< 0: all cores
  bool keyed = false;  ///< values are [key value] pairs for certain: fields of the history gave the keys
  bool no_realtime =
      false;  ///< the history's order of operations says nothing about real time across sessions
  bool initial_written = false;  ///< 0 is the initial value of registers, and is written, too
  bool of_a_run = false;  ///< also statistics, performance and vacuity, which count; else they only inform
  std::vector<PlotSpan> spans{};  ///< how faults are recognised; empty: by the names of functions
  bool informative =
      false;  ///< also statistics and performance, for a report; they do not change the verdict
};

struct PickedCheckers {
  std::vector<CheckerPtr> checkers;  ///< the main one first
  std::string guessed;               ///< the model, where nobody named it or a workload
  /// What to ask instead of saying `invalid`, where the guess is but the likeliest of several: see Guess.
  std::string question;
};

/// The checkers that `options` ask for. Errors: no such workload or model, options that do not go with it, or
/// nothing in the history tells what it is.
Result<PickedCheckers> pick_checkers(const Registry& registry, const History& history,
                                     const JudgeOptions& options);

/// Runs the checkers one after another (each uses all cores by itself). A checker that throws, or has no
/// memory, is `unknown` and says why; the others still run. Fills verdict, reason, checks and check_ms.
RunResults judge(const std::vector<CheckerPtr>& checkers, const History& history,
                 const JudgeOptions& options);

/// Takes back what the checks cannot know of a history that is not whole, and says so in a check of its own,
/// "history", that is unknown and comes first. Invalid stays so where only the end is missing. `why`: the
/// reason, where more is known than that something is missing.
void account_for_loss(Extent extent, const std::string& why, RunResults& results);

/// What the whole process may hold: `asked`, or half of the machine's where that is 0.
uint64_t memory_limit_bytes(uint64_t asked);

/// Bytes this process holds now, and the most it ever held.
uint64_t current_rss_bytes();
uint64_t peak_rss_bytes();

}  // namespace riven
