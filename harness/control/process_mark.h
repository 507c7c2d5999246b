// A text that names one process of one boot of one machine for ever, so that another process can tell that it
// is gone.
#pragma once

#include <string>

namespace riven {

/// This process: boot id, pid namespace, pid and start time, by ':'. Empty where /proc does not tell.
std::string process_mark();

/// Whether the process that `mark` names has certainly ended: it was of this boot and of this pid namespace,
/// and no process has its pid and its start time. False for any mark that cannot be judged from here.
bool process_is_gone(const std::string& mark);

}  // namespace riven
