// Whether the run tested anything: a valid verdict over a test that did nothing is worth nothing.
#pragma once

#include "harness/api/checker.h"
#include "harness/core/fault_windows.h"

namespace riven::checkers {

struct VacuityOptions {
  std::vector<PlotSpan> spans;  ///< how faults are recognised; others follow their names (fault_windows.h)
  /// A window's demand: each function must reach this share of the successes that its rate over the whole run
  /// gives for the window's length less `grace_ns`, rounded down (so rare functions and short windows demand
  /// nothing) ...
  double share = 0.05;
  uint64_t cap = 10;  ///< ... and never more than this many.
  int64_t grace_ns =
      3'000'000'000;  ///< time an election or fail-over may take before operations must succeed
  /// A shorter window may pass in one long election, or in several, without a success; only when most windows
  /// of its fault did is that too few.
  int64_t patience_ns = 10'000'000'000;
  int64_t shortest_ns =
      1'000'000'000;  ///< windows shorter than this need no proof of their own, only of their kind
  /// Faults that must have begun at least once (names of spans or functions).
  std::vector<std::string> expected = {};
};

/// In a window of a fault that may stop every node (PlotSpan::stops_nodes), or that says what it `killed`
/// when it began, no success is demanded. `unknown` with a reason that begins with "vacuous:" when no client
/// operation succeeded, when none did at the end for longer than `patience_ns` (or half the run, where that
/// is less) with no fault in force, when a fault window of `patience_ns` or more, or most of the shorter ones
/// of a fault, saw too few successes of a function or of all together, when a fault could not be applied, is
/// proved to have had no effect
/// (`took_effect` false, or nothing dropped and `took_effect` not true) or, if expected, never began or was
/// never proved; otherwise `valid`. Of windows that other faults overlapped one of each fault must have taken
/// effect. Never `invalid`. A success counts for a window when it was invoked and completed inside; a
/// function that was not yet or no longer used is not demanded. `details`: {ok: {f: count}, windows: [{fault,
/// begin_s, end_s, ended, judged, ok: {f: count}, demanded: {f: count}, took_effect, dropped}] (the first
/// 1,000), windows_left_out, complaints: [sentence]}. O(entries x faults in force at once).
CheckerPtr vacuity_checker(VacuityOptions options = {});

}  // namespace riven::checkers
