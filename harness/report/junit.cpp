#include <algorithm>

#include "harness/core/text.h"
#include "harness/report/report.h"
#include "harness/report/words.h"

namespace riven {
namespace {

constexpr size_t kSentences = 20;  // a CI page needs the first witnesses, not all

std::string attribute(std::string_view name, std::string_view value) {
  return " " + std::string(name) + "=\"" + escape_markup(value) + "\"";
}

std::string seconds(int64_t ms) { return fixed(static_cast<double>(std::max<int64_t>(0, ms)) / 1e3, 3); }

std::string evidence(const CheckResult& check) {
  std::string text = check.reason + "\n";
  for (const Anomaly& anomaly : check.anomalies) {
    text += "\n" + anomaly.type + " (" + counted(anomaly.count, "time") + ")\n";
    for (size_t i = 0; i < anomaly.sentences.size() && i < kSentences; ++i)
      text += "  - " + anomaly.sentences[i] + "\n";
    if (anomaly.sentences.size() > kSentences)
      text += "  and " + std::to_string(anomaly.sentences.size() - kSentences) + " more\n";
  }
  return text;
}

/// Invalid: the database broke a promise (failure). Unknown: the check could not tell (error).
std::string testcase(const std::string& suite, const CheckResult& check, const RunInfo& info) {
  std::string xml = "    <testcase" + attribute("classname", suite) + attribute("name", check.name) +
                    attribute("time", seconds(check.check_ms));
  if (check.verdict == Verdict::valid) return xml + "/>\n";
  const bool invalid = check.verdict == Verdict::invalid;
  const bool vacuous = check.reason.rfind("vacuous:", 0) == 0;
  const std::string type = !invalid                  ? (vacuous ? "vacuous" : "unknown")
                           : check.anomalies.empty() ? "invalid"
                                                     : check.anomalies.front().type;
  const std::string element = invalid ? "failure" : "error";
  xml += ">\n      <" + element + attribute("type", type) + attribute("message", check.reason) + ">" +
         escape_markup(evidence(check)) + "</" + element + ">\n";
  if (!info.rerun_line.empty())
    xml += "      <system-out>" + escape_markup("run again: " + info.rerun_line + "\n") + "</system-out>\n";
  return xml + "    </testcase>\n";
}

std::string property(const std::string& name, const std::string& value) {
  if (value.empty()) return {};
  return "      <property" + attribute("name", name) + attribute("value", value) + "/>\n";
}

std::string properties(const RunInfo& info, const RunResults& results) {
  std::string xml = "    <properties>\n" + property("verdict", std::string(to_text(results.verdict))) +
                    property("seed", std::to_string(info.seed)) + property("database", info.database) +
                    property("workload", info.workload) + property("model", info.model) +
                    property("rerun", info.rerun_line) + property("report", report::report_path(info)) +
                    property("riven", info.version);
  for (const auto& [what, version] : info.versions) xml += property("version." + what, version);
  return xml + "    </properties>\n";
}

}  // namespace

std::string junit_xml(const RunInfo& info, const RunResults& results) {
  std::vector<CheckResult> cases;
  bool explained = false;  // whether some check carries the run's verdict
  for (const CheckResult& check : results.checks) explained |= check.verdict == results.verdict;
  if (!explained) {
    CheckResult run;
    run.name = "run";
    run.verdict = results.verdict;
    run.reason = results.reason;
    cases.push_back(std::move(run));
  }
  size_t failures = 0;
  size_t errors = 0;
  const std::string suite = "riven." + (info.name.empty() ? std::string("check") : info.name);
  std::string body;
  const auto add = [&](const CheckResult& check) {
    failures += check.verdict == Verdict::invalid ? 1 : 0;
    errors += check.verdict == Verdict::unknown ? 1 : 0;
    body += testcase(suite, check, info);
  };
  std::for_each(cases.begin(), cases.end(), add);
  std::for_each(results.checks.begin(), results.checks.end(), add);

  const std::string counts =
      attribute("tests", std::to_string(cases.size() + results.checks.size())) +
      attribute("failures", std::to_string(failures)) + attribute("errors", std::to_string(errors)) +
      attribute("skipped", "0") +
      attribute("time", fixed(static_cast<double>(info.duration_ns) / 1e9 +
                                  static_cast<double>(results.read_ms + results.check_ms) / 1e3,
                              3));
  const std::string started = report::timestamp(info.started_unix_s);
  return "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites" + attribute("name", "riven") + counts +
         ">\n  <testsuite" + attribute("name", suite) + counts +
         (started.empty() ? "" : attribute("timestamp", started)) + ">\n" + properties(info, results) + body +
         "  </testsuite>\n</testsuites>\n";
}

}  // namespace riven
