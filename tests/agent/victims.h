// Processes with a name of their own, for tests that stop and kill.
#pragma once

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <string>

#include "tests/agent/namespaces.h"

namespace riven::test {

/// A shell under a unique name that counts in a file, and forks for every step.
class Victim {
 public:
  explicit Victim(const std::string& suffix = "") : name_("rvt" + std::to_string(getpid()) + suffix) {
    RIVEN_CHECK(run("cp /bin/dash " + program()), "no shell to copy");
    start();
  }
  ~Victim() { end(); }
  Victim(const Victim&) = delete;
  Victim& operator=(const Victim&) = delete;

  void start() {
    end();
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    group_ = fork();
    if (group_ != 0) {
      setpgid(group_, group_);
      return;
    }
    setpgid(0, 0);
    const std::string script = "while :; do " + program() + " -c 'echo >> " + count_file() + "' & wait; done";
    if (const int null = open("/dev/null", O_WRONLY); null >= 0)
      dup2(null, STDERR_FILENO);  // what faults make it say
    execl(program().c_str(), program().c_str(), "-c", script.c_str(), nullptr);
    _exit(127);
  }
  /// Kills what is left of it and takes in the orphans (see start).
  void end() {
    if (group_ <= 0) return;
    kill(-group_, SIGKILL);
    while (waitpid(-group_, nullptr, 0) > 0) {
    }
    group_ = 0;
  }
  /// Whether every process of it is dead.
  bool ended() const {
    while (waitpid(-group_, nullptr, WNOHANG) > 0) {
    }
    return kill(-group_, 0) != 0;
  }
  const std::string& name() const { return name_; }
  /// Steps so far.
  size_t count() const {
    std::ifstream file(count_file(), std::ios::ate | std::ios::binary);
    return file ? static_cast<size_t>(file.tellg()) : 0;
  }
  /// Whether it makes steps now.
  bool lives() const {
    for (int i = 0; i < 50; ++i) {
      const size_t before = count();
      usleep(20'000);
      if (count() > before) return true;
    }
    return false;
  }
  bool stands_still() const {
    const size_t before = count();
    usleep(200'000);
    return count() == before;
  }

 private:
  std::string program() const { return directory_.path + "/" + name_; }
  std::string count_file() const { return directory_.path + "/count"; }
  TempDirectory directory_;
  std::string name_;
  pid_t group_ = 0;
};

inline FaultSpec pausing(const Victim& victim, const char* by = "auto") {
  return {"pause", {{"processes", {victim.name()}}, {"by", by}}};
}
inline FaultSpec killing(const Victim& victim) { return {"kill", {{"processes", {victim.name()}}}}; }

}  // namespace riven::test
