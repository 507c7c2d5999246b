#include "checkers/linearizable/failed_comparison.h"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>

namespace riven::linearizable {

namespace {

constexpr std::array<std::string_view, 17> kNames = {"compare-failed",
                                                     "comparison-failed",
                                                     "compare-and-set-failed",
                                                     "cas-failed",
                                                     "cas-mismatch",
                                                     "compare-and-swap-failed",
                                                     "value-mismatch",
                                                     "mismatch",
                                                     "value-not-swap-from",
                                                     "not-equal",
                                                     "wrong-value",
                                                     "unexpected-value",
                                                     "condition-failed",
                                                     "condition-not-met",
                                                     "conditional-check-failed",
                                                     "precondition-failed",
                                                     "conditional-check-failed-exception"};

bool is_upper(char c) { return c >= 'A' && c <= 'Z'; }
bool is_lower(char c) { return c >= 'a' && c <= 'z'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// "Compare failed", "compare_failed" and "CompareFailed" as "compare-failed".
std::string plain(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (!is_upper(c) && !is_lower(c) && !is_digit(c)) {
      if (!out.empty() && out.back() != '-') out += '-';
      continue;
    }
    const bool new_word = is_upper(c) && i > 0 &&
                          (is_lower(text[i - 1]) || is_digit(text[i - 1]) ||
                           (is_upper(text[i - 1]) && i + 1 < text.size() && is_lower(text[i + 1])));
    if (new_word && out.back() != '-') out += '-';
    out += is_upper(c) ? static_cast<char>(c - 'A' + 'a') : c;
  }
  if (out.ends_with('-')) out.pop_back();
  return out;
}

/// The name alone: without the detail behind it, and the package or namespace before it.
bool is_name(std::string_view text) {
  text = text.substr(0, text.find_first_of(":([{,;"));
  if (text.find(' ') == std::string_view::npos) text.remove_prefix(text.find_last_of("./") + 1);
  return std::find(kNames.begin(), kNames.end(), plain(text)) != kNames.end();
}

bool tells(std::string_view key) {
  constexpr std::array<std::string_view, 5> kKeys = {"type", "error", "code", "name", "message"};
  return std::find(kKeys.begin(), kKeys.end(), key) != kKeys.end();
}

}  // namespace

bool names_failed_comparison(const ValueView& error) {
  if (error.is_text()) return is_name(error.symbol().text());
  if (error.is_list()) return !error.empty() && names_failed_comparison(error.at(0));
  if (!error.is_map()) return false;
  for (auto at = error.begin(); at != error.end(); ++at) {
    const ValueView key = *at;
    const ValueView value = *++at;
    if (key.is_text() && tells(key.symbol().text()) && value.is_text() && is_name(value.symbol().text()))
      return true;
  }
  return false;
}

}  // namespace riven::linearizable
