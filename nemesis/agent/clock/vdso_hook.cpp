#include "nemesis/agent/clock/vdso_hook.h"

#include <sys/syscall.h>

#include <cstring>

#include "harness/core/check.h"

// Written out, since what runs in somebody else's process may call nothing, use no stack but its own and none
// of the compiler's instrumentation. clock_gettime's caller sees the C calling convention and nothing else
// changed. The data page lies 4096 bytes behind the beginning.
asm(R"(
  .pushsection .rodata.riven_hook, "a", @progbits
  .balign 64
  .globl riven_hook_begin, riven_hook_end, riven_hook_clock_gettime, riven_hook_gettimeofday, riven_hook_time
  .globl riven_hook_trampolines
  .hidden riven_hook_begin, riven_hook_end, riven_hook_clock_gettime, riven_hook_gettimeofday
  .hidden riven_hook_time, riven_hook_trampolines
riven_hook_begin:
.Lriven_begin:
  .fill 64, 1, 0
riven_hook_trampolines:
.Lriven_original:
  .fill 192, 1, 0x90

riven_hook_clock_gettime:           # edi: which clock, rsi: timespec
  pushq %rbx
  pushq %r12
  subq $8, %rsp
  movl %edi, %ebx
  movq %rsi, %r12
  call .Lriven_original
  testl %eax, %eax
  jnz 1f
  cmpl $11, %ebx
  ja 1f
  movl $0x921, %edx                 # CLOCK_REALTIME 0, _COARSE 5, _ALARM 8, CLOCK_TAI 11
  btl %ebx, %edx
  jnc 1f
  movq %r12, %rdi
  call .Lriven_bend
  xorl %eax, %eax
1:
  addq $8, %rsp
  popq %r12
  popq %rbx
  ret

  .balign 16
riven_hook_gettimeofday:            # rdi: timeval or null, rsi: timezone or null
  pushq %rbx
  pushq %r12
  subq $24, %rsp
  movq %rdi, %rbx
  xorl %eax, %eax
  testq %rsi, %rsi
  jz 1f
  xorl %edi, %edi                   # the kernel tells the time zone
  movl $96, %eax
  syscall
  testl %eax, %eax
  jnz 2f
1:
  testq %rbx, %rbx
  jz 2f
  xorl %edi, %edi
  movq %rsp, %rsi
  call .Lriven_original
  testl %eax, %eax
  jnz 2f
  movq %rsp, %rdi
  call .Lriven_bend
  movq (%rsp), %rax
  movq %rax, (%rbx)
  movl 8(%rsp), %eax                # below 10^9: divided by 1000 as Granlund and Montgomery (1994) do
  movl $0x10624dd3, %edx
  imulq %rdx, %rax
  shrq $38, %rax
  movq %rax, 8(%rbx)
  xorl %eax, %eax
2:
  addq $24, %rsp
  popq %r12
  popq %rbx
  ret

  .balign 16
riven_hook_time:                    # rdi: time_t or null
  pushq %rbx
  subq $16, %rsp
  movq %rdi, %rbx
  movl $5, %edi                     # time() is CLOCK_REALTIME_COARSE in whole seconds
  movq %rsp, %rsi
  call .Lriven_original
  movq %rsp, %rdi
  call .Lriven_bend
  movq (%rsp), %rax
  testq %rbx, %rbx
  jz 1f
  movq %rax, (%rbx)
1:
  addq $16, %rsp
  popq %rbx
  ret

  .balign 16
.Lriven_bend:                       # rdi: timespec, true time in, skewed time out; changes rax rcx rdx rsi r8-r11
  leaq .Lriven_begin+4096(%rip), %rcx
  movq (%rcx), %rdx
  andl $15, %edx
  shll $7, %edx
  leaq 128(%rcx,%rdx), %rcx         # the current block
  movq (%rcx), %r8                  # the skew, so far the offset
  imulq $1000000000, (%rdi), %rsi
  addq 8(%rdi), %rsi                # true nanoseconds
  cmpq $0, 8(%rcx)
  je 2f
  movq %rsi, %r10
  subq 16(%rcx), %r10
  jns 1f
  xorl %r10d, %r10d
1:                                  # r10: how long it has been in force
  movq 24(%rcx), %rax
  cmpq %rax, %r10
  cmovlq %r10, %rax
  imulq 32(%rcx)
  shrdq $32, %rdx, %rax
  addq %rax, %r8                    # drift
  movq %r10, %rax
  mulq 48(%rcx)
  andl $1, %edx
  negq %rdx
  andq 40(%rcx), %rdx
  addq %rdx, %r8                    # strobe
  xorl %edx, %edx
  cmpq 56(%rcx), %r10
  cmovgeq 64(%rcx), %rdx
  addq %rdx, %r8                    # step
2:
  testq %r8, %r8
  jz 3f
  addq %r8, %rsi
  js 3f                             # before 1970: left as it is
  movq %rsi, %rax
  shrq $9, %rax                     # divided by 10^9, too
  movabsq $0x44b82fa09b5a53, %rdx
  mulq %rdx
  shrq $11, %rdx
  imulq $1000000000, %rdx, %rax
  subq %rax, %rsi
  movq %rdx, (%rdi)
  movq %rsi, 8(%rdi)
3:
  ret
riven_hook_end:
  .popsection
)");

