#include "nemesis/agent/core/host_agent.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <sstream>
#include <vector>

#include "nemesis/agent/core/control_groups.h"
#include "nemesis/agent/core/proc_file.h"

namespace riven::agent {
namespace {

constexpr size_t kIdLength = 64;

struct Namespace {
  const char* name;
  int flag;
  bool must_differ;  // sharing it with this machine, faults would strike the machine
  const char* option;
};
/// The mounts last: the files of the others are looked up through them. No control group's: files of the
/// container's group are used through what was opened outside.
constexpr std::array<Namespace, 5> kNamespaces = {{{"ipc", CLONE_NEWIPC, false, ""},
                                                   {"uts", CLONE_NEWUTS, false, ""},
                                                   {"net", CLONE_NEWNET, true, "--network host"},
                                                   {"pid", CLONE_NEWPID, true, "--pid host"},
                                                   {"mnt", CLONE_NEWNS, true, ""}}};

bool is_same(const struct stat& one, const struct stat& other) {
  return one.st_dev == other.st_dev && one.st_ino == other.st_ino;
}

/// Where this machine has that hierarchy mounted from its root, by proc(5), /proc/pid/mountinfo: fields 4 and
/// 5 are root and place, behind a lone '-' come type, source and options.
std::string hierarchy_folder(bool second) {
  std::istringstream lines(read_proc_file("/proc/self/mountinfo"));
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string skipped, root, place, type, source, options;
    words >> skipped >> skipped >> skipped >> root >> place;
    while (words >> skipped && skipped != "-") {
    }
    if (!(words >> type >> source >> options) || root != "/") continue;
    if (second ? type == "cgroup2"
               : type == "cgroup" && ("," + options + ",").find(",memory,") != std::string::npos)
      return place;
  }
  return {};
}

/// A path by which what is opened here stays reachable from inside. The descriptor is never closed; programs
/// that the agent starts have it too.
std::string kept(const std::string& path, int flags) {
  const int fd = ::open(path.c_str(), O_PATH | flags);
  return fd < 0 ? std::string() : "/proc/self/fd/" + std::to_string(fd);
}

std::string kept_memory_group(const std::string& cgroup) {
  const std::optional<GroupPath> group = memory_group_path(cgroup);
  if (!group) return {};
  const std::string hierarchy = hierarchy_folder(group->second);
  return hierarchy.empty() ? std::string() : kept(hierarchy + group->path, O_DIRECTORY);
}

/// The container's namespaces, held open.
class Door {
 public:
  Door() = default;
  Door(const Door&) = delete;
  Door& operator=(const Door&) = delete;
  ~Door() {
    for (const int fd : open_) ::close(fd);
  }

  /// `folder` is a descriptor of /proc/PID: it stays that process's when the number passes on.
  Status open(int folder, const std::string& who) {
    struct stat here {
    }, there{};
    if (::fstatat(folder, "ns/user", &there, 0) != 0 || ::stat("/proc/self/ns/user", &here) != 0)
      return Error{"the namespaces of " + who + " cannot be seen: " + std::strerror(errno)};
    if (!is_same(here, there))
      return Error{who +
                   " has users of its own (userns-remap, rootless): --agent host does not support that"};
    for (const Namespace& each : kNamespaces) {
      const std::string name = std::string("ns/") + each.name;
      const int fd = ::openat(folder, name.c_str(), O_RDONLY | O_CLOEXEC);
      if (fd < 0) return Error{"the namespaces of " + who + " cannot be opened: " + std::strerror(errno)};
      open_.push_back(fd);
      if (::fstat(fd, &there) != 0 || ::stat(("/proc/self/" + name).c_str(), &here) != 0)
        return Error{"the namespaces of " + who + " cannot be told: " + std::strerror(errno)};
      if (each.must_differ && is_same(here, there))
        return Error{who + " shares the " + each.name + " namespace of this machine" +
                     (*each.option == '\0' ? "" : std::string(" (") + each.option + ")") +
                     ": faults would strike the machine itself"};
    }
    return ok_status();
  }

  Status enter(const std::string& who) const {
    for (size_t i = 0; i < open_.size(); ++i) {
      if (::setns(open_[i], kNamespaces[i].flag) != 0)
        return Error{std::string("cannot enter the ") + kNamespaces[i].name + " namespace of " + who + ": " +
                     std::strerror(errno) + (errno == EPERM ? " (riven must be root on this machine)" : "")};
    }
    return ok_status();
  }

 private:
  std::vector<int> open_;
};

std::string read_at(int folder, const char* name) {
  const int fd = ::openat(folder, name, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return {};
  std::string text;
  std::array<char, 4096> buffer{};
  ssize_t got = 0;
  while ((got = ::read(fd, buffer.data(), buffer.size())) > 0)
    text.append(buffer.data(), static_cast<size_t>(got));
  ::close(fd);
  return text;
}

}  // namespace

std::optional<GroupPath> memory_group_path(const std::string& cgroup) {
  for (const bool second : {false, true}) {
    const std::string path = group_path(cgroup, second ? "" : "memory");
    if (!path.empty()) return GroupPath{path, second};
  }
  return std::nullopt;
}

std::optional<Container> container_from(const std::string& text) {
  Container container;
  const size_t colon = text.find(':');
  if (colon != kIdLength) return std::nullopt;
  container.id = text.substr(0, colon);
  const bool is_id = std::all_of(container.id.begin(), container.id.end(), [](unsigned char c) {
    return std::isdigit(c) != 0 || (c >= 'a' && c <= 'f');
  });
  const char* const last = text.data() + text.size();
  const auto [end, error] = std::from_chars(text.data() + colon + 1, last, container.init);
  if (!is_id || error != std::errc() || end != last || container.init <= 1) return std::nullopt;
  return container;
}

Status enter_container(const Container& container, Context& context) {
  const std::string who = "container " + container.id.substr(0, 12);
  const int folder =
      ::open(("/proc/" + std::to_string(container.init)).c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (folder < 0)
    return Error{who + " has no process " + std::to_string(container.init) + " on this machine any more"};
  const std::string cgroup = read_at(folder, "cgroup");
  Door door;
  Status ready = door.open(folder, who);
  ::close(folder);
  if (cgroup.find(container.id) == std::string::npos)
    return Error{"process " + std::to_string(container.init) + " of this machine is none of " + who};
  if (!ready) return ready;
  context.container = container.id;
  context.fuse_device = kept("/dev/fuse", 0);
  context.memory_group = kept_memory_group(cgroup);
  ::umask(022);
  return door.enter(who);
}

Status check_inside() {
  const auto refuse = [](const std::string& why) {
    return Error{"the container's processes cannot be distinguished from this machine's: " + why};
  };
  std::array<char, 32> link{};
  const ssize_t length = ::readlink("/proc/self", link.data(), link.size() - 1);
  if (length <= 0) return refuse("it has no /proc");
  // proc(5), /proc/pid/status: the numbers of a process in the PID namespace of that /proc and in all below
  // it.
  std::istringstream lines(read_proc_file("/proc/self/status"));
  std::string line;
  while (std::getline(lines, line) && line.rfind("NSpid:", 0) != 0) {
  }
  std::istringstream words(line);
  std::string key, number, more;
  words >> key >> number;
  if (number != std::to_string(::getpid()) || number != link.data() || (words >> more))
    return refuse("its /proc is not its own");
  return ok_status();
}

}  // namespace riven::agent
