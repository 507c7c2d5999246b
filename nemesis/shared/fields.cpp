#include "nemesis/shared/fields.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <sstream>

namespace riven {

bool is_text(const Value& value) {
  return value.kind() == Value::Kind::string || value.kind() == Value::Kind::keyword;
}

Value field(const Value& spec, std::string_view key) {
  const Value* const found = spec.is_map() ? spec.find(key) : nullptr;
  return found == nullptr ? Value() : *found;
}

std::string text_field(const Value& spec, std::string_view key, const std::string& fallback) {
  const Value found = field(spec, key);
  return is_text(found) ? std::string(found.text()) : fallback;
}

std::optional<double> number_of(const Value& value) {
  if (value.is_integer()) return static_cast<double>(value.integer());
  if (value.kind() == Value::Kind::real) return value.real();
  return std::nullopt;
}

std::optional<double> parse_number(const std::string& text) {
  char* end = nullptr;
  const double number = std::strtod(text.c_str(), &end);
  if (text.empty() || *end != '\0' || !std::isfinite(number)) return std::nullopt;
  return number;
}

Value number_or_text(const std::string& text) {
  const std::optional<double> number = parse_number(text);
  return number ? Value(*number) : Value(text);
}

void append_fields(Value::List& into, const Value& spec, const std::vector<std::string_view>& without) {
  if (!spec.is_map()) return;
  const Value::List& flat = spec.flat_map();
  for (size_t i = 0; i + 1 < flat.size(); i += 2) {
    const bool left_out = std::any_of(without.begin(), without.end(),
                                      [&](std::string_view key) { return flat[i].is_name(key); });
    if (!left_out) into.insert(into.end(), {flat[i], flat[i + 1]});
  }
}

std::vector<std::string> split(const std::string& text, char separator) {
  std::vector<std::string> parts;
  std::istringstream in(text);
  for (std::string part; std::getline(in, part, separator);) parts.push_back(part);
  return parts;
}

}  // namespace riven
