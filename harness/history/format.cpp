#include "harness/history/format.h"

#include <array>
#include <utility>

namespace riven {

namespace {
constexpr std::array<std::pair<Format, std::string_view>, 11> kNames = {{
    {Format::automatic, "auto"},
    {Format::riven, "riven"},
    {Format::edn, "edn"},
    {Format::jsonl, "jsonl"},
    {Format::jepsen_log, "jepsen-log"},
    {Format::porcupine, "porcupine"},
    {Format::elle_json, "elle-json"},
    {Format::plume, "plume"},
    {Format::dbcop, "dbcop"},
    {Format::cobra, "cobra"},
    {Format::awdit, "awdit"},
}};
}  // namespace

std::string_view to_text(Format format) {
  for (const auto& [known, name] : kNames) {
    if (known == format) return name;
  }
  return "?";
}

std::optional<Format> parse_format(std::string_view name) {
  for (const auto& [format, known] : kNames) {
    if (known == name) return format;
  }
  return std::nullopt;
}

std::string format_names() {
  std::string names;
  for (const auto& [format, name] : kNames) {
    if (format == Format::automatic) continue;
    if (!names.empty()) names += ", ";
    names += name;
  }
  return names;
}

}  // namespace riven
