// Reading the values of fault operations, and options that end up in them.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "harness/core/value.h"

namespace riven {

/// A string or a keyword.
bool is_text(const Value& value);
/// The value of `key` where `spec` is a map that has it, else nil.
Value field(const Value& spec, std::string_view key);
/// The text at `key`, or `fallback` where there is none.
std::string text_field(const Value& spec, std::string_view key, const std::string& fallback);
/// An integer or a real; nullopt: something else.
std::optional<double> number_of(const Value& value);
/// All of `text` as a finite number.
std::optional<double> parse_number(const std::string& text);
/// A number where `text` is one, else the text.
Value number_or_text(const std::string& text);
/// Appends the fields of the map `spec` but those in `without`; nothing where it is no map.
void append_fields(Value::List& into, const Value& spec, const std::vector<std::string_view>& without);
/// The parts of `text` between the separators; an empty text has none.
std::vector<std::string> split(const std::string& text, char separator);

}  // namespace riven
