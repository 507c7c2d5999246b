#include "harness/report/sections.h"

#include <algorithm>

#include "harness/core/text.h"
#include "harness/report/markup.h"
#include "harness/report/words.h"

namespace riven::report {
namespace {

constexpr size_t kFaultRows = 200;
constexpr size_t kFaultRowsOpen = 12;
constexpr size_t kErrorRowsOpen = 12;
constexpr size_t kLaneWindows = 500;

std::string px(double v) { return fixed(v, 1); }

/// 1, 2 or 5 times a power of ten, at least `least`.
double tick_step(double least) {
  double decade = 1e-6;
  for (;; decade *= 10)
    for (const double factor : {1.0, 2.0, 5.0})
      if (decade * factor >= least) return decade * factor;
}

class Lanes {
 public:
  Lanes(const FaultTimeline& timeline, int64_t begin_ns, int64_t end_ns)
      : timeline_(timeline),
        begin_s_(static_cast<double>(begin_ns) / 1e9),
        length_s_(std::max(1e-3, static_cast<double>(end_ns) / 1e9 - begin_s_)) {
    for (const FaultWindow& w : timeline.windows) lane_of(w.name);
    for (const FaultMark& m : timeline.marks) lane_of(m.name);
  }

  std::string draw() {
    constexpr size_t kMostLanes = 20;
    const size_t lanes = std::min(names_.size(), kMostLanes);
    const double height = 10 + kLane * static_cast<double>(lanes) + 34;
    std::string svg = "<div class=\"scroll\"><svg class=\"lanes\" viewBox=\"0 0 960 " + px(height) +
                      "\" role=\"img\" aria-label=\"When each fault was in force\">";
    for (size_t l = 0; l < lanes; ++l)
      svg += "<text x=\"" + px(kLeft - 8) + "\" y=\"" + px(top(l) + 15) + "\" text-anchor=\"end\">" +
             escape_markup(shortened(names_[l], 18)) + "</text><path stroke=\"var(--line)\" d=\"M" +
             px(kLeft) + " " + px(top(l) + kLane - 1) + "H948\"/>";
    const double step = tick_step(length_s_ / 10);
    for (int i = 0; i * step <= length_s_ * 1.0001; ++i) {
      const double s = i * step;
      svg += "<path stroke=\"var(--line)\" opacity=\".6\" d=\"M" + px(x(s)) + " 8V" + px(height - 32) +
             "\"/><text x=\"" + px(x(s)) + "\" y=\"" + px(height - 18) + "\" text-anchor=\"middle\">" +
             fixed(s, step < 1 ? 2 : 0) + "</text>";
    }
    for (size_t i = 0; i < timeline_.windows.size() && i < kLaneWindows; ++i)
      if (lane_of(timeline_.windows[i].name) < lanes) svg += window(timeline_.windows[i]);
    for (size_t i = 0; i < timeline_.marks.size() && i < kLaneWindows; ++i)
      if (lane_of(timeline_.marks[i].name) < lanes) svg += mark(timeline_.marks[i]);
    return svg + "<text x=\"" + px(kLeft + kWidth / 2) + "\" y=\"" + px(height - 3) +
           "\" text-anchor=\"middle\">seconds since the run began</text></svg></div>";
  }

 private:
  static constexpr double kLane = 26;
  static constexpr double kLeft = 120;
  static constexpr double kWidth = 828;

  size_t lane_of(const std::string& name) {
    const auto found = std::find(names_.begin(), names_.end(), name);
    if (found != names_.end()) return static_cast<size_t>(found - names_.begin());
    names_.push_back(name);
    return names_.size() - 1;
  }
  static double top(size_t lane) { return 8 + kLane * static_cast<double>(lane); }
  double x(double since_begin_s) const {
    return kLeft + kWidth * std::clamp(since_begin_s / length_s_, 0.0, 1.0);
  }

  std::string window(const FaultWindow& w) {
    const double begin = static_cast<double>(w.begin_ns) / 1e9 - begin_s_;
    const double left = x(begin);
    const bool failed = !w.error.empty();
    const bool without = failed || w.proof() == false;
    const double width = failed ? 4 : std::max(2.0, x(begin + w.seconds()) - left);
    const std::string color = escape_markup(w.color);
    std::string told = w.name + ": " + moment_text(w.begin_ns) +
                       (failed ? "" : " to " + moment_text(w.end_ns)) + "\n" +
                       (failed ? "could not be applied: " + w.error : proof_text(w));
    if (!w.target.empty()) told += "\n" + w.target;
    return "<rect rx=\"3\" x=\"" + px(left) + "\" y=\"" + px(top(lane_of(w.name)) + 4) + "\" width=\"" +
           px(width) + "\" height=\"" + px(kLane - 9) + "\" stroke=\"" + color + "\" fill=\"" +
           (without ? "none" : color) + "\"" +
           (without ? " stroke-dasharray=\"3 2\"" : " fill-opacity=\".8\"") + "><title>" +
           escape_markup(told) + "</title></rect>";
  }

