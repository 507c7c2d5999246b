// Assertions that stay on in release: for defects of Riven itself, never for what may go wrong outside.
#pragma once

#include <string_view>

namespace riven {

/// Prints the place and the reason on stderr and aborts. Async-signal-safe; never returns.
[[noreturn]] void check_failed(std::string_view condition, std::string_view file, int line,
                               std::string_view why) noexcept;

}  // namespace riven

/// RIVEN_CHECK(condition, "what it means that this does not hold")
#define RIVEN_CHECK(condition, why)                               \
  do {                                                            \
    if (!(condition)) [[unlikely]] {                              \
      ::riven::check_failed(#condition, __FILE__, __LINE__, why); \
    }                                                             \
  } while (false)
