// riven check FILE: the verdict over any history.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <filesystem>
#include <memory>

#include "checkers/linearizable/checker.h"
#include "harness/app/beginning.h"
#include "harness/app/command.h"
#include "harness/app/fault_choice.h"
#include "harness/app/judge.h"
#include "harness/app/units.h"
#include "harness/core/clock.h"
#include "harness/history/reader.h"
#include "harness/report/report.h"
#include "harness/run/store.h"

namespace riven {

namespace {

constexpr unsigned kMostThreads = 1024;

struct CheckOptions {
  std::string file;
  std::string workload;
  std::string model;
  std::string format = "auto";
  std::string order = "file";
  std::vector<std::string> ignored_fields;
  std::string engine;
  std::string per_key;
  std::vector<std::string> extra;
  std::string time_limit = "10m";
  std::string memory;
  unsigned threads = 0;
  std::string json;
  std::string elle_json;
  std::string report;
  std::string artifacts;
  bool quiet = false;
};

std::string command_line_of(const CheckOptions& o) {
  std::string line = "riven check " + shell_word(o.file);
  const auto add = [&](const char* option, const std::string& value) {
    if (!value.empty()) line += std::string(" ") + option + " " + shell_word(value);
  };
  add("--workload", o.workload);
  add("--model", o.model);
  add("--format", o.format == "auto" ? "" : o.format);
  add("--order", o.order == "file" ? "" : o.order);
  for (const std::string& field : o.ignored_fields) add("--ignore-field", field);
  add("--engine", o.engine);
  if (!o.per_key.empty()) line += " --per-key=" + o.per_key;
  for (const std::string& pair : o.extra) add("--checker-opt", pair);
  add("--time-limit", o.time_limit == "10m" ? "" : o.time_limit);
  add("--memory", o.memory);
  return line;
}

/// A journal of a run says itself what it was: workload and model, unless the caller says otherwise.
void take_from_metadata(const Json& metadata, const Registry& registry, JudgeOptions& judged) {
  const auto text = [&](const char* key) {
    return metadata.contains(key) && metadata[key].is_string() ? metadata[key].get<std::string>()
                                                               : std::string();
  };
  if (!text("database").empty() && judged.workload.empty() && judged.model.empty()) {
    judged.workload = text("workload");
    judged.model = text("model");
    judged.of_a_run = true;
    if (metadata.contains("faults"))
      judged.spans = spans_of(metadata["faults"].get<std::vector<std::string>>(), registry);
  }
}

RunInfo info_of(const CheckOptions& o, const JudgeOptions& judged, const ReadHistory& read,
                const std::string& guessed) {
  RunInfo info;
  info.name = o.file;
  info.workload = judged.workload;
  info.model = judged.model.empty() ? guessed : judged.model;
  info.guessed = guessed;
  info.spans = judged.spans;
  info.rerun_line = command_line_of(o);
  info.version = riven_version();
  info.versions = riven_versions();
  info.report_path = o.report;
  info.complaints = read.warnings;
  info.options = {{"format", std::string(to_text(read.format))}, {"time-limit", o.time_limit}};
  if (!o.memory.empty()) info.options["memory"] = o.memory;
  const Json& metadata = read.metadata;
  info.database = metadata.value("database", "");
  info.seed = metadata.value("seed", uint64_t{0});
  info.concurrency = metadata.value("concurrency", uint64_t{0});
  if (metadata.contains("nodes")) info.nodes = metadata["nodes"].get<std::vector<std::string>>();
  if (metadata.contains("faults")) info.faults = metadata["faults"].get<std::vector<std::string>>();
  return info;
}

/// The pictures, linearizations and the like that the checkers made, each as a file of its own.
Status write_artifacts(const std::string& folder, const RunResults& results) {
  if (folder.empty()) return ok_status();
  std::error_code failed;
  std::filesystem::create_directories(folder, failed);
  if (failed) return Error{"cannot make the folder " + folder + ": " + failed.message()};
  for (const CheckResult& check : results.checks) {
    for (const Artifact& artifact : check.artifacts) {
      const auto path = std::filesystem::path(folder) / file_name_of(artifact.name);
      if (auto written = write_output(path.string(), artifact.content); !written) return written;
    }
  }
  return ok_status();
}

Status write_outputs(const CheckOptions& o, const RunInfo& info, const History& history,
                     const RunResults& results) {
  if (!o.json.empty()) {
    if (auto written = write_output(o.json, results_json(info, results).dump(2) + "\n"); !written)
      return written;
  }
  if (!o.elle_json.empty()) {
    Json elle;
    for (const CheckResult& check : results.checks) {
      if (check.details.contains("elle_json")) elle = check.details["elle_json"];
    }
    if (elle.is_null()) return Error{"--elle-json: no checker of this history is about transactions"};
    if (auto written = write_output(o.elle_json, elle.dump(2) + "\n"); !written) return written;
  }
  if (!o.report.empty()) {
    if (auto written = write_output(o.report, html_report(info, history, results)); !written) return written;
  }
  return write_artifacts(o.artifacts, results);
}

/// What `invalid` by a guessed model may come from instead; empty: from nothing else.
std::string doubt_about(const PickedCheckers& picked, const History& history, const JudgeOptions& judged) {
  if (!picked.question.empty()) return picked.question;
  const auto other = with_other_beginning(history, picked.guessed, judged.keyed);
  if (!other || judge({picked.checkers.front()}, other->history, judged).verdict == Verdict::invalid)
    return {};
  const bool registers = picked.checkers.front()->name() != "isolation";
  return "nobody wrote " + other->value + ", which is read; if it was there at the beginning, say --model " +
         (registers ? picked.guessed : "multi-register") + " --checker-opt initial=" + other->value +
         "; if not, " + (registers ? "--model " + picked.guessed + " alone" : "--workload wr");
}

ExitCode check(const CheckOptions& o, const Registry& registry) {
  const auto format = parse_format(o.format);
  if (!format)
    return usage_error("--format: no format is called " + o.format + "; there are auto, " + format_names());
  const auto order = parse_event_order(o.order);
  if (!order) return usage_error("--order: " + order.error().message);
  const auto time_limit_ns = parse_duration_ns(o.time_limit);
  if (!time_limit_ns)
    return usage_error("--time-limit takes a time such as 60s or 2m, not '" + o.time_limit + "'");
  if (o.threads > kMostThreads)
    return usage_error("--threads takes a number up to " + std::to_string(kMostThreads));
  JudgeOptions judged{
      .workload = o.workload, .model = o.model, .time_limit_ns = *time_limit_ns, .threads = o.threads};
  if (!o.memory.empty()) {
    const auto bytes = parse_size_bytes(o.memory);
    if (!bytes) return usage_error("--memory takes a size such as 500MB or 2GiB, not '" + o.memory + "'");
    judged.memory_bytes = *bytes;
  }
  auto extra = parse_pairs(o.extra, "--checker-opt");
  if (!extra) return usage_error(extra.error().message);
  judged.checker_options = std::move(*extra);
  if (!o.engine.empty()) judged.checker_options["engine"] = o.engine;
  if (!o.per_key.empty()) judged.checker_options["per-key"] = o.per_key;
  judged.informative = !o.report.empty();

  const int64_t began_ns = monotonic_now_ns();
  auto read = read_history(o.file, {.format = *format,
                                    .order = *order,
                                    .ignored_fields = o.ignored_fields,
                                    .threads = o.threads,
                                    .memory_bytes = memory_limit_bytes(judged.memory_bytes)});
  if (!read) return usage_error(read.error().message);
  const int64_t read_ms = (monotonic_now_ns() - began_ns) / kNanosPerMilli;
  for (const std::string& warning : read->warnings) complain(warning);

  judged.keyed = read->metadata.value("keyed", false);
  judged.no_realtime = read->metadata.value("no_realtime", false);
  judged.initial_written = read->metadata.value("initial_written", false);
  take_from_metadata(read->metadata, registry, judged);
  const auto picked = pick_checkers(registry, read->history, judged);
  if (!picked) return usage_error(picked.error().message);
  if (!o.elle_json.empty() && picked->checkers.front()->name() != "isolation")
    return usage_error("--elle-json goes with models of transactions alone");
  RunResults results = judge(picked->checkers, read->history, judged);
  results.read_ms = read_ms;
  account_for_loss(read->extent, "", results);
  if (results.verdict == Verdict::invalid && !picked->guessed.empty()) {
    if (const std::string doubt = doubt_about(*picked, read->history, judged); !doubt.empty())
      return usage_error("by the model " + picked->guessed + " it is invalid, but that is a guess: " + doubt);
  }
  const RunInfo info = info_of(o, judged, *read, picked->guessed);

  const Status written = write_outputs(o, info, read->history, results);
  const bool stdout_taken = o.json == "-" || o.elle_json == "-" || o.report == "-";
  if (!o.quiet && !stdout_taken) {
    const TerminalStyle style{
        .color = wants_color(), .utf8 = wants_utf8(), .width = terminal_width(STDOUT_FILENO)};
    std::fputs(terminal_summary(info, read->history, results, style).c_str(), stdout);
  }
  if (!written) {
    complain(written.error().message);
    return worst(exit_code_of(results.verdict), ExitCode::infrastructure);
  }
  // The model does not know what the history has: the question was wrong, not the history.
  for (const CheckResult& check : results.checks) {
    if (check.details.value("not-of-this-model", false)) return ExitCode::usage;
  }
  return exit_code_of(results.verdict);
}

}  // namespace

CommandAction declare_check(CLI::App& app, const Registry& registry) {
  auto options = std::make_shared<CheckOptions>();
  CheckOptions& o = *options;
  app.add_option("file", o.file, "the history: a file, a run's folder, or - for standard input")->required();
  app.add_option("-w,--workload", o.workload,
                 "what the clients did: register, append, ... (see `riven list`)");
  app.add_option("-m,--model", o.model,
                 "what the database promised: cas-register, strict-serializable, ... (see `riven list`)");
  app.add_option("-f,--format", o.format, "of the file: auto, " + format_names())->capture_default_str();
  app.add_option("--order", o.order, kOrderHelp)->capture_default_str();
  app.add_option("--ignore-field", o.ignored_fields, kIgnoreFieldHelp)->type_name("FIELD")->take_all();
  app.add_option("--engine", o.engine,
                 "the algorithm, by name (see below); default: the best for this history");
  app.add_flag("--per-key{yes}", o.per_key,
               "values are independent [key value] pairs; --per-key=no: they are not; default: it is told "
               "from the history");
  app.add_option("--checker-opt", o.extra, "KEY=VALUE for the checker (repeatable; see below)")
      ->type_name("KEY=VALUE")
      ->take_all();
  app.add_option("--time-limit", o.time_limit,
                 "for all checks together, e.g. 500ms, 60s or 2m; then `unknown` with how far they got")
      ->capture_default_str();
  app.add_option("--memory", o.memory, "for the whole process, e.g. 500MB; default: half of the machine's");
  app.add_option("--threads", o.threads, "cores to use; 0: all")->capture_default_str();
  app.add_option("--json", o.json, "write results.json here (-: standard output)");
  app.add_option("--elle-json", o.elle_json,
                 "write Elle's result map here (valid?, anomaly-types, not, also-not)");
  app.add_option("--report", o.report, "write an HTML report here");
  app.add_option("--artifacts", o.artifacts,
                 "put what the checkers made into this folder: pictures, linearizations, minimal histories");
  app.add_flag("-q,--quiet", o.quiet, "print nothing; the exit code is the verdict");
  app.footer(R"(Examples:
  riven check history.edn                                       the model is detected, or Riven asks for it
  riven check history.jsonl --model cas-register --report out.html
  riven check store/latest/history.edn --workload append --model snapshot-isolation --json -
  riven check results/latest --time-limit 60s --memory 500MB

)" + linearizable::models_help() +
             R"(
Options for models of transactions (--checker-opt): workload=append|wr|rmw (auto), witnesses=N (of each cycle), real-time=yes|no,
version-orders=some of initial,wfr,numbers,sequential-keys,linearizable-keys (of registers whose order of writes is not known).

Exit codes: 0 valid, 1 invalid, 2 unknown, 3 an output could not be written, 64 wrong usage, an unreadable history or one
that the model does not know, 70 a defect of Riven.)");
  return [options, &registry] { return check(*options, registry); };
}

}  // namespace riven
