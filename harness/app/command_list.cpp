// riven list: what this build knows. riven version. riven export.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>

#include "harness/api/nemesis.h"
#include "harness/api/workload.h"
#include "harness/app/command.h"
#include "harness/core/json.h"
#include "harness/history/reader.h"
#include "harness/history/writer.h"

namespace riven {

namespace {

Json listing(const Registry& registry) {
  Json out{{"databases", Json::array()},
           {"workloads", Json::array()},
           {"faults", Json::array()},
           {"checkers", Json::array()},
           {"formats", Json::array()}};
  for (const auto& d : registry.databases()) {
    out["databases"].push_back({{"name", d.name}, {"description", d.description}, {"options", d.options}});
  }
  for (const auto& w : registry.workloads()) {
    out["workloads"].push_back({{"name", w->name}, {"description", w->description}, {"models", w->models}});
  }
  for (const auto& f : registry.faults())
    out["faults"].push_back({{"name", f->name}, {"description", f->description}});
  for (const auto& c : registry.checkers()) {
    out["checkers"].push_back({{"name", c.name}, {"description", c.description}, {"models", c.models}});
  }
  std::string names = format_names();
  for (size_t at = 0; at < names.size();) {
    const size_t end = std::min(names.find(", ", at), names.size());
    out["formats"].push_back({{"name", names.substr(at, end - at)}});
    at = end + 2;
  }
  return out;
}

void print_listing(const Json& all) {
  for (const auto& [kind, items] : all.items()) {
    std::printf("%s\n", kind.c_str());
    for (const Json& item : items) {
      std::printf("  %-16s %s\n", item["name"].string().c_str(), item.value("description", "").c_str());
      for (const char* const extra : {"options", "models"}) {
        if (!item.contains(extra) || item[extra].empty()) continue;
        std::string words;
        for (const Json& word : item[extra]) words += (words.empty() ? "" : ", ") + word.get<std::string>();
        std::printf("  %-16s   %s: %s\n", "", extra, words.c_str());
      }
    }
    std::printf("\n");
  }
}

}  // namespace

CommandAction declare_list(CLI::App& app, const Registry& registry) {
  auto json = std::make_shared<bool>(false);
  app.add_flag("--json", *json, "as JSON");
  return [json, &registry] {
    const Json all = listing(registry);
    if (*json) {
      std::printf("%s\n", all.dump(2).c_str());
    } else {
      print_listing(all);
    }
    return ExitCode::valid;
  };
}

CommandAction declare_version(CLI::App& app, const Registry& /*registry*/) {
  auto json = std::make_shared<bool>(false);
  app.add_flag("--json", *json, "as JSON");
  return [json] {
    if (*json) {
      std::printf("%s\n", Json(riven_versions()).dump(2).c_str());
    } else {
      std::printf("riven %s\n", riven_version().c_str());
    }
    return ExitCode::valid;
  };
}

CommandAction declare_export(CLI::App& app, const Registry& /*registry*/) {
  struct Options {
    std::string from;
    std::string to;
    std::string from_format = "auto";
    std::string order = "file";
    std::vector<std::string> ignored_fields;
    std::string to_format;
  };
  auto options = std::make_shared<Options>();
  app.add_option("from", options->from, "the history: a file, a run's folder, or -")->required();
  app.add_option("to", options->to, "the file to write: .edn or .jsonl; or - with --to-format")->required();
  app.add_option("-f,--format", options->from_format, "of what is read: auto, " + format_names())
      ->capture_default_str();
  app.add_option("--order", options->order, kOrderHelp)->capture_default_str();
  app.add_option("--ignore-field", options->ignored_fields, kIgnoreFieldHelp)->type_name("FIELD")->take_all();
  app.add_option("--to-format", options->to_format,
                 "edn or jsonl; default: by the ending of the file to write");
  app.footer(R"(Examples:
  riven export results/latest history.edn        for Elle, Knossos and Jepsen's tools
  riven export history.edn - --to-format jsonl)");
  return [options] {
    const auto format = parse_format(options->from_format);
    if (!format)
      return usage_error("--format: no format is called " + options->from_format + "; there are auto, " +
                         format_names());
    const auto order = parse_event_order(options->order);
    if (!order) return usage_error("--order: " + order.error().message);
    auto read = read_history(options->from,
                             {.format = *format, .order = *order, .ignored_fields = options->ignored_fields});
    if (!read) return usage_error(read.error().message);
    for (const std::string& warning : read->warnings) complain(warning);
    if (read->metadata.value("no_realtime", false))
      complain(
          "this format has no real time, the order written is made up: judge the file with --model "
          "serializable --checker-opt real-time=no");
    const Status written = export_history(read->history, options->to, options->to_format);
    if (!written) return usage_error(written.error().message);
    return ExitCode::valid;
  };
}

}  // namespace riven
