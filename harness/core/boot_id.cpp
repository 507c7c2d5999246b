#include "harness/core/boot_id.h"

#include <fstream>

namespace riven {

std::string boot_id() {
  std::ifstream file("/proc/sys/kernel/random/boot_id");
  std::string id;
  std::getline(file, id);
  return id;
}

}  // namespace riven
