// Putting a hook between a process and its clock, and taking it away again (see vdso_hook.h).
//
// Functions that stop the process trace it: they are called by one thread, and one at a time for a process.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "harness/core/result.h"
#include "nemesis/agent/clock/vdso_hook.h"
#include "nemesis/agent/process/process_memory.h"

namespace riven::agent {

/// CLOCK_REALTIME of this node, now.
int64_t realtime_ns();

/// A hook found in a process.
struct VdsoHook {
  uint64_t page = 0;
  std::string owner;
  uint64_t current = 0;
  HookBlock block{};  ///< the setting in force
};

/// A process whose clock may be bent. Opening changes nothing. Move-only.
class ClockTarget {
 public:
  /// Errors: it is gone, may not be looked at, or has no 64-bit vDSO.
  static Result<ClockTarget> open(pid_t pid);

  pid_t pid() const { return pid_; }
  /// The hook that the process has now; nullopt: none of ours (or it has ended).
  std::optional<VdsoHook> hook() const;
  /// Whether the process still has the memory that it had when this was opened: false once it ended or ran
  /// another program.
  bool is_same_program() const;
  /// Whether every byte of its vDSO is the kernel's.
  bool is_pristine() const;
  /// Makes another setting current, without stopping the process. False: it is gone or has no hook.
  bool set(const HookBlock& block) const;

  struct Patched {
    size_t threads = 0;
    int64_t stopped_ns = 0;    ///< how long all its threads were stopped, by the tracer's clock
    bool system_call = false;  ///< the kernel's code could not be moved: each reading is a system call now
  };
  /// Puts a hook in. Errors: what open() says, a vDSO that somebody else has changed, a kernel that refuses
  /// the pages. After an error the process is as it was.
  Result<Patched> patch(const std::string& owner, const HookBlock& block) const;

  struct Restored {
    int64_t stopped_ns = 0;
    bool unmapped = false;  ///< false: a thread stayed inside it; its two pages remain, without any use
  };
  /// Takes the hook out: the vDSO is the kernel's byte for byte. The setting goes at once, before the process
  /// is stopped. Errors: it could not be stopped; the setting is gone all the same.
  Result<Restored> restore(const VdsoHook& hook) const;

  struct Reading {
    int64_t told_ns = 0;
    int64_t before_ns = 0, after_ns = 0;  ///< this node's CLOCK_REALTIME around it
  };
  /// What clock_gettime(clock) tells the process, asked through its own vDSO in one of its own threads.
  Result<Reading> read_clock(int clock) const;

 private:
  ClockTarget(pid_t pid, ProcessMemory memory, uint64_t vdso)
      : pid_(pid), memory_(std::move(memory)), vdso_(vdso) {}
  Result<uint64_t> map_hook(const std::string& owner, const HookBlock& block, bool& system_call) const;
  Status switch_over(uint64_t page, Patched& patched) const;
  Status write_back(pid_t tid, uint64_t page) const;
  void unmap(uint64_t page) const;

  pid_t pid_;
  ProcessMemory memory_;
  uint64_t vdso_;
};

}  // namespace riven::agent
