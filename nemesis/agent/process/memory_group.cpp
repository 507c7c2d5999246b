#include "nemesis/agent/process/memory_group.h"

#include <unistd.h>

#include <charconv>
#include <sstream>

#include "nemesis/agent/core/control_groups.h"
#include "nemesis/agent/core/proc_file.h"

namespace riven::agent {
namespace {

/// The number behind `key` at the beginning of a line; -1: there is none.
int64_t number_after(const std::string& text, const std::string& key) {
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (line.rfind(key, 0) != 0) continue;
    const size_t at = line.find_first_of("0123456789", key.size());
    int64_t number = -1;
    if (at != std::string::npos) std::from_chars(line.data() + at, line.data() + line.size(), number);
    return number;
  }
  return -1;
}

constexpr int64_t kNoLimit = int64_t{1} << 50;  // version 1 says 2^63 less a page

int64_t limit_of(const std::string& folder, bool second) {
  const int64_t limit =
      second ? number_after(read_proc_file(folder + "/memory.max"), "")
             : number_after(read_proc_file(folder + "/memory.stat"), "hierarchical_memory_limit ");
  return limit < kNoLimit ? limit : -1;
}

bool is_second(const std::string& folder) { return ::access((folder + "/memory.events").c_str(), R_OK) == 0; }

}  // namespace

MemoryGroup::MemoryGroup(std::string folder)
    : folder_(std::move(folder)), second_(is_second(folder_)), limit_bytes_(limit_of(folder_, second_)) {}

std::optional<MemoryGroup> MemoryGroup::own() {
  const std::string cgroup = read_proc_file("/proc/self/cgroup");
  for (const bool second : {false, true}) {
    const std::string path = group_path(cgroup, second ? "" : "memory");
    if (path.empty()) continue;
    const std::string base = second ? "/sys/fs/cgroup" : "/sys/fs/cgroup/memory";
    // In a container the path is the engine's and the mount begins at the container's own group.
    for (const std::string& folder : {base + path, base}) {
      MemoryGroup group(folder);
      if (group.limit_bytes_ > 0) return group;
    }
  }
  return std::nullopt;
}

int64_t MemoryGroup::held_bytes() const {
  const std::string text = read_proc_file(folder_ + "/memory.stat");
  return number_after(text, second_ ? "anon " : "total_rss ");
}

int64_t MemoryGroup::oom_kills() const {
  return number_after(read_proc_file(folder_ + (second_ ? "/memory.events" : "/memory.oom_control")),
                      "oom_kill ");
}

int64_t available_bytes() {
  constexpr int64_t kKiB = 1024;
  const int64_t kib = number_after(read_proc_file("/proc/meminfo"), "MemAvailable:");
  return kib < 0 ? -1 : kib * kKiB;
}

}  // namespace riven::agent
