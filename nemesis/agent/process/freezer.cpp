#include "nemesis/agent/process/freezer.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <set>
#include <sstream>

#include "harness/core/clock.h"
#include "nemesis/agent/core/control_groups.h"
#include "nemesis/agent/core/proc_file.h"

namespace riven::agent {
namespace {

constexpr char kPrefix[] = "/riven-frozen-";
constexpr int64_t kPatienceNs = 2 * kNanosPerSecond;
constexpr useconds_t kRoundUs = 500;

/// Where the hierarchy of version 2 is mounted for writing; empty: nowhere.
std::string mount_point() {
  std::istringstream mounts(read_proc_file("/proc/self/mounts"));
  std::string line;
  while (std::getline(mounts, line)) {
    std::istringstream fields(line);
    std::string device, folder, type, options;
    fields >> device >> folder >> type >> options;
    if (type == "cgroup2" && (options == "rw" || options.rfind("rw,", 0) == 0)) return folder;
  }
  return "";
}

/// The process's group of version 2, from the hierarchy's root; empty: unknown.
std::string group_of(pid_t pid) {
  return group_path(read_proc_file("/proc/" + std::to_string(pid) + "/cgroup"), "");
}

Status write_word(const std::string& file, const std::string& word) {
  const int fd = ::open(file.c_str(), O_WRONLY | O_CLOEXEC);
  const bool written = fd >= 0 && ::write(fd, word.data(), word.size()) == static_cast<ssize_t>(word.size());
  const int error = errno;
  if (fd >= 0) ::close(fd);
  return written ? ok_status() : Status(Error{file + ": " + std::strerror(error)});
}

bool is_frozen(const std::string& folder) {
  return read_proc_file(folder + "/cgroup.events").find("frozen 1") != std::string::npos;
}

std::string parent_of(const std::string& folder) { return folder.substr(0, folder.rfind('/')); }

}  // namespace

std::vector<std::string> freezer_folders(const std::vector<ProcessId>& processes, const std::string& name) {
  const std::string mount = mount_point();
  if (mount.empty()) return {};
  std::set<std::string> folders;
  for (const ProcessId& id : processes) {
    std::string group = group_of(id.pid);
    if (group.empty() && !is_alive(id)) continue;
    // Beyond the root of our own view of the hierarchy a path begins with "/..".
    if (group.empty() || group.rfind("/..", 0) == 0 || group.find(kPrefix) != std::string::npos) return {};
    if (group == "/") group.clear();
    const std::string folder = mount + group;
    if (::access((folder + "/cgroup.procs").c_str(), W_OK) != 0) return {};
    folders.insert(folder + kPrefix + name);
  }
  return {folders.begin(), folders.end()};
}

Status enter_freezer(const std::vector<std::string>& folders, const std::vector<std::string>& names) {
  const std::string mount = mount_point();
  for (const std::string& folder : folders) {
    if (::mkdir(folder.c_str(), 0755) != 0)
      return Error{"cannot make " + folder + ": " + std::strerror(errno)};
    if (::access((folder + "/cgroup.freeze").c_str(), W_OK) != 0)
      return Error{"this kernel cannot freeze control groups of version 2"};
  }
  const int64_t until_ns = monotonic_now_ns() + kPatienceNs;
  for (int quiet = 0; quiet < 2;) {
    ++quiet;
    for (const ProcessInfo& process : process_trees(names)) {
      const std::string group = group_of(process.id.pid), folder = mount + (group == "/" ? "" : group);
      if (group.empty() || std::find(folders.begin(), folders.end(), folder) != folders.end()) continue;
      quiet = 0;
      const auto own = std::find_if(folders.begin(), folders.end(),
                                    [&](const std::string& each) { return parent_of(each) == folder; });
      if (own == folders.end())
        return Error{"process " + std::to_string(process.id.pid) + " is in another control group"};
      const Status moved = write_word(*own + "/cgroup.procs", std::to_string(process.id.pid));
      if (!moved && is_alive(process.id)) return moved;
    }
    if (quiet == 0 && monotonic_now_ns() > until_ns)
      return Error{"processes come faster than they can be moved"};
  }
  return ok_status();
}

Status freeze_groups(const std::vector<std::string>& folders) {
  for (const std::string& folder : folders) {
    if (Status written = write_word(folder + "/cgroup.freeze", "1"); !written) return written;
  }
  const int64_t until_ns = monotonic_now_ns() + kPatienceNs;
  while (!std::all_of(folders.begin(), folders.end(), is_frozen)) {
    if (monotonic_now_ns() > until_ns) return Error{"the processes could not all be frozen within 2 s"};
    ::usleep(kRoundUs);
  }
  return ok_status();
}

Status leave_freezer(const std::vector<std::string>& folders) {
  for (const std::string& folder : folders) (void)write_word(folder + "/cgroup.freeze", "0");
  const int64_t until_ns = monotonic_now_ns() + kPatienceNs;
  for (const std::string& folder : folders) {
    while (::rmdir(folder.c_str()) != 0 && errno != ENOENT) {
      std::istringstream members(read_proc_file(folder + "/cgroup.procs"));
      std::string pid;
      while (members >> pid) (void)write_word(parent_of(folder) + "/cgroup.procs", pid);
      if (monotonic_now_ns() > until_ns) return Error{"the control group " + folder + " cannot be removed"};
      ::usleep(kRoundUs);
    }
  }
  return ok_status();
}

bool is_held_in_freezer(pid_t pid) {
  const std::string group = group_of(pid);
  return group.find(kPrefix) != std::string::npos &&
         read_proc_file(mount_point() + group + "/cgroup.freeze").rfind('1', 0) == 0;
}

bool stands_in_freezer(pid_t pid) {
  const std::string group = group_of(pid);
  return group.find(kPrefix) != std::string::npos && is_frozen(mount_point() + group);
}

}  // namespace riven::agent
