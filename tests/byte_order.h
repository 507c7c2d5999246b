// Numbers as eight bytes, for tests that write binary formats.
#pragma once

#include <cstdint>
#include <string>

namespace riven::test {

inline std::string little(uint64_t n) {
  std::string out;
  for (int i = 0; i < 8; ++i) out += static_cast<char>(n >> (8 * i));
  return out;
}
inline std::string big(uint64_t n) {
  const std::string out = little(n);
  return {out.rbegin(), out.rend()};
}

}  // namespace riven::test
