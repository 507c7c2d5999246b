#include "harness/history/log_line.h"

#include <array>
#include <utility>

namespace riven::reading {

namespace {
bool is_blank(char c) { return c == ' ' || c == '\t'; }
bool is_name(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}
}  // namespace

std::optional<LogLine> parse_log_line(std::string_view line) {
  constexpr std::array<std::pair<std::string_view, OpType>, 4> kTypes = {
      {{":invoke", OpType::invoke}, {":ok", OpType::ok}, {":fail", OpType::fail}, {":info", OpType::info}}};
  for (size_t at = line.find(':'); at != std::string_view::npos; at = line.find(':', at + 1)) {
    for (const auto& [name, type] : kTypes) {
      const std::string_view after = line.substr(at);
      if (!after.starts_with(name) || after.size() <= name.size() || !is_blank(after[name.size()])) continue;
      size_t end = at;
      while (end > 0 && is_blank(line[end - 1])) --end;
      size_t begin = end;
      while (begin > 0 && is_name(line[begin - 1])) --begin;
      const bool keyword = begin > 0 && line[begin - 1] == ':';
      const bool apart = begin == (keyword ? 1U : 0U) || is_blank(line[begin - (keyword ? 2 : 1)]);
      if (begin == end || end == at || !apart) continue;
      return LogLine{line.substr(begin, end - begin), type, after.substr(name.size())};
    }
  }
  return std::nullopt;
}

}  // namespace riven::reading
