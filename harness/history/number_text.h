// Numbers in text. Internal to harness/history.
#pragma once

#include <charconv>
#include <cmath>
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

/// Writes what `token` is: an integer, a real where it is a finite number of JSON or EDN, else a string.
inline void write_number(std::string_view token, ValueWriter& out, SymbolCache& symbols) {
  int64_t integer = 0;
  if (parse_integer(token, integer)) return out.integer(integer);
  const std::string_view unsigned_token = token.starts_with("+") ? token.substr(1) : token;
  const char* const stop = unsigned_token.data() + unsigned_token.size();
  double real = 0;
  const auto [at, code] = std::from_chars(unsigned_token.data(), stop, real);
  const bool fraction = token.find_first_of(".eE") != std::string_view::npos;
  if (code == std::errc() && at == stop && fraction && std::isfinite(real)) return out.real(real);
  out.string(symbols(token));
}

}  // namespace riven::reading
