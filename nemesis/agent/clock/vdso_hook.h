// The code that stands between a process and its clock.
//
// A hook is two pages in the target: code, and data that says how the clock is bent. The first five bytes of
// three functions of the target's vDSO jump into the code, which runs the original function (its first
// instructions moved into a trampoline) and adds the skew. The target computes drift and strobe by itself;
// one store of the controller's changes them while it runs. x86-64 alone.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "nemesis/agent/clock/clock_shape.h"

namespace riven::agent {

/// The vDSO's functions that tell the real time.
enum class ClockCall : uint8_t { clock_gettime, gettimeofday, time };
inline constexpr std::array<ClockCall, 3> kClockCalls = {ClockCall::clock_gettime, ClockCall::gettimeofday,
                                                         ClockCall::time};
const char* vdso_symbol(ClockCall call);

inline constexpr size_t kHookCodeBytes = 4096;
inline constexpr size_t kHookBytes = 2 * kHookCodeBytes;
inline constexpr size_t kTrampolineBytes = 64;
inline constexpr uint64_t kHookMagic = 0x31736e656c766972;  // "rivlens1"

/// At the beginning of the code.
struct HookHeader {
  uint64_t magic;
  char owner[56];  // NUL-terminated
};

/// One setting. The code reads all of the block that is current, and no other.
struct HookBlock {
  int64_t offset_ns;
  uint64_t shaped;        // 0: nothing but the offset
  int64_t began_real_ns;  // on the true CLOCK_REALTIME
  int64_t drift_for_ns;
  int64_t drift_rate;  // in units of 2^-32
  int64_t strobe_ns;
  uint64_t strobe_inverse;  // 2^64 / half a period
  int64_t step_after_ns;
  int64_t step_ns;
  char fault[56];  // whose setting it is, NUL-terminated
};
static_assert(sizeof(HookBlock) == 128);

/// The second page. A setting is written into the next block and then made current by one store: a reader in
/// the middle of the old one is not disturbed until that block's turn comes again.
struct HookData {
  uint64_t current;  // modulo 16
  uint64_t unused[15];
  HookBlock blocks[16];
};
static_assert(sizeof(HookData) <= kHookCodeBytes);

/// The code page for `owner` (is_agent_name), its trampolines still empty.
std::vector<uint8_t> hook_code(const std::string& owner);
/// Where in the code page the vDSO's function jumps to, and where its own beginning goes.
size_t hook_entry(ClockCall call);
size_t hook_trampoline(ClockCall call);
/// What a trampoline holds when the function's beginning cannot be moved: the bare system call.
std::vector<uint8_t> system_call_trampoline(ClockCall call);

/// The setting for a shape that begins now.
HookBlock hook_block(const ClockShape& shape, int64_t began_real_ns, const std::string& fault);

}  // namespace riven::agent
