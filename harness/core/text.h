// Numbers and foreign text as people and pages read them; the same on every machine (no locale).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace riven {

/// 1234567 as "1,234,567".
std::string grouped(int64_t number);
/// `digits` places after the point; "-0.0" never, not-a-number as "-".
std::string fixed(double number, int digits);
/// A length of time in the unit that suits it: "830 us", "12.3 ms", "4.05 s", "3 min 20 s".
std::string duration_text(int64_t duration_ns);
/// A moment of a run: seconds since it began, to the millisecond: "12.345 s".
std::string moment_text(int64_t time_ns);
/// "1 operation", "2 operations", "1,000 operations".
std::string counted(uint64_t count, std::string_view singular, std::string_view plural = {});

/// With the ASCII letters in lower case.
std::string lower_case(std::string_view text);
/// Whether two names are the same but for the case of ASCII letters, and `_` for `-`.
bool same_name(std::string_view a, std::string_view b);

/// Safe in XML and HTML text and in attribute values with either quote. Control characters that XML 1.0
/// forbids become U+FFFD, as do bytes that are no well-formed UTF-8.
std::string escape_markup(std::string_view text);
/// Well-formed UTF-8: every other byte becomes U+FFFD. For JSON and pages.
std::string valid_utf8(std::string_view text);

}  // namespace riven
