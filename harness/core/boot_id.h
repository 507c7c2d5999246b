// Which boot of which kernel this process runs on.
#pragma once

#include <string>

namespace riven {

/// The kernel's random id of this boot: equal in all containers of one machine, another after each boot.
/// Empty where it cannot be read.
std::string boot_id();

}  // namespace riven
