#include "harness/app/units.h"

#include <charconv>
#include <cmath>
#include <utility>

namespace riven {

namespace {

/// A non-negative decimal number and the unit behind it.
std::optional<std::pair<double, std::string_view>> split(std::string_view text) {
  double number = 0;
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), number, std::chars_format::fixed);
  if (error != std::errc() || !std::isfinite(number) || number < 0) return std::nullopt;
  return std::pair(number, text.substr(static_cast<size_t>(end - text.data())));
}

std::optional<int64_t> scale(double number, double unit) {
  const double product = number * unit;
  if (product > 9e18) return std::nullopt;
  return static_cast<int64_t>(std::llround(product));
}

}  // namespace

std::optional<int64_t> parse_duration_ns(std::string_view text) {
  const auto parts = split(text);
  if (!parts) return std::nullopt;
  const auto [number, unit] = *parts;
  if (unit.empty() || unit == "s") return scale(number, 1e9);
  if (unit == "ms") return scale(number, 1e6);
  if (unit == "us") return scale(number, 1e3);
  if (unit == "ns") return scale(number, 1);
  if (unit == "m" || unit == "min") return scale(number, 60e9);
  if (unit == "h") return scale(number, 3600e9);
  return std::nullopt;
}

std::optional<uint64_t> parse_size_bytes(std::string_view text) {
  const auto parts = split(text);
  if (!parts) return std::nullopt;
  const auto [number, unit] = *parts;
  constexpr std::pair<std::string_view, double> kUnits[] = {
      {"", 1},          {"B", 1},       {"KB", 1e3},     {"kB", 1e3},   {"MB", 1e6},
      {"GB", 1e9},      {"TB", 1e12},   {"K", 1024},     {"KiB", 1024}, {"M", 1 << 20},
      {"MiB", 1 << 20}, {"G", 1 << 30}, {"GiB", 1 << 30}};
  for (const auto& [name, factor] : kUnits) {
    if (unit != name) continue;
    const auto bytes = scale(number, factor);
    return bytes ? std::optional(static_cast<uint64_t>(*bytes)) : std::nullopt;
  }
  return std::nullopt;
}

std::optional<size_t> parse_concurrency(std::string_view text, size_t nodes) {
  size_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const std::string_view unit = text.substr(static_cast<size_t>(end - text.data()));
  if (error != std::errc() || number == 0 || number > 100'000 || !(unit.empty() || unit == "n"))
    return std::nullopt;
  return unit == "n" ? number * nodes : number;
}

std::string format_duration(int64_t ns) {
  for (const auto& [unit, factor] :
       {std::pair<const char*, int64_t>{"s", 1'000'000'000}, {"ms", 1'000'000}, {"us", 1000}}) {
    if (ns % factor == 0) return std::to_string(ns / factor) + unit;
    if (factor == 1'000'000'000 && ns > factor && ns % 1'000'000 == 0) {
      std::string text =
          std::to_string(ns / factor) + "." + std::to_string(1000 + ns % factor / 1'000'000).substr(1);
      while (text.back() == '0') text.pop_back();
      return text + unit;
    }
  }
  return std::to_string(ns) + "ns";
}

}  // namespace riven
