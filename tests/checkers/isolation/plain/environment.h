// How many histories a test makes.
#pragma once

#include <cstdint>
#include <cstdlib>

namespace riven::checkers::isolation::plain {

/// The number in an environment variable, or else `otherwise`.
inline uint64_t number_from(const char* variable, uint64_t otherwise) {
  const char* const text = std::getenv(variable);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

}  // namespace riven::checkers::isolation::plain
