#include "harness/report/words.h"

#include <algorithm>
#include <chrono>
#include <cstdio>

#include "harness/core/text.h"

namespace riven::report {

uint64_t anomaly_count(const CheckResult& check) {
  uint64_t count = 0;
  for (const Anomaly& anomaly : check.anomalies) count += anomaly.count;
  return count;
}

std::string timestamp(int64_t unix_s) {
  constexpr int64_t kYear9999 = 253'402'300'799;
  if (unix_s <= 0 || unix_s > kYear9999) return {};
  const std::chrono::sys_seconds at{std::chrono::seconds(unix_s)};
  const auto day = std::chrono::floor<std::chrono::days>(at);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss time(at - day);
  char text[64];
  std::snprintf(text, sizeof text, "%04d-%02u-%02uT%02d:%02d:%02dZ", static_cast<int>(date.year()),
                static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                static_cast<int>(time.hours().count()), static_cast<int>(time.minutes().count()),
                static_cast<int>(time.seconds().count()));
  return text;
}

std::optional<int64_t> duration_ns(const RunInfo& info, const History& history) {
  if (info.duration_ns > 0) return info.duration_ns;
  if (history.size() == 0 || !history.has_times()) return std::nullopt;
  int64_t first = history.time_ns(0);
  int64_t last = first;
  for (size_t i = 1; i < history.size(); ++i) {
    first = std::min(first, history.time_ns(i));
    last = std::max(last, history.time_ns(i));
  }
  int64_t length = 0;
  return __builtin_sub_overflow(last, first, &length) ? std::nullopt : std::optional(length);
}

std::string node_of(const RunInfo& info, Process process) {
  if (process < 0 || info.concurrency == 0 || info.nodes.empty()) return {};
  const uint64_t thread = static_cast<uint64_t>(process) % info.concurrency;
  return valid_utf8(info.nodes[thread % info.nodes.size()]);
}

std::string process_text(Process process) {
  if (process >= 0) return std::to_string(process);
  return process == kNemesis ? "nemesis" : "nemesis-" + std::to_string(-int64_t{process});
}

std::string shortened(std::string_view text, size_t limit) {
  if (text.size() <= limit) return valid_utf8(text);
  while (limit > 0 && (static_cast<unsigned char>(text[limit]) & 0xc0) == 0x80) --limit;
  return valid_utf8(text.substr(0, limit)) + "...";
}

std::string value_text(const ValueView& value, size_t limit) {
  return shortened(to_edn(value.to_value()), limit);
}

std::string subject(const RunInfo& info) {
  std::string text = info.database;
  const auto add = [&](std::string_view what, const std::string& name) {
    if (name.empty()) return;
    if (!text.empty()) text += ", ";
    text.append(what).append(name);
  };
  add("workload ", info.workload);
  add("model ", info.model);
  return valid_utf8(text);
}

bool has_seed(const RunInfo& info) { return info.seed != 0 || !info.database.empty(); }

std::string report_path(const RunInfo& info) {
  if (!info.report_path.empty()) return info.report_path;
  if (info.directory.empty() || !info.reported) return {};
  return info.directory + (info.directory.back() == '/' ? "" : "/") + "report.html";
}

std::string proof_text(const FaultWindow& window) {
  if (!window.error.empty()) return "could not be applied";
  if (window.took_effect == false) return "NO EFFECT";
  if (window.dropped && *window.dropped > 0)
    return counted(static_cast<uint64_t>(*window.dropped), "packet") + " dropped";
  if (window.took_effect == true) return "took effect";
  if (window.dropped) return "NO EFFECT: no packet dropped";
  return "not counted";
}

const CheckResult* find_check(const RunResults& results, std::string_view name) {
  const auto found = std::find_if(results.checks.begin(), results.checks.end(),
                                  [&](const CheckResult& check) { return check.name == name; });
  return found == results.checks.end() ? nullptr : &*found;
}

Json clean(const Json& json) {
  if (json.is_string()) return valid_utf8(json.string());
  if (json.is_array()) {
    Json copy = Json::array();
    for (const Json& element : json) copy.push_back(clean(element));
    return copy;
  }
  if (json.is_object()) {
    Json copy = Json::object();
    for (const auto& [key, element] : json.items()) copy[valid_utf8(key)] = clean(element);
    return copy;
  }
  return json;
}

std::vector<std::string> clean(const std::vector<std::string>& texts) {
  std::vector<std::string> copy;
  copy.reserve(texts.size());
  for (const std::string& text : texts) copy.push_back(valid_utf8(text));
  return copy;
}

}  // namespace riven::report
