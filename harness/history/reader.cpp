#include "harness/history/reader.h"

#include <algorithm>
#include <filesystem>

#include "harness/core/text.h"
#include "harness/history/source_reader.h"
#include "harness/history/time_order.h"

namespace riven {

namespace reading {

namespace {

/// Moves the entries to `to` in the order of their times, and says so.
Status sort_entries(HistoryBuilder& from, const Source& source, HistoryBuilder& to, std::string& told) {
  const bool has_times = from.has_times();
  const auto history = from.finish(HistoryBuilder::Pairing::none);
  if (!history) return Error{source.name + ": " + history.error().message};
  if (!has_times)
    return Error{source.name + ": its operations have no times, and --order time goes by those"};
  to.spill_beyond(source.values_in_memory());
  const uint64_t tied = order_by_time(*history, to);
  told = source.name + ": operations are taken in the order of their times";
  if (tied > 0)
    told += "; " + counted(tied, "event") +
            " at the same time as another client's, which are taken as concurrent with it";
  return ok_status();
}

}  // namespace

Result<ReadHistory> finish(HistoryBuilder& builder, const Source& source, HistoryBuilder::Pairing usual) {
  const bool by_time = source.options.order == EventOrder::time;
  const auto times = builder.times_ns();
  const bool backwards =
      !by_time && source.options.format != Format::riven && !std::is_sorted(times.begin(), times.end());
  HistoryBuilder ordered;
  std::vector<std::string> warnings;
  if (by_time) {
    if (auto status = sort_entries(builder, source, ordered, warnings.emplace_back()); !status)
      return status.error();
  }
  auto history = (by_time ? ordered : builder).finish(source.pairing(usual));
  if (!history) {
    const bool strict = source.pairing(usual) == HistoryBuilder::Pairing::strict;
    return Error{source.name + ": " + history.error().message +
                 (backwards ? ": the order of the lines is taken as that of the events; of logs merged from "
                              "several clients, --order time takes the order of the times"
                  : strict  ? ": mend the recorder, or leave the operation out"
                            : "")};
  }
  return ReadHistory{.history = *std::move(history), .warnings = std::move(warnings)};
}

void Source::release(size_t to) const {
  if (file != nullptr && options.memory_bytes > 0) file->release(to);
}

namespace {

Result<ReadHistory> read_as(Format format, const Source& source) {
  if (format == Format::riven && source.options.order == EventOrder::time)
    return Error{source.name +
                 ": a journal of Riven's own is in the order of its events: --order time is for logs merged "
                 "from several clients"};
  switch (format) {
    case Format::riven:
      return read_journal(source);
    case Format::edn:
    case Format::porcupine:
      return read_edn(source);
    case Format::jsonl:
    case Format::elle_json:
      return read_json(source);
    case Format::jepsen_log:
      return read_jepsen_log(source);
    case Format::plume:
      return read_plume(source);
    case Format::awdit:
      return read_awdit(source);
    case Format::dbcop:
      return read_dbcop(source);
    case Format::cobra:
      return Error{source.name + ": Cobra's logs are read from their directory: give that"};
    case Format::automatic:
      break;
  }
  return Error{source.name + ": not a history in any format that Riven knows: say which with --format (" +
               format_names() + ")"};
}

Result<ReadHistory> read_directory(const std::string& path, const ReadOptions& options) {
  if (options.format == Format::cobra) return read_cobra(path, options);
  const std::filesystem::path directory(path);
  std::error_code ignored;
  for (const char* const name : {"history.riven", "history.edn", "history.jsonl", "history.txt"}) {
    if (std::filesystem::is_regular_file(directory / name, ignored))
      return read_history((directory / name).string(), options);
  }
  for (const auto& entry : std::filesystem::directory_iterator(directory, ignored)) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with("T") && name.ends_with(".log")) return read_cobra(path, options);
  }
  return Error{path +
               ": a directory without history.riven, history.edn, history.jsonl, history.txt or T*.log: "
               "name the history's file"};
}

}  // namespace
}  // namespace reading

Result<EventOrder> parse_event_order(std::string_view name) {
  if (name == "file") return EventOrder::file;
  if (name == "time") return EventOrder::time;
  return Error{"the order of events is that of the file or the time, not '" + std::string(name) + "'"};
}

namespace {

Result<ReadHistory> read_source(reading::Source source) {
  if (source.options.format == Format::automatic) {
    if (source.bytes.empty()) return Error{source.name + ": empty: no history was written to it"};
    source.options.format = reading::detect(source.bytes);
  }
  return reading::read_as(source.options.format, source);
}

}  // namespace

Result<ReadHistory> read_history_bytes(std::string_view bytes, const std::string& name,
                                       const ReadOptions& options) {
  return read_source({.bytes = bytes, .name = name, .options = options});
}

Result<ReadHistory> read_history(const std::string& path, const ReadOptions& options) {
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored)) return reading::read_directory(path, options);
  const auto file = reading::FileBytes::open(path);
  if (!file) return file.error();
  return read_source({.bytes = file->bytes(),
                      .name = path == "-" ? "standard input" : path,
                      .options = options,
                      .file = &*file});
}

}  // namespace riven
