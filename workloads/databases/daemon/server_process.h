// A server program on a node, started in the background and steered by its pid file.
#pragma once

#include <string>
#include <vector>

#include "harness/control/node.h"

namespace riven::databases {

/// Starts, signals and stops one daemon on a node over its session. All calls are idempotent; a pid is only
/// trusted while its process has `name` as its command name, so a recycled pid is never signalled.
struct ServerProcess {
  std::string name;  ///< the kernel's name of the process (/proc/PID/comm, 15 characters at most)
  std::string pid_file;
  std::string log_file;   ///< stdout and stderr are appended
  std::string user = {};  ///< run as; empty: root

  /// Starts argv unless it runs already. Returns once the process exists; readiness is the caller's to wait
  /// for.
  Status start(const Node& node, const std::vector<std::string>& argv) const;
  /// Sends a signal ("KILL", "STOP", "CONT", "TERM") to the process and its descendants. No process: nothing
  /// to do.
  Status signal(const Node& node, const std::string& signal) const;
  /// Kills it and waits until it is gone.
  Status stop(const Node& node) const;
};

}  // namespace riven::databases