  std::string mark(const FaultMark& m) {
    const double at = x(static_cast<double>(m.time_ns) / 1e9 - begin_s_);
    const double middle = top(lane_of(m.name)) + kLane / 2;
    return "<path fill=\"" + std::string(m.error.empty() ? "var(--soft)" : "none") +
           "\" stroke=\"var(--soft)\" d=\"M" + px(at) + " " + px(middle - 6) + "l5 6l-5 6l-5-6z\"><title>" +
           escape_markup(m.name + " at " + moment_text(m.time_ns) +
                         (m.error.empty() ? "" : "\nfailed: " + m.error)) +
           "</title></path>";
  }

  const FaultTimeline& timeline_;
  const double begin_s_;
  const double length_s_;
  std::vector<std::string> names_;
};

std::string proof_html(const FaultWindow& w) {
  const std::string text = proof_text(w);
  const bool bad = !w.error.empty() || w.proof() == false;
  return element("span", bad ? "bad" : w.proof() == true ? "good" : "soft", text);
}

std::string number(const Json& object, const char* key) {
  const auto found = object.is_object() ? object.find(key) : object.end();
  return found != object.end() && found->is_integer() ? grouped(found->get<int64_t>()) : "";
}

uint64_t count_of(const Json& object, const char* key) {
  const auto found = object.is_object() ? object.find(key) : object.end();
  return found != object.end() && found->is_integer() ? found->get<uint64_t>() : 0;
}

/// Shares of ok, fail and info (with what never completed) as a bar.
std::string outcome_bar(const Json& counts) {
  const double all = std::max(1.0, static_cast<double>(count_of(counts, "count")));
  std::string html = "<div class=\"bar\" role=\"presentation\">";
  const auto part = [&](const char* color, uint64_t count) {
    if (count > 0)
      html += "<i style=\"width:" + fixed(100 * static_cast<double>(count) / all, 2) + "%;background:var(--" +
              color + ")\"></i>";
  };
  part("ok", count_of(counts, "ok"));
  part("fail", count_of(counts, "fail"));
  part("info", count_of(counts, "info") + count_of(counts, "pending"));
  return html + "</div>";
}

std::string latency(const Json* performance, const std::string& f, const char* key) {
  if (performance == nullptr) return "";
  const Json& measured = (*performance)["by_f"][f]["ok"][key];
  return measured.is_number() ? duration_text(static_cast<int64_t>(measured.get<double>() * 1e6)) : "";
}

std::string errors_html(const Json& details) {
  const auto errors = details.find("errors");
  if (errors == details.end() || !errors->is_array() || errors->empty()) return {};
  const auto fill = [&](size_t from, size_t to) {
    Table table({"!function", "!outcome", "error", "#times"});
    for (size_t i = from; i < to; ++i) {
      const Json& row = (*errors)[i];
      const std::string type = row.value("type", "");
      table.row({escape_markup(row.value("f", "")), element("span", "type " + escape_markup(type), type),
                 escape_markup(row.value("error", "")), number(row, "count")});
    }
    return table.html();
  };
  const size_t shown = std::min(errors->size(), kErrorRowsOpen);
  std::string html = "<h3>Errors</h3>" + fill(0, shown);
  if (errors->size() > shown)
    html += fold(counted(errors->size() - shown, "more kind") + " of error", fill(shown, errors->size()));
  if (const uint64_t left = count_of(details, "errors_left_out"); left > 0)
    html += "<p class=\"term\">" + counted(left, "rarer kind") + " not listed.</p>";
  return html;
}

std::string definition(const std::string& name, const std::string& html) {
  return html.empty() ? "" : element("dt", "", name) + "<dd>" + html + "</dd>";
}

}  // namespace

std::string faults_section(const FaultTimeline& timeline, int64_t begin_ns, int64_t end_ns) {
  if (timeline.windows.empty() && timeline.marks.empty()) return {};
  std::string html = Lanes(timeline, begin_ns, end_ns).draw();
  const auto fill = [&](size_t from, size_t to) {
    Table table({"!fault", "#from", "#to", "#length", "proof", "=what was done"});
    for (size_t i = from; i < to; ++i) {
      const FaultWindow& w = timeline.windows[i];
      table.row({"<i class=\"swatch\" style=\"background:" + escape_markup(w.color) + "\"></i>" +
                     escape_markup(w.name),
                 moment_text(w.begin_ns), w.ended ? moment_text(w.end_ns) : "never ended",
                 w.error.empty() ? duration_text(w.end_ns - w.begin_ns) : "", proof_html(w),
                 escape_markup(w.error.empty() ? w.target : w.error)});
    }
    return table.html();
  };
  const size_t kept = std::min(timeline.windows.size(), kFaultRows);
  const size_t shown = kept <= kFaultRowsOpen + 3 ? kept : kFaultRowsOpen;
  if (shown > 0) html += fill(0, shown);
  if (kept > shown) html += fold(counted(kept - shown, "more window"), fill(shown, kept));
  if (timeline.windows.size() > kept)
    html +=
        "<p class=\"term\">" + counted(timeline.windows.size() - kept, "further window") + " not listed.</p>";
  return "<h2 id=\"faults\">Faults</h2><div class=\"card\">" + html + "</div>\n";
}

std::string statistics_section(const RunResults& results) {
  const CheckResult* statistics = find_check(results, "statistics");
  if (statistics == nullptr || !statistics->details.contains("by_f")) return {};
  const CheckResult* performance = find_check(results, "performance");
  const Json* latencies = performance == nullptr ? nullptr : &performance->details;
  Table table(
      {"!function", "#tried", "#ok", "#fail", "#info", "#never completed", "#median", "#99 %", "outcomes"});
  for (const auto& [f, counts] : statistics->details["by_f"].items())
    table.row({escape_markup(f), number(counts, "count"), number(counts, "ok"), number(counts, "fail"),
               number(counts, "info"), number(counts, "pending"), latency(latencies, f, "p50_ms"),
               latency(latencies, f, "p99_ms"), outcome_bar(counts)});
  if (table.rows() == 0) return {};
  return "<h2 id=\"statistics\">Operations</h2><div class=\"card\">" + table.html() +
         "<p class=\"term\">ok happened, fail certainly did not, info may have happened or may yet. "
         "Latencies are those of "
         "ok.</p>" +
         errors_html(statistics->details) + "</div>\n";
}

std::string checks_section(const RunResults& results) {
  if (results.checks.empty()) return {};
  Table table({"!check", "!verdict", "reason", "#anomalies", "#time"});
  for (const CheckResult& check : results.checks)
    table.row({escape_markup(check.name), chip(check.verdict), escape_markup(shortened(check.reason, 400)),
               check.anomalies.empty() ? "" : grouped(static_cast<int64_t>(anomaly_count(check))),
               check.check_ms < 0 ? "" : duration_text(check.check_ms * 1'000'000)});
  return "<h2 id=\"checks\">Checks</h2><div class=\"card\">" + table.html() +
         "<p class=\"term\">History read in " + duration_text(results.read_ms * 1'000'000) + ", checked in " +
         duration_text(results.check_ms * 1'000'000) + ", " +
         fixed(static_cast<double>(results.peak_rss_bytes) / 1e6, 0) + " MB of memory at most.</p></div>\n";
}

std::string run_section(const RunInfo& info, const RunResults&) {
  std::string left =
      definition("name", escape_markup(info.name)) + definition("database", escape_markup(info.database)) +
      definition("workload", escape_markup(info.workload)) + definition("model", escape_markup(info.model)) +
      definition("seed", has_seed(info) ? std::to_string(info.seed) : "") +
      definition("started", timestamp(info.started_unix_s));
  const auto joined = [](const std::vector<std::string>& texts) {
    std::string all;
    for (const std::string& text : texts) all += (all.empty() ? "" : ", ") + text;
    return escape_markup(all);
  };
  left += definition("nodes", joined(info.nodes)) + definition("faults", joined(info.faults)) +
          definition("riven", escape_markup(info.version));
  for (const auto& [what, version] : info.versions)
    left += definition(escape_markup(what), escape_markup(shortened(version, 400)));
  std::string right;
  if (info.options.is_object())
    for (const auto& [name, value] : info.options.items())
      right += definition(valid_utf8(name),
                          "<code>" +
                              escape_markup(shortened(
                                  value.is_string() ? value.get<std::string>() : clean(value).dump(), 400)) +
                              "</code>");
  std::string html =
      "<h2 id=\"run\">This run</h2><div class=\"card\"><div class=\"cols\"><div><dl>" + left + "</dl></div>";
  if (!right.empty()) html += "<div><dl>" + right + "</dl></div>";
  html += "</div></div>\n";
  if (info.complaints.empty()) return html;
  html +=
      "<h2 id=\"complaints\">Complaints</h2><div class=\"card\"><p class=\"term\">What went wrong around the "
      "run; none "
      "of it changed the verdict.</p><ul class=\"s\">";
  for (size_t i = 0; i < info.complaints.size() && i < 200; ++i)
    html += element("li", "", shortened(info.complaints[i], 1'000));
  return html + "</ul></div>\n";
}

}  // namespace riven::report
