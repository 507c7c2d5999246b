#include "harness/core/text.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace riven {
namespace {

constexpr std::string_view kReplacement = "\xef\xbf\xbd";

/// Length of the well-formed UTF-8 sequence at the front of `text`, 0 if there is none (Unicode 15, table
/// 3-7).
size_t sequence_length(std::string_view text) {
  const auto byte = [&](size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U; };
  const auto between = [&](size_t i, unsigned low, unsigned high) {
    return byte(i) >= low && byte(i) <= high;
  };
  const unsigned lead = byte(0);
  if (lead < 0x80) return 1;
  if (lead >= 0xc2 && lead <= 0xdf) return between(1, 0x80, 0xbf) ? 2 : 0;
  if (lead >= 0xe0 && lead <= 0xef) {
    const unsigned low = lead == 0xe0 ? 0xa0 : 0x80;
    const unsigned high = lead == 0xed ? 0x9f : 0xbf;
    return between(1, low, high) && between(2, 0x80, 0xbf) ? 3 : 0;
  }
  if (lead >= 0xf0 && lead <= 0xf4) {
    const unsigned low = lead == 0xf0 ? 0x90 : 0x80;
    const unsigned high = lead == 0xf4 ? 0x8f : 0xbf;
    return between(1, low, high) && between(2, 0x80, 0xbf) && between(3, 0x80, 0xbf) ? 4 : 0;
  }
  return 0;
}

/// Calls plain(piece) for each well-formed character and replaced() for each byte that is in none.
template <typename Plain, typename Replaced>
void for_each_character(std::string_view text, Plain&& plain, Replaced&& replaced) {
  while (!text.empty()) {
    const size_t length = sequence_length(text);
    if (length == 0)
      replaced();
    else
      plain(text.substr(0, length));
    text.remove_prefix(length == 0 ? 1 : length);
  }
}

}  // namespace

std::string grouped(int64_t number) {
  std::string digits = std::to_string(number);
  const size_t first = digits[0] == '-' ? 1 : 0;
  for (size_t at = digits.size(); at > first + 3;) digits.insert(at -= 3, ",");
  return digits;
}

std::string fixed(double number, int digits) {
  if (std::isnan(number)) return "-";
  char text[400];
  std::snprintf(text, sizeof text, "%.*f", digits, number);
  std::string result = text;
  if (result[0] == '-' && result.find_first_of("123456789") == std::string::npos) result.erase(0, 1);
  return result;
}

std::string duration_text(int64_t duration_ns) {
  const auto ns = static_cast<double>(duration_ns);
  if (duration_ns < 0) return "-" + duration_text(duration_ns == INT64_MIN ? INT64_MAX : -duration_ns);
  if (duration_ns < 1'000) return std::to_string(duration_ns) + " ns";
  if (ns < 999.5e3) return fixed(ns / 1e3, ns < 9.95e3 ? 1 : 0) + " us";
  if (ns < 999.5e6) return fixed(ns / 1e6, ns < 9.995e6 ? 2 : ns < 99.95e6 ? 1 : 0) + " ms";
  if (ns < 119.5e9) return fixed(ns / 1e9, ns < 9.995e9 ? 2 : 1) + " s";
  const int64_t seconds = std::llround(ns / 1e9);
  if (seconds < 7200) return std::to_string(seconds / 60) + " min " + std::to_string(seconds % 60) + " s";
  return std::to_string(seconds / 3600) + " h " + std::to_string(seconds % 3600 / 60) + " min";
}

std::string moment_text(int64_t time_ns) { return fixed(static_cast<double>(time_ns) / 1e9, 3) + " s"; }

std::string counted(uint64_t count, std::string_view singular, std::string_view plural) {
  std::string text = grouped(static_cast<int64_t>(count)) + " ";
  if (count == 1) return text.append(singular);
  return plural.empty() ? text.append(singular).append("s") : text.append(plural);
}

std::string lower_case(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return out;
}

bool same_name(std::string_view a, std::string_view b) {
  const auto plain = [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c == '_' ? '-' : c;
  };
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [&](char x, char y) { return plain(x) == plain(y); });
}

std::string escape_markup(std::string_view text) {
  std::string out;
  out.reserve(text.size() + text.size() / 8);
  for_each_character(
      text,
      [&](std::string_view c) {
        const auto first = static_cast<unsigned char>(c[0]);
        if (c == "&")
          out += "&amp;";
        else if (c == "<")
          out += "&lt;";
        else if (c == ">")
          out += "&gt;";
        else if (c == "\"")
          out += "&quot;";
        else if (c == "'")
          out += "&#39;";
        else if ((first < 0x20 && c != "\n" && c != "\t") || first == 0x7f || c == "\xef\xbf\xbe" ||
                 c == "\xef\xbf\xbf")
          out += kReplacement;
        else
          out += c;
      },
      [&] { out += kReplacement; });
  return out;
}

std::string valid_utf8(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for_each_character(
      text, [&](std::string_view c) { out += c; }, [&] { out += kReplacement; });
  return out;
}

}  // namespace riven
