// Whether the node is a machine of its own, on which what concerns the whole machine may be done.
#pragma once

#include <string>

#include "harness/core/result.h"
#include "nemesis/agent/core/fault.h"

namespace riven::agent {

/// Ok when all of these hold: `allowed` (the inventory says `key` = true for this node), this process is in
/// the first PID namespace (no container), and the kernel is another one than the controller's, which was
/// named. Otherwise the error says which does not, in words that follow "this node: ".
Status check_host_permission(const Context& context, bool allowed, const std::string& key);

/// Whether this process runs in a container, that is not in the kernel's first PID namespace.
Result<bool> in_container();

}  // namespace riven::agent
