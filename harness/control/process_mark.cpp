#include "harness/control/process_mark.h"

#include <unistd.h>

#include <fstream>
#include <sstream>

#include "harness/core/boot_id.h"

namespace riven {

namespace {

// "boot:namespace", or nothing.
std::string place() {
  const std::string boot = boot_id();
  char space[64] = {};
  if (boot.empty() || ::readlink("/proc/self/ns/pid", space, sizeof space - 1) <= 0) return "";
  std::string name(space);  // pid:[4026531836]
  const size_t from = name.find('['), to = name.find(']');
  if (from == std::string::npos || to == std::string::npos) return "";
  return boot + ":" + name.substr(from + 1, to - from - 1);
}

// Field 22 of /proc/PID/stat, in ticks since the boot; nothing when there is no such process. A zombie has
// ended.
std::string start_time(const std::string& pid) {
  std::ifstream file("/proc/" + pid + "/stat");
  std::string line;
  if (!std::getline(file, line) || line.rfind(')') == std::string::npos) return "";
  std::istringstream fields(line.substr(line.rfind(')') + 1));
  std::string field;
  fields >> field;  // the state, field 3
  if (field == "Z" || field == "X") return "";
  for (int i = 4; i <= 22; ++i) fields >> field;
  return fields ? field : "";
}

}  // namespace

std::string process_mark() {
  const std::string where = place();
  const std::string pid = std::to_string(::getpid());
  const std::string start = start_time(pid);
  return where.empty() || start.empty() ? "" : where + ":" + pid + ":" + start;
}

bool process_is_gone(const std::string& mark) {
  const std::string where = place();
  if (where.empty() || mark.compare(0, where.size() + 1, where + ":") != 0) return false;
  const std::string rest = mark.substr(where.size() + 1);
  const size_t colon = rest.find(':');
  if (colon == 0 || colon == std::string::npos || colon + 1 == rest.size() ||
      rest.find_first_not_of("0123456789:") != std::string::npos)
    return false;
  return start_time(rest.substr(0, colon)) != rest.substr(colon + 1);
}

}  // namespace riven
