// System calls and functions run in a stopped thread of another process. x86-64.
#pragma once

#include <sys/types.h>
#include <sys/user.h>

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "harness/core/result.h"
#include "nemesis/agent/process/process_memory.h"

namespace riven::agent {

/// Where a stopped thread is.
struct ThreadPlace {
  uint64_t instruction = 0;
  uint64_t stack = 0;
};
/// nullopt: the thread is gone.
std::optional<ThreadPlace> place_of(pid_t tid);
/// Lets the stopped thread go on from another instruction.
bool move_thread(pid_t tid, uint64_t instruction);

/// Borrows a thread that StoppedProcess holds, of the same tracing thread. While it is borrowed, signals for
/// it wait. The destructor gives it back with the registers and the signal mask that it had, stopped as it
/// was.
class RemoteThread {
 public:
  /// `syscall_instruction`: address of one in the process. Errors: the thread is gone.
  static Result<std::unique_ptr<RemoteThread>> borrow(pid_t pid, pid_t tid, uint64_t syscall_instruction);
  ~RemoteThread();
  RemoteThread(const RemoteThread&) = delete;
  RemoteThread& operator=(const RemoteThread&) = delete;

  /// The kernel's answer, negative for an errno. Errors: the thread died meanwhile.
  Result<int64_t> system_call(long number, const std::array<uint64_t, 6>& arguments);
  /// Calls a function of the C calling convention with the stack that ends below `stack_top` (a multiple of
  /// 16). It may make system calls itself and must return.
  Result<int64_t> call(const ProcessMemory& memory, uint64_t function, uint64_t first, uint64_t second,
                       uint64_t stack_top);

 private:
  RemoteThread(pid_t pid, pid_t tid, uint64_t syscall_instruction)
      : pid_(pid), tid_(tid), syscall_instruction_(syscall_instruction) {}
  Status to_system_call_stop();
  void give_back();

  pid_t pid_;
  pid_t tid_;
  uint64_t syscall_instruction_;
  user_regs_struct registers_{};
  uint64_t signal_mask_ = 0;
  std::vector<int> held_signals_;  // that cannot be masked; sent again in the end
  bool alive_ = true;
};

}  // namespace riven::agent
