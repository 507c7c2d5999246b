// Stopping a process's threads without its noticing (ptrace).
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <vector>

#include "harness/core/result.h"

namespace riven::agent {

/// Threads of one process, stopped while this lives. They are stopped between instructions of their own or at
/// the end of a system call, with no signal half delivered; the kernel restarts interrupted system calls,
/// except for those that may fail with EINTR after any stop (signal(7): epoll_wait, semop and the like).
/// To be made, used and destroyed by one thread. Should that thread die, the kernel lets the threads go on.
class StoppedProcess {
 public:
  enum class Which : uint8_t { one, all };  ///< one: whichever stops first

  /// A thread that sleeps in the kernel and cannot be woken (a slow disk) counts as stopped: it is held
  /// before its next instruction, and let go by release_parked_threads; while all of them do, it is tried
  /// again. Errors: the process is gone or traced by someone else, the right is missing, or threads did not
  /// stop within 2 s.
  static Result<StoppedProcess> stop(pid_t pid, Which which);
  StoppedProcess(StoppedProcess&& other) noexcept;
  StoppedProcess& operator=(StoppedProcess&&) = delete;
  ~StoppedProcess();

  /// Those that can be looked at now; never empty.
  const std::vector<pid_t>& threads() const { return stopped_; }
  /// Those held in the kernel.
  const std::vector<pid_t>& parked() const { return parked_; }
  /// CLOCK_MONOTONIC when the first was asked to stop.
  int64_t since_ns() const { return since_ns_; }

 private:
  explicit StoppedProcess(pid_t pid);
  Status stop_threads(Which which, int64_t until_ns);
  Status seize(pid_t tid);
  Status await(int64_t until_ns);
  bool take_stop(pid_t tid, int status);
  bool knows(pid_t tid) const;

  pid_t pid_;
  int64_t since_ns_;
  std::vector<pid_t> pending_;  // asked to stop
  std::vector<pid_t> stopped_;
  std::vector<pid_t> parked_;  // in the kernel for longer
  std::vector<pid_t> gone_;
};

/// Lets those of the calling thread's parked threads go that have come out of the kernel by now. False: some
/// have not; call again soon.
bool release_parked_threads();

}  // namespace riven::agent
