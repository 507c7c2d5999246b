// What an exception says.
#pragma once

#include <exception>
#include <string>

namespace riven {

/// Its what(), or that there is nothing to say.
inline std::string exception_text(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const std::exception& e) {
    return e.what();
  } catch (...) {
    return "something that is no std::exception";
  }
}

}  // namespace riven
