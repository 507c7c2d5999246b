// Programs on the controller itself: docker, ssh-keygen, ip.
#pragma once

#include <string>
#include <vector>

#include "harness/control/node.h"
#include "harness/core/result.h"

namespace riven {

/// Runs `argv` (found on PATH) without a shell and returns its outputs and its end; both outputs are drained
/// together. At the deadline it is killed and an error returned. Other errors: there is no such program.
/// Thread-safe.
Result<CommandOutput> run_local(const std::vector<std::string>& argv, const std::string& stdin_data,
                                Milliseconds deadline);

}  // namespace riven
