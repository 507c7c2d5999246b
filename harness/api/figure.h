// Figures as typed data: what a checker has to show. harness/report draws them; another front end can draw
// them from the same data.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "harness/core/fault_windows.h"

namespace riven {

/// How an operation ended; `pending`: it never completed.
enum class Ending : uint8_t { ok, fail, info, pending };
inline constexpr size_t kEndings = 4;
inline constexpr std::array<Ending, kEndings> kAllEndings = {Ending::ok, Ending::fail, Ending::info,
                                                             Ending::pending};
constexpr std::string_view to_text(Ending ending) {
  switch (ending) {
    case Ending::ok:
      return "ok";
    case Ending::fail:
      return "fail";
    case Ending::info:
      return "info";
    case Ending::pending:
      return "pending";
  }
  return "?";
}

/// `count` operations at one place of a panel. `at_s`: seconds since TimeFigure::begin_ns.
struct Mark {
  double at_s = 0;
  double value = 0;
  uint64_t count = 1;
};

/// Operations of one ending. Each mark stands for a cell of `width_s` seconds by `octaves` factors of two;
/// `merged`: the cells are wider than the history's own, so that marks would touch.
struct MarkSeries {
  Ending ending = Ending::ok;
  double width_s = 0;
  double octaves = 0;
  bool merged = false;
  std::vector<Mark> marks;
};

/// A line over time with gaps (nullopt) where nothing was measured.
struct LineSeries {
  enum class Style : uint8_t { solid, dashed, dotted };
  std::string name;
  Style style = Style::solid;
  std::vector<std::optional<Mark>> points;
};

/// One value for each window of the figure, constant within it.
struct StepSeries {
  Ending ending = Ending::ok;
  std::vector<double> values;
};

/// One panel of a TimeFigure. All strings are plain text.
struct Panel {
  std::string title;
  std::string note;
  std::vector<MarkSeries> marks;
  std::vector<LineSeries> lines;
  std::vector<StepSeries> steps;
  /// What happened in each window; empty text: nothing to say.
  std::vector<std::string> window_notes;
};

/// Panels over a common time axis, with the faults in force: latency, rate, staleness, ...
struct TimeFigure {
  enum class Scale : uint8_t {
    linear,               ///< values are numbers; the axis begins at 0
    logarithmic_duration  ///< values are nanoseconds; `low` and `high` are log10 of them
  };
  std::string description;  ///< what the figure shows, for those who cannot see it
  std::string note;
  std::string value_name;  ///< of the value axis
  Scale scale = Scale::linear;
  double low = 0;
  double high = 1;
  int64_t begin_ns = 0;  ///< left edge, in the history's time
  double seconds = 0;    ///< width of the time axis, above 0
  double window_s = 0;   ///< length of a window
  size_t windows = 0;
  FaultTimeline faults;
  std::vector<Panel> panels;
};

/// Where a figure is not `timed`, because the history has no times or a clock stepped back, an entry's place
/// in the history stands for its time, so much for each.
inline constexpr int64_t kPlaceNs = 1'000'000;

/// One operation as a bar. Times are the history's.
struct LaneOperation {
  uint32_t lane = 0;
  int64_t begin_ns = 0;
  std::optional<int64_t> end_ns;  ///< nullopt: it crashed, and may take effect at any later time
  std::string name;               ///< "read 3 by process 5"
  bool in_conflict = false;
  bool impossible_next = false;  ///< the longest partial linearization cannot be continued with it
  uint64_t step = 0;             ///< its place in the longest partial linearization, from 1; 0: not in it
  int64_t point_ns = 0;          ///< when it took effect, for step > 0
  std::string state;             ///< after it, or before it where impossible_next
};

/// Operations around a failure, a lane for each process, with the longest partial linearization.
struct LanesFigure {
  bool timed = true;
  std::string sentence;
  std::string facts;
  int64_t failure_ns = 0;
  std::vector<std::string> lanes;
  std::vector<LaneOperation> operations;
};

/// A cycle of transactions: an edge leads from each to the next, and from the last to the first.
struct CycleFigure {
  struct Transaction {
    std::string title;                          ///< "T1  process 3, index 12"
    std::string name;                           ///< "T1"
    std::vector<std::string> micro_operations;  ///< those that make the edges
    bool committed = true;                      ///< false: its client does not know its outcome
    int64_t begin_ns = 0;
    std::optional<int64_t> end_ns;
    std::string edge;    ///< to the next: ww, wr, wrp, rw, rwp, process or realtime
    std::string reason;  ///< why it comes before the next, one sentence
  };
  bool timed = true;
  std::vector<Transaction> transactions;
  size_t left_out = 0;  ///< more than zero: the cycle is too long to draw, and has this many transactions
};

/// Something to show in the report. `id` is unique in a result; it prefixes every id on the page.
struct Figure {
  std::string id;
  std::string title;
  std::variant<TimeFigure, LanesFigure, CycleFigure> content;
};

}  // namespace riven
