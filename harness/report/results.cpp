#include "harness/core/text.h"
#include "harness/report/report.h"
#include "harness/report/words.h"

namespace riven {
namespace {

using report::clean;

/// Version of the schema in results/README.md: raised when a word changes its meaning or goes.
constexpr int kSchema = 1;

Json anomaly_json(const Anomaly& anomaly) {
  return {{"type", valid_utf8(anomaly.type)},
          {"count", anomaly.count},
          {"sentences", clean(anomaly.sentences)},
          {"entries", anomaly.entries},
          {"details", clean(anomaly.details)}};
}

Json check_json(const CheckResult& check) {
  Json anomalies = Json::array();
  for (const Anomaly& anomaly : check.anomalies) anomalies.push_back(anomaly_json(anomaly));
  Json figures = Json::array();
  for (const Figure& figure : check.figures)
    figures.push_back({{"id", valid_utf8(figure.id)}, {"title", valid_utf8(figure.title)}});
  Json artifacts = Json::array();
  for (const Artifact& artifact : check.artifacts) artifacts.push_back(valid_utf8(artifact.name));
  return {
      {"name", valid_utf8(check.name)},     {"verdict", to_text(check.verdict)},
      {"reason", valid_utf8(check.reason)}, {"check_ms", check.check_ms < 0 ? Json() : Json(check.check_ms)},
      {"anomalies", std::move(anomalies)},  {"details", clean(check.details)},
      {"figures", std::move(figures)},      {"artifacts", std::move(artifacts)}};
}

Json run_json(const RunInfo& info) {
  const std::string started = report::timestamp(info.started_unix_s);
  return {{"name", valid_utf8(info.name)},
          {"workload", valid_utf8(info.workload)},
          {"database", valid_utf8(info.database)},
          {"model", valid_utf8(info.model)},
          {"seed", info.seed},
          {"nodes", clean(info.nodes)},
          {"concurrency", info.concurrency},
          {"faults", clean(info.faults)},
          {"started", started.empty() ? Json() : Json(started)},
          {"duration_s", static_cast<double>(info.duration_ns) / 1e9},
          {"directory", valid_utf8(info.directory)},
          {"rerun", valid_utf8(info.rerun_line)},
          {"options", clean(info.options)}};
}

}  // namespace

void summarize(RunResults& results) {
  results.verdict = results.checks.empty() ? Verdict::unknown : Verdict::valid;
  for (const CheckResult& check : results.checks) results.verdict = worst(results.verdict, check.verdict);
  results.reason.clear();
  if (results.checks.empty()) results.reason = "vacuous: no checker looked at this history";
  const CheckResult* chosen = nullptr;
  for (const CheckResult& check : results.checks) {
    if (check.verdict != results.verdict || check.reason.empty()) continue;
    if (chosen == nullptr) chosen = &check;
    // That a run is valid is said by what judged the database, not by what counted.
    const bool counts = check.name == "statistics" || check.name == "performance" || check.name == "vacuity";
    if (results.verdict != Verdict::valid || !counts) {
      chosen = &check;
      break;
    }
  }
  if (chosen == nullptr) return;
  const bool vacuous = chosen->reason.rfind("vacuous:", 0) == 0;
  results.reason = vacuous ? chosen->reason : chosen->name + ": " + chosen->reason;
}

Json results_json(const RunInfo& info, const RunResults& results) {
  Json checks = Json::array();
  for (const CheckResult& check : results.checks) checks.push_back(check_json(check));
  Json versions = Json::object();
  if (!info.version.empty()) versions["riven"] = valid_utf8(info.version);
  for (const auto& [what, version] : info.versions) versions[valid_utf8(what)] = valid_utf8(version);
  return {{"schema", kSchema},
          {"verdict", to_text(results.verdict)},
          {"reason", valid_utf8(results.reason)},
          {"guessed", info.guessed.empty() ? Json() : Json(valid_utf8(info.guessed))},
          {"run", run_json(info)},
          {"checks", std::move(checks)},
          {"timing", {{"read_ms", results.read_ms}, {"check_ms", results.check_ms}}},
          {"peak_rss_bytes", results.peak_rss_bytes},
          {"versions", std::move(versions)},
          {"complaints", clean(info.complaints)}};
}

}  // namespace riven
