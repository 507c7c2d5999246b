// Numbers in text. Internal to harness/history.
#pragma once

#include <charconv>
#include <string_view>

#include "harness/core/encoding.h"
#include "harness/history/text_part.h"

namespace riven::reading {

/// Reads a decimal integer with an optional sign from all of `token`; false when it is none or too large.
inline bool parse_integer(std::string_view token, int64_t& out) {
  if (token.starts_with("+")) token.remove_prefix(1);
  const char* const stop = token.data() + token.size();
  const auto [at, code] = std::from_chars(token.data(), stop, out);
  return code == std::errc() && at == stop;
}

/// The same of 12.0 and 1.2e1, for fields that count something, and of 12N.
bool parse_whole(std::string_view token, int64_t& out);

// Both write equal numbers alike, each by its format's own rule; what is no number becomes the string of its
// text. See reader.h for what becomes of which number.

/// JSON has one kind of number: 1, 1.0, 10e-1 are the same.
void write_json_number(std::string_view token, ValueWriter& out, SymbolCache& symbols);
/// EDN has several: 1 and 1N are integers, 1.0 is a real, 1.50M is a decimal, 2/4 is a ratio.
void write_edn_number(std::string_view token, ValueWriter& out, SymbolCache& symbols);

}  // namespace riven::reading
