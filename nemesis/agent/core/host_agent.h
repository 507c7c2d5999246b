// The agent on the host: a process of the controller's machine that enters a container's namespaces and keeps
// its own rights. The container needs none.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

#include "harness/core/result.h"
#include "nemesis/agent/core/fault.h"

namespace riven::agent {

struct Container {
  std::string id;  ///< as its engine names it: hexadecimal digits, 64 of them
  pid_t init = 0;  ///< its first process, as this machine numbers it
};

/// Where a process is in the hierarchy of control groups that bounds memory: version 1's, else version 2's.
struct GroupPath {
  std::string path;
  bool second = false;  ///< version 2
};
/// From the text of /proc/PID/cgroup.
std::optional<GroupPath> memory_group_path(const std::string& cgroup);

/// "ID:PID"; nullopt: something else.
std::optional<Container> container_from(const std::string& text);

/// Makes sure that the process is of that container and that the container shares none of the namespaces that
/// faults work on with this process; then takes along what faults need of this machine (context.fuse_device,
/// context.memory_group), sets context.container and enters the namespaces of network, mounts, processes, IPC
/// and host name. This process itself stays outside of the container's PID namespace: only its children are
/// inside. Nothing is entered after an error of the first part; after any error the process must end. The
/// process must have one thread.
Status enter_container(const Container& container, Context& context);

/// For the child that was forked after enter_container, before it does anything: whether it sees the
/// container's processes and none but those.
Status check_inside();

}  // namespace riven::agent
