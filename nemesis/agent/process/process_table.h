// The processes of a node, as /proc tells them.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "harness/core/json.h"

namespace riven::agent {

/// A process, distinguished by its start time from a later one with the same number.
struct ProcessId {
  pid_t pid = 0;
  uint64_t start_ticks = 0;
  friend auto operator<=>(const ProcessId&, const ProcessId&) = default;
};

struct ProcessInfo {
  ProcessId id;
  pid_t parent = 0;
  char state = '?';  ///< of the main thread: R S D T t Z X
  bool stopped =
      false;         ///< every thread is stopped (T or t), or frozen (trees alone); zombies count as stopped
  std::string name;  ///< last part of the program's path (argv[0]), else the kernel's short name
  std::string short_name;
};

/// All processes but kernel threads, this one and its ancestors. Reading is not atomic: who comes and goes
/// meanwhile may or may not be there. O(processes).
std::vector<ProcessInfo> read_processes();

/// Those whose name (or short name) is one of `names`, and all their descendants, sorted by id.
std::vector<ProcessInfo> process_trees(const std::vector<std::string>& names);

/// The process now, if it still is the same one and no zombie.
bool is_alive(const ProcessId& id);
/// Whether every thread of it is stopped, or frozen.
bool is_stopped(const ProcessId& id);

Json to_json(const std::vector<ProcessId>& ids);
std::vector<ProcessId> process_ids_from(const Json& record, const char* key);

}  // namespace riven::agent
