// Programs that keep a machine's clock right.
#pragma once

#include <string>
#include <vector>

#include "harness/core/result.h"

namespace riven::agent {

/// systemd's units among the known ones (systemd-timesyncd, chrony, ntp, ntpsec, openntpd) that are active.
/// Error: such a program runs that systemd did not start, so that nobody could hold it off.
Result<std::vector<std::string>> active_time_services();

/// Errors name the unit that would not.
Status stop_services(const std::vector<std::string>& units);
Status start_services(const std::vector<std::string>& units);

}  // namespace riven::agent
