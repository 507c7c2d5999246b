#include "nemesis/agent/core/host_permissions.h"

#include <unistd.h>

#include <array>
#include <string_view>

#include "harness/core/boot_id.h"

namespace riven::agent {

Result<bool> in_container() {
  constexpr std::string_view kInitial = "pid:[4026531836]";  // PROC_PID_INIT_INO of the kernel
  std::array<char, 64> link{};
  const ssize_t length = ::readlink("/proc/self/ns/pid", link.data(), link.size() - 1);
  if (length <= 0) return Error{"it cannot be told whether this node is a container"};
  return std::string_view(link.data(), static_cast<size_t>(length)) != kInitial;
}

Status check_host_permission(const Context& context, bool allowed, const std::string& key) {
  const Result<bool> container = in_container();
  if (!container) return container.error();
  if (*container || !context.container.empty())
    return Error{"this is a container, whose kernel is not its own"};
  if (!allowed) return Error{"its inventory does not say " + key + " = true for this machine"};
  if (context.controller_boot_id.empty()) return Error{"the controller does not say which kernel is its own"};
  const std::string own = boot_id();
  if (own.empty()) return Error{"this kernel does not say which one it is"};
  if (own == context.controller_boot_id) return Error{"this machine is the controller's own"};
  if (::geteuid() != 0) return Error{"it needs root"};
  return ok_status();
}

}  // namespace riven::agent
