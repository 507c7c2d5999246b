// What a person and a machine read of a run: pure functions from a run's facts to text. They read no clock,
// no file and no environment, so the same input gives the same bytes. Thread-safe.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "harness/api/checker.h"
#include "harness/core/fault_windows.h"
#include "harness/core/history.h"
#include "harness/core/json.h"

namespace riven {

/// Everything known of a run besides its history and results: from test.json, or from the options of `check`.
struct RunInfo {
  std::string name;  ///< of the test; `check`: the file's name
  std::string workload;
  std::string database;  ///< empty: a history from elsewhere
  std::string model;
  std::string guessed;  ///< the model again, where the history told it and nobody named it
  uint64_t seed = 0;
  std::vector<std::string> nodes;
  std::vector<std::string> faults;
  int64_t started_unix_s = 0;  ///< 0: unknown
  int64_t duration_ns = 0;     ///< 0: taken from the history
  /// Client threads, to tell a process's node: thread = process mod concurrency, node = thread mod nodes. 0:
  /// unknown.
  uint64_t concurrency = 0;
  std::string rerun_line;                       ///< the exact line to run it again
  std::string version;                          ///< of Riven
  std::map<std::string, std::string> versions;  ///< compiler, database, kernel, ...
  std::string directory;                        ///< the run's folder, as a person would type it; may be empty
  std::string report_path;              ///< of report.html; empty: `directory`/report.html where there is one
  bool reported = true;                 ///< false: report.html could not be written
  std::vector<std::string> complaints;  ///< teardown or log trouble that cost no verdict
  std::vector<PlotSpan> spans;          ///< how faults are recognised and drawn
  Json options = Json::object();        ///< every option of the run, for the record
};

struct RunResults {
  Verdict verdict = Verdict::unknown;
  std::string reason;  ///< one sentence; empty: taken from the worst check
  std::vector<CheckResult> checks;
  int64_t read_ms = 0;
  int64_t check_ms = 0;
  uint64_t peak_rss_bytes = 0;
};

/// Sets verdict and reason from the checks: the worst verdict, and the reason of the first check that has it
/// (for a valid run rather one that judges than one that counts), with the check's name before it unless it
/// begins with "vacuous:".
void summarize(RunResults& results);

/// results.json; schema in results/README.md. Fixed words: verdict, checks[{name, verdict, reason,
/// anomalies[{type, count}]}], timing{read_ms, check_ms}, peak_rss_bytes.
Json results_json(const RunInfo& info, const RunResults& results);

/// junit.xml: one suite, one case a check. Invalid is a <failure>, unknown an <error>.
std::string junit_xml(const RunInfo& info, const RunResults& results);

/// report.html: one self-contained page. Bounded in size whatever the history's; O(entries) for the fault
/// timeline.
std::string html_report(const RunInfo& info, const History& history, const RunResults& results);

struct TerminalStyle {
  bool color = false;  ///< ANSI colours: only on a terminal
  bool utf8 = false;   ///< else plain ASCII
  int width = 80;      ///< columns; lines that are no path and no command are wrapped to it
};

/// The last words of a run on a terminal: verdict first, the report's path last. Ends with a newline.
std::string terminal_summary(const RunInfo& info, const History& history, const RunResults& results,
                             const TerminalStyle& style);

}  // namespace riven
