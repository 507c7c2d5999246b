// Escapes in strings of EDN and JSON, and code points as UTF-8. Internal to harness/history.
#pragma once

#include <charconv>
#include <cstdint>
#include <string>

namespace riven::reading {

/// Appends `code`, up to 0x10ffff. A lone surrogate is written like any other code point of its size.
inline void put_utf8(std::string& to, uint32_t code) {
  const auto tail = [&](int shift) { to += static_cast<char>(0x80 | ((code >> shift) & 0x3f)); };
  if (code < 0x80) {
    to += static_cast<char>(code);
  } else if (code < 0x800) {
    to += static_cast<char>(0xc0 | (code >> 6));
    tail(0);
  } else if (code < 0x10000) {
    to += static_cast<char>(0xe0 | (code >> 12));
    tail(6), tail(0);
  } else {
    to += static_cast<char>(0xf0 | (code >> 18));
    tail(12), tail(6), tail(0);
  }
}

/// The code point behind a \u: four hexadecimal digits, or a pair of surrogates with a \u between. Moves `at`
/// behind it. False: no four digits, `at` stays. Demands end - at >= 4.
inline bool read_code_point(const char*& at, const char* end, uint32_t& code) {
  const auto four = [](const char* digits, uint32_t& to) {
    const auto [stop, status] = std::from_chars(digits, digits + 4, to, 16);
    return status == std::errc() && stop == digits + 4;
  };
  if (!four(at, code)) return false;
  at += 4;
  uint32_t low = 0;
  if (code >= 0xd800 && code < 0xdc00 && end - at >= 6 && at[0] == '\\' && at[1] == 'u' &&
      four(at + 2, low) && low >= 0xdc00 && low < 0xe000) {
    at += 6;
    code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
  }
  return true;
}

/// What \n, \t, \r, \b and \f stand for; 0: another letter.
constexpr char control_character(char letter) {
  return letter == 'n'   ? '\n'
         : letter == 't' ? '\t'
         : letter == 'r' ? '\r'
         : letter == 'b' ? '\b'
         : letter == 'f' ? '\f'
                         : '\0';
}

}  // namespace riven::reading
