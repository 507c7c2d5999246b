#include "nemesis/agent/core/owner_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstring>
#include <fstream>
#include <utility>

#include "harness/agent_protocol/agent_message.h"
#include "harness/core/clock.h"

namespace riven::agent {
namespace {

/// The process id in the lock file, where it is that of an agent: a number that is out of date must not cost
/// a stranger its life.
pid_t holder(int fd) {
  char text[32] = {};
  const ssize_t got = pread(fd, text, sizeof text - 1, 0);
  pid_t pid = 0;
  if (got <= 0 || std::from_chars(text, text + got, pid).ec != std::errc() || pid <= 1) return 0;
  std::ifstream comm("/proc/" + std::to_string(pid) + "/comm");
  std::string name;
  std::getline(comm, name);
  return name.rfind("riven-agent", 0) == 0 ? pid : 0;
}

bool lock_within(int fd, int patience_ms) {
  const int64_t until = monotonic_now_ns() + patience_ms * kNanosPerMilli;
  while (flock(fd, LOCK_EX | LOCK_NB) != 0) {
    if (monotonic_now_ns() >= until) return false;
    usleep(2000);
  }
  return true;
}

}  // namespace

Result<OwnerLock> OwnerLock::take_over(const std::string& directory, const std::string& owner,
                                       int patience_ms) {
  RIVEN_CHECK(is_agent_name(owner), "an owner's name was not checked before its lock was taken");
  const std::string folder = directory + "/lock";
  mkdir(directory.c_str(), 0700);
  mkdir(folder.c_str(), 0700);
  const std::string path = folder + "/" + owner;
  const int64_t give_up = monotonic_now_ns() + 3 * patience_ms * kNanosPerMilli;
  pid_t predecessor = 0;
  while (true) {
    const int fd = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) return Error{"cannot open " + path + ": " + std::strerror(errno)};
    OwnerLock lock(fd, path);
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
      predecessor = holder(fd);
      if (predecessor > 0) kill(predecessor, SIGTERM);
      if (!lock_within(fd, patience_ms)) {
        predecessor = holder(fd);
        if (predecessor > 0) kill(predecessor, SIGKILL);
        if (!lock_within(fd, patience_ms)) {
          return Error{"another agent of owner " + owner + " holds " + path + " and does not end"};
        }
      }
    }
    // The file may have been removed (forget) between open and lock: then this lock protects nothing.
    struct stat here {
    }, there{};
    if (fstat(fd, &here) == 0 && stat(path.c_str(), &there) == 0 && here.st_ino == there.st_ino) {
      const std::string pid = std::to_string(getpid()) + "\n";
      if (ftruncate(fd, 0) != 0 || pwrite(fd, pid.data(), pid.size(), 0) < 0) {
        return Error{"cannot write " + path + ": " + std::strerror(errno)};
      }
      lock.predecessor_ = predecessor;
      return lock;
    }
    if (monotonic_now_ns() > give_up) return Error{"cannot hold " + path + ": it keeps being removed"};
  }
}

OwnerLock::OwnerLock(OwnerLock&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), path_(std::move(other.path_)), predecessor_(other.predecessor_) {}

OwnerLock::~OwnerLock() {
  if (fd_ >= 0) close(fd_);
}

void OwnerLock::forget() {
  if (fd_ >= 0) unlink(path_.c_str());
}

}  // namespace riven::agent
