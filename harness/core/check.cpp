#include "harness/core/check.h"

#include <string>

namespace riven {

void check_failed(std::string_view condition, std::string_view file, int line, std::string_view why) {
  throw Defect(std::string(why) + " (" + std::string(condition) + ") at " + std::string(file) + ":" +
               std::to_string(line));
}

}  // namespace riven
