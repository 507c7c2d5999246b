#include <algorithm>
#include <map>

#include "harness/core/text.h"
#include "harness/report/report.h"
#include "harness/report/words.h"

namespace riven {
namespace {

constexpr size_t kSentencesShown = 4;  // of an anomaly
constexpr size_t kSentencesWhole = 6;  // a proof of so few steps is not cut
constexpr size_t kAnomaliesShown = 5;  // a check
constexpr size_t kLabelWidth = 12;

/// Columns that UTF-8 text takes, a character one.
size_t columns(std::string_view text) {
  return static_cast<size_t>(std::count_if(
      text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

class Screen {
 public:
  explicit Screen(const TerminalStyle& style)
      : style_(style), width_(static_cast<size_t>(std::clamp(style.width, 40, 200))) {}

  void blank() { out_ += "\n"; }

  /// `first` opens the first line, further lines are indented as far as it is wide (or by `indent`). A code
  /// is an ANSI attribute for `first`.
  void paragraph(const std::string& first, std::string_view text, const char* code = "", size_t indent = 0) {
    if (indent == 0) indent = columns(first);
    size_t used = columns(first);
    out_ += style_.color && *code != '\0' ? "\x1b[" + std::string(code) + "m" + first + "\x1b[0m" : first;
    bool fresh = true;
    const std::string clean = safe(text);
    for (size_t at = 0; at < clean.size();) {
      const size_t stop = std::min(clean.find(' ', at), clean.size());
      const std::string_view word = std::string_view(clean).substr(at, stop - at);
      at = stop + 1;
      if (word.empty()) continue;
      if (!fresh && used + 1 + columns(word) > width_) {
        out_ += "\n" + std::string(indent, ' ');
        used = indent;
      } else if (!fresh) {
        out_ += ' ';
        ++used;
      }
      out_ += word;
      used += columns(word);
      fresh = false;
    }
    out_ += "\n";
  }

  void labelled(const std::string& label, std::string_view text) { paragraph(padded(label), text, "2"); }
  /// Paths and commands are never wrapped: they are to be copied.
  void labelled_verbatim(const std::string& label, std::string_view text) {
    out_ += (style_.color ? "\x1b[2m" + padded(label) + "\x1b[0m" : padded(label)) + safe(text) + "\n";
  }

  void verbatim(std::string_view text) { out_ += safe(text) + "\n"; }

  std::string take() { return std::move(out_); }

 private:
  static std::string padded(const std::string& label) {
    return "  " + label + std::string(label.size() < kLabelWidth ? kLabelWidth - label.size() : 1, ' ');
  }

  /// Foreign text can neither move the cursor nor break a terminal that is not UTF-8.
  std::string safe(std::string_view text) const {
    std::string clean;
    for (const char c : valid_utf8(text)) {
      const auto byte = static_cast<unsigned char>(c);
      if (byte < 0x20 || byte == 0x7f)
        clean += ' ';
      else if (byte < 0x80 || style_.utf8)
        clean += c;
      else if ((byte & 0xc0) != 0x80)
        clean += '?';
    }
    if (!style_.utf8) return clean;
    // U+0080..U+009F are control characters too (a terminal may obey them).
    for (size_t at = clean.find('\xc2'); at != std::string::npos; at = clean.find('\xc2', at + 1))
      if (static_cast<unsigned char>(clean[at + 1]) < 0xa0) clean.replace(at, 2, " ");
    return clean;
  }

  const TerminalStyle& style_;
  const size_t width_;
  std::string out_;
};

struct VerdictLook {
  const char* word;
  const char* code;
};
VerdictLook look(Verdict verdict) {
  switch (verdict) {
    case Verdict::valid:
      return {"VALID", "1;32"};
    case Verdict::unknown:
      return {"UNKNOWN", "1;33"};
    case Verdict::invalid:
      return {"INVALID", "1;31"};
  }
  return {"UNKNOWN", "1;33"};
}

void evidence(Screen& screen, const CheckResult& check) {
  for (size_t a = 0; a < check.anomalies.size(); ++a) {
    const Anomaly& anomaly = check.anomalies[a];
    if (a == kAnomaliesShown) {
      screen.paragraph("    ", "and " + counted(check.anomalies.size() - a, "more kind") + " of anomaly");
      return;
    }
    screen.paragraph("  ", anomaly.type + " (" + counted(anomaly.count, "time") + ")");
    const size_t all = anomaly.sentences.size();
    const size_t shown = all <= kSentencesWhole ? all : kSentencesShown;
    for (size_t i = 0; i < shown; ++i) screen.paragraph("    - ", anomaly.sentences[i], "", 6);
    if (anomaly.sentences.size() > shown)
      screen.paragraph("    ",
                       "and " + std::to_string(anomaly.sentences.size() - shown) + " more in the report");
  }
}

std::string operations_text(const History& history) {
  uint64_t invoked = 0;
  uint64_t ended[4] = {};
  for (size_t i = 0; i < history.size(); ++i) {
    if (!history.is_client(i)) continue;
    if (history.type(i) == OpType::invoke) {
      ++invoked;
      if (history.pair(i) == History::kNone) ++ended[0];
    } else {
      ++ended[static_cast<size_t>(history.type(i))];
    }
  }
  const auto number = [&](OpType type) {
    return grouped(static_cast<int64_t>(ended[static_cast<size_t>(type)]));
  };
  return grouped(static_cast<int64_t>(invoked)) + ": " + number(OpType::ok) + " ok, " + number(OpType::fail) +
         " fail, " + number(OpType::info) + " info" +
         (ended[0] > 0 ? ", " + number(OpType::invoke) + " never completed" : "");
}

std::string faults_text(const FaultTimeline& timeline) {
  struct Kind {
    uint64_t windows = 0, without = 0;
    int64_t dropped = 0;
  };
  std::map<std::string, Kind> kinds;
  for (const FaultWindow& w : timeline.windows) {
    Kind& kind = kinds[w.name];
    ++kind.windows;
    kind.without += w.proof() == false || !w.error.empty() ? 1 : 0;
    int64_t sum = 0;
    kind.dropped = __builtin_add_overflow(kind.dropped, w.dropped.value_or(0), &sum) ? INT64_MAX : sum;
  }
  std::string text;
  for (const auto& [name, kind] : kinds) {
    text += (text.empty() ? "" : "; ") + name + " " + counted(kind.windows, "time");
    if (kind.dropped > 0) text += ", " + counted(static_cast<uint64_t>(kind.dropped), "packet") + " dropped";
    if (kind.without > 0) text += ", " + std::to_string(kind.without) + " without effect";
  }
  return text;
}

}  // namespace

std::string terminal_summary(const RunInfo& info, const History& history, const RunResults& results,
                             const TerminalStyle& style) {
  Screen screen(style);
  const VerdictLook verdict = look(results.verdict);
  const std::string guessed = info.guessed.empty() ? "" : "(guessed: " + info.guessed + ") ";
  screen.paragraph(std::string(verdict.word) + "  ", guessed + results.reason, verdict.code, 2);
  bool any = false;
  for (const CheckResult& check : results.checks) {
    if (check.anomalies.empty()) continue;
    if (!any) screen.blank();
    any = true;
    evidence(screen, check);
  }
  screen.blank();
  const std::string tested = report::subject(info);
  if (!tested.empty()) screen.labelled("tested", tested);
  const auto length_ns = report::duration_ns(info, history);
  screen.labelled("operations",
                  operations_text(history) + (length_ns ? " in " + duration_text(*length_ns) : ""));
  if (const std::string faults = faults_text(fault_timeline(history, info.spans)); !faults.empty())
    screen.labelled("faults", faults);
  std::string checks;
  for (const CheckResult& check : results.checks)
    checks += (checks.empty() ? "" : ", ") + check.name + " " + std::string(to_text(check.verdict));
  if (!checks.empty()) screen.labelled("checks", checks);
  for (const CheckResult& check : results.checks)
    if (check.verdict == Verdict::unknown && results.reason.find(check.reason) == std::string::npos)
      screen.labelled("unknown", check.name + ": " + check.reason);
  for (const std::string& complaint : info.complaints) screen.labelled("complaint", complaint);
  if (!info.rerun_line.empty()) screen.labelled_verbatim("run again", info.rerun_line);
  if (!info.directory.empty()) screen.labelled_verbatim("kept in", info.directory);
  if (const std::string path = report::report_path(info); !path.empty()) {
    screen.blank();
    screen.verbatim(path);
  }
  return screen.take();
}

}  // namespace riven
