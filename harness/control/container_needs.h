// What faults need of the containers in which they are injected, as data: plug-ins state it, docker_output.h
// turns it into options.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace riven {

struct ContainerNeeds {
  /// Linux capabilities beyond those that every node gets ("SYS_PTRACE"), and devices ("/dev/fuse"). Only for
  /// agents inside of the container: one on the host has its own.
  std::vector<std::string> capabilities = {};
  std::vector<std::string> devices = {};
  bool mounts = false;           ///< file systems are mounted inside
  int64_t memory_limit_mib = 0;  ///< the container has a limit of its own, without swap; 0: none
  bool restarts = false;         ///< the engine starts it again after its processes were killed

  /// Both at once: the union, and the smaller limit.
  void add(const ContainerNeeds& other);
};

}  // namespace riven
