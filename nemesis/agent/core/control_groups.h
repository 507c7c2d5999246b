// Which control groups a process is in, by cgroups(7), /proc/pid/cgroup.
#pragma once

#include <string>

namespace riven::agent {

/// The path, from its hierarchy's root, of the group that `cgroup` (the text of /proc/PID/cgroup) names for a
/// controller of version 1 ("memory"), or for version 2 (""). Empty: none.
std::string group_path(const std::string& cgroup, const std::string& controller);

}  // namespace riven::agent