extern "C" {
extern const uint8_t riven_hook_begin[];
extern const uint8_t riven_hook_end[];
extern const uint8_t riven_hook_trampolines[];
extern const uint8_t riven_hook_clock_gettime[];
extern const uint8_t riven_hook_gettimeofday[];
extern const uint8_t riven_hook_time[];
}

namespace riven::agent {

const char* vdso_symbol(ClockCall call) {
  switch (call) {
    case ClockCall::clock_gettime:
      return "__vdso_clock_gettime";
    case ClockCall::gettimeofday:
      return "__vdso_gettimeofday";
    case ClockCall::time:
      return "__vdso_time";
  }
  return "";
}

std::vector<uint8_t> hook_code(const std::string& owner) {
  HookHeader header{kHookMagic, {}};
  RIVEN_CHECK(owner.size() < sizeof header.owner, "an owner's name does not fit into a hook");
  std::memcpy(header.owner, owner.data(), owner.size());
  std::vector<uint8_t> code(riven_hook_begin, riven_hook_end);
  RIVEN_CHECK(code.size() <= kHookCodeBytes, "the hook has outgrown its page");
  std::memcpy(code.data(), &header, sizeof header);
  return code;
}

size_t hook_entry(ClockCall call) {
  const uint8_t* const entry = call == ClockCall::clock_gettime  ? riven_hook_clock_gettime
                               : call == ClockCall::gettimeofday ? riven_hook_gettimeofday
                                                                 : riven_hook_time;
  return static_cast<size_t>(entry - riven_hook_begin);
}

size_t hook_trampoline(ClockCall call) {
  return static_cast<size_t>(riven_hook_trampolines - riven_hook_begin) +
         static_cast<size_t>(call) * kTrampolineBytes;
}

std::vector<uint8_t> system_call_trampoline(ClockCall call) {
  const long number = call == ClockCall::clock_gettime  ? SYS_clock_gettime
                      : call == ClockCall::gettimeofday ? SYS_gettimeofday
                                                        : SYS_time;
  std::vector<uint8_t> code = {0xb8, 0, 0, 0, 0, 0x0f, 0x05, 0xc3};  // mov $number, %eax; syscall; ret
  std::memcpy(code.data() + 1, &number, sizeof(uint32_t));
  return code;
}

HookBlock hook_block(const ClockShape& shape, int64_t began_real_ns, const std::string& fault) {
  HookBlock block{};
  block.offset_ns = shape.offset_ns;
  block.shaped = shape.drift_ppb != 0 || shape.strobe_ns != 0 || shape.step_ns != 0 ? 1 : 0;
  block.began_real_ns = began_real_ns;
  block.drift_for_ns = shape.drift_for_ns > 0 ? shape.drift_for_ns : INT64_MAX;
  __extension__ using Wide = __int128;
  block.drift_rate = static_cast<int64_t>((Wide{shape.drift_ppb} << 32) / 1'000'000'000);
  block.strobe_ns = shape.strobe_ns;
  if (shape.strobe_ns != 0) {
    block.strobe_inverse = UINT64_MAX / static_cast<uint64_t>(shape.strobe_period_ns / 2);
  }
  block.step_after_ns = shape.step_ns != 0 ? shape.step_after_ns : INT64_MAX;
  block.step_ns = shape.step_ns;
  RIVEN_CHECK(fault.size() < sizeof block.fault, "a fault's name does not fit into a hook");
  std::memcpy(block.fault, fault.data(), fault.size());
  return block;
}

}  // namespace riven::agent
