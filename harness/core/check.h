// Assertions that stay on in release: for defects of Riven itself, never for what may go wrong outside.
#pragma once

#include <stdexcept>
#include <string_view>

namespace riven {

/// A defect of Riven's, thrown by RIVEN_CHECK. Caught at two borders alone: a checker that has one is
/// `unknown` and the run's other checks go on; the command line ends with exit code 70. Anywhere else it ends
/// the program.
class Defect : public std::logic_error {
 public:
  using std::logic_error::logic_error;
};

/// Throws Defect with the reason and the place; never returns.
[[noreturn]] void check_failed(std::string_view condition, std::string_view file, int line,
                               std::string_view why);

}  // namespace riven

/// RIVEN_CHECK(condition, "what it means that this does not hold")
#define RIVEN_CHECK(condition, why)                               \
  do {                                                            \
    if (!(condition)) [[unlikely]] {                              \
      ::riven::check_failed(#condition, __FILE__, __LINE__, why); \
    }                                                             \
  } while (false)
