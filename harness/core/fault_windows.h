// When faults were in force, read from a history alone: shared by the checkers and the report.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "harness/core/history.h"

namespace riven {

/// How a fault is recognised in a history, drawn and judged.
struct PlotSpan {
  std::string name = {};
  std::string color = {};                ///< #rrggbb; empty: one of a palette
  std::vector<std::string> starts = {};  ///< functions that begin the fault
  std::vector<std::string> stops = {};   ///< functions that end it
  bool stops_nodes = false;              ///< it may stop every node: no operation needs to succeed meanwhile
};

/// One span of time in which a fault was in force.
struct FaultWindow {
  std::string name;   ///< of the PlotSpan
  std::string color;  ///< #rrggbb
  bool stops_nodes = false;
  int64_t begin_ns = 0;  ///< completion of the operation that began it (its invocation while that is pending)
  int64_t end_ns = 0;    ///< invocation of the operation that ended it; the last time of the history if none
  bool ended = false;    ///< whether an operation ended it; one that failed did not
  uint32_t start_entry = History::kNone;  ///< the invocation that began it
  uint32_t stop_entry = History::kNone;   ///< the invocation that ended it
  std::string error;                      ///< why it could not be applied; empty: it was
  std::string stop_error;                 ///< why the last attempt to end it failed; empty: none did
  std::string target;                     ///< what the start's completion says was done, as EDN, shortened
  std::optional<bool> took_effect;  ///< `took_effect` in the completion that ended it (`bit` in old journals)
  std::optional<int64_t> dropped;   ///< packets its rules dropped, summed over nodes, where counted

  double seconds() const { return (static_cast<double>(end_ns) - static_cast<double>(begin_ns)) / 1e9; }
  /// True: it took effect; false: proof that it did not; nullopt: nobody counted.
  std::optional<bool> proof() const;
};

/// A nemesis operation that neither begins nor ends a fault (a one-shot: bump-clock, compact, ...).
struct FaultMark {
  std::string name;  ///< its function
  int64_t time_ns = 0;
  uint32_t entry = History::kNone;  ///< its invocation
  std::string error;
};

struct FaultTimeline {
  std::vector<FaultWindow> windows;  ///< by begin, then by start_entry
  std::vector<FaultMark> marks;      ///< by time
};

/// Reads the nemesis entries of `history`. A function in a span's `starts` begins it, one in `stops` ends it.
/// Functions in no span follow their names, as Jepsen's do: `start-X` begins X and `stop-X` (or `heal-X`)
/// ends it; `kill` ends by `start`, `pause` by `resume` (both may stop every node), and `start` with no kill
/// open begins the fault "fault", which `stop` ends; but in a history that has the function `start-stopped`,
/// `stop` begins the fault "stop" and that ends it; `heal` ends every window. A second start while a span is
/// open belongs to the open window; one whose completion says `skipped` begins nothing. O(entries),
/// deterministic.
FaultTimeline fault_timeline(const History& history, const std::vector<PlotSpan>& spans = {});

/// What the value of an operation that ended a fault proves; see FaultWindow::proof.
std::optional<bool> proof_in(const Value& ended);

}  // namespace riven
