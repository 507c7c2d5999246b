#include "nemesis/agent/process/remote_thread.h"

#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

namespace riven::agent {
namespace {

constexpr int kSystemCallStop = SIGTRAP | 0x80;  // PTRACE_O_TRACESYSGOOD
constexpr uint64_t kSystemCallBytes = 2;
constexpr int kMostStops = 64;

template <typename Address, typename Data>
bool request(int what, pid_t tid, Address address, Data data) {
  return ptrace(static_cast<__ptrace_request>(what), tid, address, data) == 0;
}
bool request(int what, pid_t tid) { return request(what, tid, nullptr, nullptr); }

Error gone(pid_t tid) { return Error{"thread " + std::to_string(tid) + " ended while it was traced"}; }

}  // namespace

std::optional<ThreadPlace> place_of(pid_t tid) {
  user_regs_struct registers{};
  if (!request(PTRACE_GETREGS, tid, nullptr, &registers)) return std::nullopt;
  return ThreadPlace{registers.rip, registers.rsp};
}

bool move_thread(pid_t tid, uint64_t instruction) {
  user_regs_struct registers{};
  if (!request(PTRACE_GETREGS, tid, nullptr, &registers)) return false;
  registers.rip = instruction;
  return request(PTRACE_SETREGS, tid, nullptr, &registers);
}

Result<std::unique_ptr<RemoteThread>> RemoteThread::borrow(pid_t pid, pid_t tid,
                                                           uint64_t syscall_instruction) {
  auto thread = std::unique_ptr<RemoteThread>(new RemoteThread(pid, tid, syscall_instruction));
  const uint64_t all = ~uint64_t{0};
  if (!request(PTRACE_GETREGS, tid, nullptr, &thread->registers_) ||
      !request(PTRACE_GETSIGMASK, tid, sizeof thread->signal_mask_, &thread->signal_mask_) ||
      !request(PTRACE_SETSIGMASK, tid, sizeof all, &all)) {
    thread->alive_ = false;
    return gone(tid);
  }
  return thread;
}

RemoteThread::~RemoteThread() {
  if (alive_) give_back();
}

/// Resumes until the next entry to or exit from a system call.
Status RemoteThread::to_system_call_stop() {
  for (int i = 0; i < kMostStops; ++i) {
    int status = 0;
    if (!request(PTRACE_SYSCALL, tid_) || waitpid(tid_, &status, __WALL) != tid_ || !WIFSTOPPED(status)) {
      alive_ = false;
      return gone(tid_);
    }
    if (WSTOPSIG(status) == kSystemCallStop) return ok_status();
    if (status >> 16 == 0) held_signals_.push_back(WSTOPSIG(status));
  }
  return Error{"thread " + std::to_string(tid_) + " is stopped again and again by someone else"};
}

Result<int64_t> RemoteThread::system_call(long number, const std::array<uint64_t, 6>& arguments) {
  user_regs_struct registers = registers_;
  registers.rip = syscall_instruction_;
  registers.rax = static_cast<uint64_t>(number);
  registers.orig_rax = ~uint64_t{0};  // not in a system call that would have to be restarted
  registers.rdi = arguments[0];
  registers.rsi = arguments[1];
  registers.rdx = arguments[2];
  registers.r10 = arguments[3];
  registers.r8 = arguments[4];
  registers.r9 = arguments[5];
  if (!request(PTRACE_SETREGS, tid_, nullptr, &registers)) return gone(tid_);
  for (int stop = 0; stop < 2; ++stop) {
    if (Status reached = to_system_call_stop(); !reached) return reached.error();
  }
  if (!request(PTRACE_GETREGS, tid_, nullptr, &registers)) return gone(tid_);
  return static_cast<int64_t>(registers.rax);
}

Result<int64_t> RemoteThread::call(const ProcessMemory& memory, uint64_t function, uint64_t first,
                                   uint64_t second, uint64_t stack_top) {
  // It returns to a system call instruction, whose entry is a stop without a signal.
  const uint64_t stack = stack_top - sizeof syscall_instruction_;
  if (!memory.write(stack, &syscall_instruction_, sizeof syscall_instruction_)) return gone(tid_);
  user_regs_struct registers = registers_;
  registers.rip = function;
  registers.rsp = stack;
  registers.rdi = first;
  registers.rsi = second;
  registers.rax = 0;
  registers.orig_rax = ~uint64_t{0};
  registers.eflags &= ~uint64_t{0x400};  // the direction flag, as the convention has it
  if (!request(PTRACE_SETREGS, tid_, nullptr, &registers)) return gone(tid_);
  for (int stop = 0; stop < kMostStops; ++stop) {
    if (Status reached = to_system_call_stop(); !reached) return reached.error();
    if (!request(PTRACE_GETREGS, tid_, nullptr, &registers)) return gone(tid_);
    if (registers.rip != syscall_instruction_ + kSystemCallBytes || registers.rsp != stack_top) continue;
    const auto result = static_cast<int32_t>(registers.orig_rax);  // what was in rax
    registers.orig_rax = SYS_getpid;                               // harmless, and allowed everywhere
    if (!request(PTRACE_SETREGS, tid_, nullptr, &registers)) return gone(tid_);
    if (Status reached = to_system_call_stop(); !reached) return reached.error();
    return int64_t{result};
  }
  return Error{"a function in thread " + std::to_string(tid_) + " did not return"};
}

/// The old registers may say that a system call is to be restarted, which the kernel only looks at on its way
/// out of a stop for a signal or an interrupt: so it is brought into one first.
void RemoteThread::give_back() {
  if (!request(PTRACE_INTERRUPT, tid_)) return;
  for (int i = 0; i < kMostStops; ++i) {
    int status = 0;
    if (!request(PTRACE_CONT, tid_) || waitpid(tid_, &status, __WALL) != tid_ || !WIFSTOPPED(status)) return;
    if (status >> 16 == PTRACE_EVENT_STOP) break;
    if (status >> 16 == 0 && WSTOPSIG(status) != kSystemCallStop) held_signals_.push_back(WSTOPSIG(status));
  }
  request(PTRACE_SETREGS, tid_, nullptr, &registers_);
  request(PTRACE_SETSIGMASK, tid_, sizeof signal_mask_, &signal_mask_);
  for (const int signal : held_signals_) syscall(SYS_tgkill, pid_, tid_, signal);
}

}  // namespace riven::agent
