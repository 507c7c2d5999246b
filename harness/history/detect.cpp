#include <algorithm>
#include <cctype>
#include <cstdio>

#include "harness/history/journal_block.h"
#include "harness/history/log_line.h"
#include "harness/history/source_reader.h"

namespace riven::reading {

namespace {

/// How far a file is looked into.
constexpr size_t kLook = 1 << 16;

std::string_view skip_blank(std::string_view text) {
  const size_t at = text.find_first_not_of(" \t\r\n,");
  return at == std::string_view::npos ? std::string_view{} : text.substr(at);
}

/// Without blanks, byte order mark and EDN comments at the beginning.
std::string_view beginning(std::string_view text) {
  if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
  for (text = skip_blank(text); text.starts_with(";"); text = skip_blank(text)) {
    const size_t line_end = text.find('\n');
    if (line_end == std::string_view::npos) return {};
    text.remove_prefix(line_end);
  }
  return text;
}

/// Calls fn with each whole line (the last one too if it is the only one) until it returns true.
template <typename Fn>
bool any_line(std::string_view text, Fn&& fn) {
  while (!text.empty()) {
    const size_t end = text.find('\n');
    if (fn(text.substr(0, end))) return true;
    if (end == std::string_view::npos) return false;
    text.remove_prefix(end + 1);
  }
  return false;
}

bool is_digits(std::string_view text) {
  return !text.empty() &&
         std::all_of(text.begin(), text.end(), [](unsigned char c) { return std::isdigit(c); });
}

bool is_plume_line(std::string_view line) {
  return line.size() > 8 && (line[0] == 'r' || line[0] == 'w') && line[1] == '(' &&
         std::count(line.begin(), line.end(), ',') == 3 && line.find(')') != std::string_view::npos;
}

/// "w K V" or "r K V".
bool is_awdit_line(std::string_view line) {
  if (line.size() < 5 || (line[0] != 'r' && line[0] != 'w') || line[1] != ' ') return false;
  const size_t space = line.find(' ', 2);
  return space != std::string_view::npos && is_digits(line.substr(2, space - 2));
}

/// A map of EDN: Porcupine's when it has :key beside :process and :value at its own level.
Format edn_or_porcupine(std::string_view text) {
  int depth = 0;
  bool in_string = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') ++i;
      in_string = c != '"';
      continue;
    }
    if (c == '"') in_string = true;
    if (c == '{' || c == '[' || c == '(') ++depth;
    if (c == '}' || c == ']' || c == ')') --depth;
    if (c == '}' && depth == 0) break;
    if (c == ':' && depth == 1 && text.substr(i).starts_with(":key ")) return Format::porcupine;
  }
  return Format::edn;
}

/// DBCop: five u64, then three texts of plausible length.
bool is_dbcop(std::string_view bytes) {
  constexpr size_t kNumbers = 40;
  size_t at = kNumbers;
  for (int text = 0; text < 3; ++text) {
    if (bytes.size() < at + 8) return false;
    uint64_t length = 0;
    for (size_t i = 0; i < 8; ++i)
      length |= static_cast<uint64_t>(static_cast<uint8_t>(bytes[at + i])) << (8 * i);
    if (length > 1 << 16) return false;
    at += 8 + length;
  }
  return bytes.size() >= at + 8;
}

}  // namespace

Format detect(std::string_view bytes) {
  if (bytes.starts_with(journal::kFileMagic)) return Format::riven;
  const std::string_view head = bytes.substr(0, kLook);
  const std::string_view text = beginning(head);
  if (text.starts_with("{")) {
    const std::string_view inside = skip_blank(text.substr(1));
    return inside.starts_with("\"") ? Format::jsonl : edn_or_porcupine(text);
  }
  if (text.starts_with("[")) {
    const std::string_view item = skip_blank(text.substr(1));
    const bool json = item.starts_with("{") && skip_blank(item.substr(1)).starts_with("\"");
    return json ? Format::elle_json : item.starts_with("{") ? edn_or_porcupine(item) : Format::edn;
  }
  if (text.starts_with("#") || text.starts_with("(")) return Format::edn;
  if (any_line(head, is_plume_line)) return Format::plume;
  if (any_line(head, [](std::string_view line) { return parse_log_line(line).has_value(); }))
    return Format::jepsen_log;
  if (any_line(head, is_awdit_line)) return Format::awdit;
  if (head.find(journal::kBlockMagic) != std::string_view::npos) return Format::riven;
  return is_dbcop(head) ? Format::dbcop : Format::automatic;
}

}  // namespace riven::reading
