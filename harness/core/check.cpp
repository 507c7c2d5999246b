#include "harness/core/check.h"

#include <unistd.h>

#include <charconv>
#include <cstdlib>

namespace riven {

namespace {
void put(std::string_view text) noexcept {
  while (!text.empty()) {
    const ssize_t written = ::write(STDERR_FILENO, text.data(), text.size());
    if (written <= 0) return;
    text.remove_prefix(static_cast<size_t>(written));
  }
}
}  // namespace

void check_failed(std::string_view condition, std::string_view file, int line,
                  std::string_view why) noexcept {
  char number[16];
  const auto end = std::to_chars(number, number + sizeof number, line).ptr;
  put("riven: defect: ");
  put(why);
  put(" (");
  put(condition);
  put(") at ");
  put(file);
  put(":");
  put({number, static_cast<size_t>(end - number)});
  put("\n");
  std::abort();
}

}  // namespace riven
