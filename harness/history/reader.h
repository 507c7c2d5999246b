// Reads histories: Riven's own and foreign ones.
//
// Whatever the format, the result is a History whose entries are in real-time order: that of the file, or,
// where ReadOptions::order asks for it, that of their times. What is common to the text formats:
// - Fields are process, type, f, value, time, index and error. A field key (or k) makes the value a [key
// value]
//   pair, and all operations of clients have one or none has. Of others see ignored_fields. A missing index
//   is the position, and indices decide nothing. A missing time is that of the entry before, and the position
//   as long as no entry had a time. EDN and elle-cli's JSON may leave out process and f, as Elle's own
//   examples do: then they are 0 and txn.
// - A process is an integer from 0, or "nemesis" (kNemesis), or "nemesis-N" (-N). Any other name is a client:
// they are
//   numbered from 1,000,000,000 in the order of their appearance.
// - Values: integers of 64 bits are integers; larger ones, ratios and decimals that are no whole number are
//   strings of their digits (1/2 for 2/4, 1.5 for 1.50M); floats are reals; characters and symbols are
//   strings; of a tagged value the value is kept. Equal values become equal: maps and sets whatever their
//   order, at any depth; numbers as their format says. In JSON 1, 1.0 and 1e0 are one number, in EDN 1, 1N
//   and 1M are, and 1.0 is another. Of a key that a map has twice the last value counts, an element that a
//   set has twice is in it once: the first time is warned of.
//   Nesting beyond 60 is an error.
// - Independent keys are [key value] pairs, as Jepsen writes them.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "harness/core/history.h"
#include "harness/core/json.h"
#include "harness/core/result.h"
#include "harness/history/format.h"

namespace riven {

/// What says which event came first.
enum class EventOrder : uint8_t {
  file,  ///< the order of the lines, whatever their times
  time,  ///< the times, for logs merged from several clients; events of one time are concurrent
};

/// "file" or "time".
Result<EventOrder> parse_event_order(std::string_view name);

struct ReadOptions {
  Format format = Format::automatic;
  /// `time` needs a time for every operation. Riven's own journals, logs of Jepsen and the formats of
  /// sessions refuse it.
  EventOrder order = EventOrder::file;
  /// Fields that say nothing, in the text formats whose fields have names. Others, of clients, are an error
  /// where they may change what an operation means: in JSON all names that Riven does not know to be
  /// harmless, in EDN those known to mean something (table, session, result, ...); a warning names the rest.
  std::vector<std::string> ignored_fields{};
  /// Strict for journals, lenient for the others when not given; see HistoryBuilder::Pairing.
  std::optional<HistoryBuilder::Pairing> pairing{};
  unsigned threads = 0;  ///< for the large text formats; 0: all cores. The result does not depend on it.
  /// Values beyond an eighth of this go to a file without a name (in $TMPDIR or /var/tmp), so that a history
  /// may be larger than memory; 0: they never do. The result does not depend on it.
  uint64_t memory_bytes = 0;
};

/// How much there is of what was recorded.
enum class Extent : uint8_t {
  whole,
  beginning,  ///< all up to a moment, nothing of what came later: what contradicts a promise is no less wrong
  parts,      ///< entries are missing in between: what seems wrong may be right, and the other way round
};

struct ReadHistory {
  History history;
  Format format = Format::riven;  ///< never automatic
  Extent extent = Extent::whole;
  /// What was lost or odd, one line each: damaged parts of a journal, a last line cut short, ...
  std::vector<std::string> warnings{};
  /// A journal's metadata. "keyed": true where fields gave the keys. Formats without real time (plume, dbcop,
  /// cobra, awdit) set "no_realtime": true, and "initial_written": true where 0 is the initial value and is
  /// written, too.
  Json metadata = Json::object();
};

/// Reads the history at `path`: a file, "-" for standard input (text formats), or a directory (what a run
/// left, a Jepsen store directory, or Cobra's logs). Files are memory-mapped; they must not shrink meanwhile.
/// Errors are one line: file, line, what, what to do. A last line that is cut short is a warning; so is
/// damage to a journal as long as any block is intact.
Result<ReadHistory> read_history(const std::string& path, const ReadOptions& options = {});

/// The same from memory; `name` stands for the file in messages. Not for directories (cobra).
Result<ReadHistory> read_history_bytes(std::string_view bytes, const std::string& name,
                                       const ReadOptions& options = {});

}  // namespace riven
