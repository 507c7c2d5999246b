// Files of /proc, whose process may end between opening and reading.
#pragma once

#include <string>

namespace riven::agent {

/// The whole file; empty when it is not there, or its process ended meanwhile. (A stream would throw from the
/// middle of a read that fails with ESRCH.)
std::string read_proc_file(const std::string& path);

}  // namespace riven::agent
