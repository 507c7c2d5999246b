#include "harness/control/container_needs.h"

#include <algorithm>

namespace riven {
namespace {

void add_missing(std::vector<std::string>& into, const std::vector<std::string>& words) {
  for (const std::string& word : words) {
    if (std::find(into.begin(), into.end(), word) == into.end()) into.push_back(word);
  }
}

}  // namespace

void ContainerNeeds::add(const ContainerNeeds& other) {
  add_missing(capabilities, other.capabilities);
  add_missing(devices, other.devices);
  mounts = mounts || other.mounts;
  restarts = restarts || other.restarts;
  if (memory_limit_mib == 0 || (other.memory_limit_mib > 0 && other.memory_limit_mib < memory_limit_mib))
    memory_limit_mib = other.memory_limit_mib;
}

}  // namespace riven
