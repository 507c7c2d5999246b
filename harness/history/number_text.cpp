#include "harness/history/number_text.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <numeric>
#include <optional>
#include <string>

namespace riven::reading {

namespace {

/// sign * digits * 10^exponent; `digits` neither begins nor ends with a zero, and is empty for zero.
struct Decimal {
  bool negative = false;
  std::string digits;
  int64_t exponent = 0;

  bool is_whole() const { return exponent >= 0; }
  /// Without an exponent where that is of reasonable length.
  std::string text() const;
};

bool is_digit(char c) { return c >= '0' && c <= '9'; }

std::optional<Decimal> parse_decimal(std::string_view token) {
  Decimal out;
  if (token.starts_with("-") || token.starts_with("+")) {
    out.negative = token[0] == '-';
    token.remove_prefix(1);
  }
  size_t at = 0;
  size_t point = std::string_view::npos;
  for (; at < token.size() && (is_digit(token[at]) || token[at] == '.'); ++at) {
    if (is_digit(token[at])) {
      out.digits += token[at];
    } else if (point == std::string_view::npos) {
      point = at;
    } else {
      return std::nullopt;
    }
  }
  if (out.digits.empty()) return std::nullopt;
  if (point != std::string_view::npos) out.exponent -= static_cast<int64_t>(at - point - 1);
  if (at < token.size()) {
    constexpr int64_t kFar = int64_t{1} << 40;
    int64_t exponent = 0;
    if ((token[at] | 0x20) != 'e' || !parse_integer(token.substr(at + 1), exponent) || exponent > kFar ||
        exponent < -kFar)
      return std::nullopt;
    out.exponent += exponent;
  }
  const size_t last = out.digits.find_last_not_of('0');
  if (last == std::string::npos) return Decimal();
  out.exponent += static_cast<int64_t>(out.digits.size() - 1 - last);
  out.digits.resize(last + 1);
  out.digits.erase(0, out.digits.find_first_not_of('0'));
  return out;
}

std::string Decimal::text() const {
  constexpr int64_t kLongest = 400;
  const std::string sign = negative ? "-" : "";
  const auto count = static_cast<int64_t>(digits.size());
  if (is_whole() && count + exponent <= kLongest)
    return sign + digits + std::string(static_cast<size_t>(exponent), '0');
  if (is_whole() || exponent < -kLongest) return sign + digits + "e" + std::to_string(exponent);
  const std::string padded =
      std::string(static_cast<size_t>(std::max<int64_t>(0, 1 - exponent - count)), '0') + digits;
  const size_t whole = padded.size() - static_cast<size_t>(-exponent);
  return sign + padded.substr(0, whole) + "." + padded.substr(whole);
}

std::optional<int64_t> whole_number(const Decimal& decimal) {
  constexpr int64_t kMostDigits = 19;
  if (decimal.digits.empty()) return 0;
  if (!decimal.is_whole() || static_cast<int64_t>(decimal.digits.size()) + decimal.exponent > kMostDigits)
    return std::nullopt;
  int64_t out = 0;
  return parse_integer(decimal.text(), out) ? std::optional(out) : std::nullopt;
}

/// The nearest finite real of a token without a `+` at its beginning.
std::optional<double> real_of(std::string_view token) {
  double real = 0;
  const char* const stop = token.data() + token.size();
  const auto [at, code] = std::from_chars(token.data(), stop, real);
  return code == std::errc() && at == stop && std::isfinite(real) ? std::optional(real) : std::nullopt;
}

/// Whether the real is this whole number to the last digit.
bool is_exactly(const Decimal& whole, double real) {
  char text[400];
  const int length = std::snprintf(text, sizeof text, "%.0f", real);
  return whole.text() == std::string_view(text, static_cast<size_t>(length));
}

bool has_fraction_or_exponent(std::string_view token) {
  return token.find_first_of(".eE") != std::string_view::npos;
}

std::optional<std::string> ratio_text(std::string_view token, int64_t& whole) {
  const size_t slash = token.find('/');
  int64_t above = 0;
  int64_t below = 0;
  if (slash == std::string_view::npos || !parse_integer(token.substr(0, slash), above) ||
      !parse_integer(token.substr(slash + 1), below) || below <= 0 || above == INT64_MIN)
    return std::nullopt;
  const int64_t common = std::gcd(above, below);
  whole = above / common;
  return below == common ? std::string() : std::to_string(whole) + "/" + std::to_string(below / common);
}

}  // namespace

bool parse_whole(std::string_view token, int64_t& out) {
  if (parse_integer(token, out)) return true;
  if (token.ends_with("N") || token.ends_with("M")) token.remove_suffix(1);
  const auto decimal = parse_decimal(token);
  const auto whole = decimal ? whole_number(*decimal) : std::nullopt;
  if (whole) out = *whole;
  return whole.has_value();
}

void write_json_number(std::string_view token, ValueWriter& out, SymbolCache& symbols) {
  int64_t integer = 0;
  if (parse_integer(token, integer)) return out.integer(integer);
  const auto decimal = parse_decimal(token);
  if (!decimal) return out.string(symbols(token));
  if (const auto whole = whole_number(*decimal)) return out.integer(*whole);
  // Beyond 64 bits two whole numbers that differ may have the same nearest real: those that are written out,
  // and those that a real holds to the last digit, are told apart by their digits.
  const auto real = has_fraction_or_exponent(token) ? real_of(token) : std::nullopt;
  if (real && !(decimal->is_whole() && is_exactly(*decimal, *real))) return out.real(*real);
  out.string(symbols(decimal->text()));
}

void write_edn_number(std::string_view token, ValueWriter& out, SymbolCache& symbols) {
  int64_t integer = 0;
  if (parse_integer(token, integer)) return out.integer(integer);
  std::string_view number = token.starts_with("+") ? token.substr(1) : token;
  const bool exact = number.ends_with("N") || number.ends_with("M");
  if (exact) number.remove_suffix(1);
  if (const auto decimal = parse_decimal(number)) {
    const bool is_real = !exact && has_fraction_or_exponent(number);
    if (const auto real = is_real ? real_of(number) : std::nullopt) return out.real(*real);
    const auto whole = is_real ? std::nullopt : whole_number(*decimal);
    return whole ? out.integer(*whole) : out.string(symbols(decimal->text()));
  }
  if (const auto ratio = ratio_text(number, integer))
    return ratio->empty() ? out.integer(integer) : out.string(symbols(*ratio));
  out.string(symbols(token));
}

}  // namespace riven::reading
