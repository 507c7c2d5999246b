// Code points as UTF-8. Internal to harness/history.
#pragma once

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

}  // namespace riven::reading
