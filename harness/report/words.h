// Texts that more than one form of the report uses.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "harness/report/report.h"

namespace riven::report {

/// Anomalies found, over all kinds.
uint64_t anomaly_count(const CheckResult& check);
/// "2026-11-20T23:35:38Z"; empty for 0 (unknown).
std::string timestamp(int64_t unix_s);
/// The run's length: as told, else the span of the history's times, where it has any.
std::optional<int64_t> duration_ns(const RunInfo& info, const History& history);
/// Name of the node that `process` talked to; empty when unknown or for the nemesis.
std::string node_of(const RunInfo& info, Process process);
/// "7", "nemesis", "nemesis-2".
std::string process_text(Process process);
/// A value as EDN, at most `limit` bytes (cut at a character, with "..."), well-formed UTF-8.
std::string value_text(const ValueView& value, size_t limit);
/// `text` cut to `limit` bytes at a character.
std::string shortened(std::string_view text, size_t limit);
/// "etcd, workload register, model linearizable": what was tested, from what is known.
std::string subject(const RunInfo& info);
/// Whether the run was made from a seed: a history from elsewhere was not.
bool has_seed(const RunInfo& info);
/// The path of report.html as told to people; empty when there is none.
std::string report_path(const RunInfo& info);
/// What a fault window proves: "1,234 packets dropped", "took effect", "NO EFFECT", "not counted".
std::string proof_text(const FaultWindow& window);
/// The check named `name`, or null.
const CheckResult* find_check(const RunResults& results, std::string_view name);
/// A copy in which every string and key is well-formed UTF-8 (or dump() would throw).
Json clean(const Json& json);
/// Every piece of `info` and `results` that reaches a reader is well-formed UTF-8 after this.
std::vector<std::string> clean(const std::vector<std::string>& texts);

}  // namespace riven::report
