#include "nemesis/agent/process/process_table.h"

#include <dirent.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <functional>
#include <optional>
#include <set>
#include <sstream>

#include "harness/core/json_fields.h"
#include "nemesis/agent/core/proc_file.h"
#include "nemesis/agent/process/freezer.h"

namespace riven::agent {
namespace {

void for_each_number(const std::string& directory, const std::function<void(pid_t)>& fn) {
  DIR* dir = opendir(directory.c_str());
  if (dir == nullptr) return;
  while (const dirent* entry = readdir(dir)) {
    const std::string_view name = entry->d_name;
    pid_t pid = 0;
    const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), pid);
    if (error == std::errc() && end == name.data() + name.size()) fn(pid);
  }
  closedir(dir);
}

struct Stat {
  std::string name;
  char state = '?';
  pid_t parent = 0;
  bool kernel_thread = false;
  uint64_t start_ticks = 0;
};

/// proc(5), /proc/pid/stat: the name in brackets may hold anything, so the fields are counted behind the
/// last one.
std::optional<Stat> read_stat(const std::string& path) {
  const std::string text = read_proc_file(path);
  const size_t open = text.find('('), close = text.rfind(')');
  if (open == std::string::npos || close == std::string::npos || close < open) return std::nullopt;
  Stat stat;
  stat.name = text.substr(open + 1, close - open - 1);
  std::istringstream fields(text.substr(close + 1));
  std::string skipped;
  fields >> stat.state >> stat.parent;
  constexpr int kParentField = 4, kFlagsField = 9, kStartField = 22;
  constexpr uint64_t kKernelThread = 0x00200000;  // PF_KTHREAD
  uint64_t flags = 0;
  for (int field = kParentField + 1; field < kFlagsField; ++field) fields >> skipped;
  fields >> flags;
  stat.kernel_thread = (flags & kKernelThread) != 0;
  for (int field = kFlagsField + 1; field < kStartField; ++field) fields >> skipped;
  if (!(fields >> stat.start_ticks)) return std::nullopt;
  return stat;
}

bool is_stopped_state(char state) { return state == 'T' || state == 't' || state == 'Z' || state == 'X'; }

bool all_threads_stopped(pid_t pid) {
  const std::string tasks = "/proc/" + std::to_string(pid) + "/task";
  bool all = true;
  for_each_number(tasks, [&](pid_t tid) {
    const auto stat = read_stat(tasks + "/" + std::to_string(tid) + "/stat");
    if (stat && !is_stopped_state(stat->state)) all = false;
  });
  return all;
}

std::set<pid_t> own_line() {
  std::set<pid_t> line;
  for (pid_t pid = getpid(); pid > 0 && line.insert(pid).second;) {
    const auto stat = read_stat("/proc/" + std::to_string(pid) + "/stat");
    pid = stat ? stat->parent : 0;
  }
  return line;
}

}  // namespace

std::vector<ProcessInfo> read_processes() {
  const std::set<pid_t> own = own_line();
  std::vector<ProcessInfo> processes;
  for_each_number("/proc", [&](pid_t pid) {
    if (own.count(pid) > 0) return;
    const std::string directory = "/proc/" + std::to_string(pid);
    const auto stat = read_stat(directory + "/stat");
    if (!stat || stat->kernel_thread) return;
    // Empty for a zombie, and for a moment in every exec.
    const std::string arguments = read_proc_file(directory + "/cmdline");
    std::string program = arguments.substr(0, arguments.find('\0'));
    program = program.substr(program.rfind('/') + 1);  // npos + 1 is 0
    program = program.substr(0, program.find(' '));    // PostgreSQL writes "postgres: writer" there
    if (!program.empty() && program.back() == ':') program.pop_back();
    processes.push_back({{pid, stat->start_ticks},
                         stat->parent,
                         stat->state,
                         all_threads_stopped(pid),
                         program.empty() ? stat->name : program,
                         stat->name});
  });
  return processes;
}

std::vector<ProcessInfo> process_trees(const std::vector<std::string>& names) {
  const std::vector<ProcessInfo> all = read_processes();
  std::set<pid_t> chosen;
  for (const ProcessInfo& process : all) {
    const bool named = std::any_of(names.begin(), names.end(), [&](const std::string& name) {
      return name == process.name || name == process.short_name;
    });
    if (named && process.state != 'Z') chosen.insert(process.id.pid);
  }
  for (size_t before = 0; before != chosen.size();) {
    before = chosen.size();
    for (const ProcessInfo& process : all) {
      if (chosen.count(process.parent) > 0) chosen.insert(process.id.pid);
    }
  }
  std::vector<ProcessInfo> trees;
  for (const ProcessInfo& process : all) {
    if (chosen.count(process.id.pid) == 0 || process.state == 'Z') continue;
    trees.push_back(process);
    trees.back().stopped = process.stopped || stands_in_freezer(process.id.pid);
  }
  std::sort(trees.begin(), trees.end(),
            [](const ProcessInfo& a, const ProcessInfo& b) { return a.id < b.id; });
  return trees;
}

bool is_alive(const ProcessId& id) {
  const auto stat = read_stat("/proc/" + std::to_string(id.pid) + "/stat");
  return stat && stat->start_ticks == id.start_ticks && stat->state != 'Z' && stat->state != 'X';
}

bool is_stopped(const ProcessId& id) {
  return is_alive(id) && (all_threads_stopped(id.pid) || stands_in_freezer(id.pid));
}

Json to_json(const std::vector<ProcessId>& ids) {
  Json list = Json::array();
  for (const ProcessId& id : ids) list.push_back({{"pid", id.pid}, {"start", id.start_ticks}});
  return list;
}

std::vector<ProcessId> process_ids_from(const Json& record, const char* key) {
  std::vector<ProcessId> ids;
  for (const Json& item : array_of(record, key)) {
    const int64_t pid = integer_of(item, "pid");
    if (pid > 1 && pid <= INT32_MAX) {
      ids.push_back({static_cast<pid_t>(pid), static_cast<uint64_t>(integer_of(item, "start"))});
    }
  }
  return ids;
}

}  // namespace riven::agent
