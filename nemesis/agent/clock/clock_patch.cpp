#include "nemesis/agent/clock/clock_patch.h"

#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <set>
#include <utility>

#include "harness/core/clock.h"
#include "nemesis/agent/clock/vdso_image.h"
#include "nemesis/agent/process/remote_thread.h"
#include "nemesis/agent/process/stopped_process.h"

namespace riven::agent {
namespace {

constexpr size_t kJumpBytes = 5;  // jmp with a 32-bit displacement
constexpr uint8_t kJump = 0xe9;
constexpr uint64_t kReach = uint64_t{0x70000000};
constexpr uint64_t kPage = 4096;
constexpr uint64_t kGuard = 16 * kPage;
constexpr uint64_t kUserEnd = uint64_t{1} << 47;
constexpr int kTries = 200;
constexpr useconds_t kRetryUs = 200;
constexpr size_t kSignalFrameReach = 32768;

const Result<VdsoImage>& pristine() {
  static const Result<VdsoImage> kImage = VdsoImage::own();
  return kImage;
}

/// What the hook is to do about one function of the vDSO.
struct Patch {
  ClockCall call;
  size_t offset;                       // in the vDSO
  std::optional<RelocatedCode> moved;  // its beginning, for the trampoline
};

std::vector<Patch> plan(uint64_t vdso, uint64_t page) {
  std::vector<Patch> patches;
  for (const ClockCall call : kClockCalls) {
    const auto offset = pristine()->find(vdso_symbol(call));
    if (!offset) continue;
    const std::span<const uint8_t> code(pristine()->bytes());
    auto moved =
        relocate_code(code.subspan(*offset), vdso + *offset, page + hook_trampoline(call), kJumpBytes);
    if (moved && moved->code.size() > kTrampolineBytes) moved.reset();
    patches.push_back({call, *offset, std::move(moved)});
  }
  return patches;
}

template <size_t N>
std::string text_of_array(const char (&text)[N]) {
  return std::string(text, strnlen(text, N));
}

/// Gaps in the address space that a jump from `vdso` reaches, the nearest first; one page and a guard each.
std::vector<uint64_t> free_places(pid_t pid, uint64_t vdso) {
  std::vector<uint64_t> places;
  uint64_t previous_end = kPage;
  std::vector<Mapping> mappings = read_mappings(pid);
  std::erase_if(mappings, [](const Mapping& mapping) { return mapping.begin >= kUserEnd; });
  mappings.push_back({kUserEnd - kPage, kUserEnd, ""});
  for (const Mapping& mapping : mappings) {
    const uint64_t begin = previous_end, end = mapping.begin;
    previous_end = mapping.end;
    if (end < begin || end - begin < kHookBytes + 2 * kGuard) continue;
    // Never right below the stack, which grows down.
    const bool below_stack = mapping.name == "[stack]";
    const bool above = begin >= vdso;
    places.push_back(above || below_stack ? begin + kGuard : end - kGuard - kHookBytes);
  }
  const auto distance = [vdso](uint64_t place) { return place > vdso ? place - vdso : vdso - place; };
  std::erase_if(places, [&](uint64_t place) { return distance(place) > kReach; });
  std::sort(places.begin(), places.end(), [&](uint64_t a, uint64_t b) { return distance(a) < distance(b); });
  return places;
}

/// Where each of the signal handlers that a stopped thread is in will return to: the signal frames on its
/// stack, recognised by the selectors of 64-bit user code behind the flags (Linux, struct sigcontext).
std::vector<uint64_t> interrupted_places(const ProcessMemory& memory, uint64_t stack) {
  constexpr size_t kFlagsBehind = 1, kSelectorsBehind = 2;
  constexpr uint64_t kCode = 0x33, kStack = 0x2b;
  const std::vector<uint8_t> bytes = memory.read_some(stack & ~uint64_t{7}, kSignalFrameReach);
  const auto word = [&](size_t i) {
    uint64_t value = 0;
    std::memcpy(&value, bytes.data() + i * sizeof value, sizeof value);
    return value;
  };
  std::vector<uint64_t> places;
  const size_t words = bytes.size() / sizeof(uint64_t);
  for (size_t i = 0; i + kSelectorsBehind < words; ++i) {
    const uint64_t selectors = word(i + kSelectorsBehind);
    if ((selectors & 0xffff) != kCode || selectors >> 48 != kStack) continue;
    if (word(i + kFlagsBehind) >> 22 == 0) places.push_back(word(i));
  }
  return places;
}

struct Range {
  uint64_t begin = 0;
  uint64_t end = 0;
  bool holds(uint64_t address) const { return address >= begin && address < end; }
};

/// Whether a stopped thread is within the range, or will return into it from a signal handler.
bool is_in(pid_t tid, const ProcessMemory& memory, const Range& range) {
  const auto place = place_of(tid);
  if (!place) return false;
  if (range.holds(place->instruction)) return true;
  const std::vector<uint64_t> places = interrupted_places(memory, place->stack);
  return std::any_of(places.begin(), places.end(), [&](uint64_t at) { return range.holds(at); });
}

/// Writes through the tracer's right, which no protection of the page and no kernel setting takes away.
bool poke(pid_t tid, const ProcessMemory& memory, uint64_t address, const void* bytes, size_t count) {
  long word = 0;
  if (count > sizeof word || !memory.read(address, &word, sizeof word)) return false;
  std::memcpy(&word, bytes, count);
  return ptrace(PTRACE_POKEDATA, tid, reinterpret_cast<void*>(address), reinterpret_cast<void*>(word)) == 0;
}

}  // namespace

int64_t realtime_ns() {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  return now.tv_sec * kNanosPerSecond + now.tv_nsec;
}

Result<ClockTarget> ClockTarget::open(pid_t pid) {
  if (!pristine()) return pristine().error();
  const Result<uint64_t> vdso = vdso_base(pid);
  if (!vdso) return vdso.error();
  Result<ProcessMemory> memory = ProcessMemory::open(pid);
  if (!memory) return memory.error();
  ClockTarget target(pid, std::move(*memory), *vdso);
  // A 32-bit process' vector, misread, would lead anywhere.
  constexpr size_t kHeaderBytes = 64;
  uint8_t header[kHeaderBytes];
  if (!target.memory_.read(*vdso, header, kHeaderBytes) ||
      std::memcmp(header, pristine()->bytes().data(), kHeaderBytes) != 0) {
    return Error{"process " + std::to_string(pid) + " has another vDSO than 64-bit processes of this kernel"};
  }
  return target;
}

std::optional<VdsoHook> ClockTarget::hook() const {
  const auto offset = pristine()->find(vdso_symbol(ClockCall::clock_gettime));
  if (!offset) return std::nullopt;
  const uint64_t function = vdso_ + *offset;
  uint8_t jump[kJumpBytes];
  if (!memory_.read(function, jump, sizeof jump) || jump[0] != kJump) return std::nullopt;
  int32_t distance = 0;
  std::memcpy(&distance, jump + 1, sizeof distance);
  VdsoHook hook;
  hook.page =
      function + kJumpBytes + static_cast<uint64_t>(int64_t{distance}) - hook_entry(ClockCall::clock_gettime);
  const auto header = memory_.read<HookHeader>(hook.page);
  const auto data = memory_.read<HookData>(hook.page + kHookCodeBytes);
  if (!header || !data || header->magic != kHookMagic) return std::nullopt;
  hook.owner = text_of_array(header->owner);
  hook.current = data->current;
  hook.block = data->blocks[data->current % std::size(data->blocks)];
  return hook;
}

bool ClockTarget::is_same_program() const {
  uint8_t byte = 0;
  return memory_.read(vdso_, &byte, 1);
}

bool ClockTarget::is_pristine() const {
  return memory_.read_some(vdso_, pristine()->bytes().size()) == pristine()->bytes();
}

bool ClockTarget::set(const HookBlock& block) const {
  const auto found = hook();
  if (!found) return false;
  const uint64_t data = found->page + kHookCodeBytes;
  const uint64_t next = (found->current + 1) % std::size(HookData{}.blocks);
  return memory_.write(data + offsetof(HookData, blocks) + next * sizeof block, &block, sizeof block) &&
         memory_.write(data, &next, sizeof next);
}

/// Both pages, filled, in one thread's time; the others run on.
Result<uint64_t> ClockTarget::map_hook(const std::string& owner, const HookBlock& block,
                                       bool& system_call) const {
  Result<StoppedProcess> process = StoppedProcess::stop(pid_, StoppedProcess::Which::one);
  if (!process) return process.error();
  auto thread = RemoteThread::borrow(pid_, process->threads().front(), vdso_ + pristine()->syscall_offset());
  if (!thread) return thread.error();
  constexpr uint64_t kShared = MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE;
  constexpr uint64_t kPrivate = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE;
  for (const uint64_t place : free_places(pid_, vdso_)) {
    const auto map = [&](uint64_t at, uint64_t flags) {
      return (*thread)->system_call(SYS_mmap,
                                    {at, kHookCodeBytes, PROT_READ | PROT_WRITE, flags, ~uint64_t{0}, 0});
    };
    const auto unmap_one = [&](uint64_t at) {
      (void)(*thread)->system_call(SYS_munmap, {at, kHookCodeBytes, 0, 0, 0, 0});
    };
    const Result<int64_t> code = map(place, kPrivate);
    if (!code) return code.error();
    if (*code != static_cast<int64_t>(place)) {
      if (*code > 0) unmap_one(static_cast<uint64_t>(*code));  // a kernel before 4.17 takes it for a hint
      continue;
    }
    // Shared, so that children see what is set later.
    const Result<int64_t> data = map(place + kHookCodeBytes, kShared);
    if (!data) return data.error();
    std::vector<uint8_t> bytes = hook_code(owner);
    for (const Patch& patch : plan(vdso_, place)) {
      const auto trampoline = patch.moved ? patch.moved->code : system_call_trampoline(patch.call);
      std::copy(trampoline.begin(), trampoline.end(),
                bytes.begin() + static_cast<std::ptrdiff_t>(hook_trampoline(patch.call)));
      if (patch.call == ClockCall::clock_gettime) system_call = !patch.moved;
    }
    HookData content{};
    content.blocks[0] = block;
    if (*data == static_cast<int64_t>(place + kHookCodeBytes) &&
        memory_.write(place, bytes.data(), bytes.size()) &&
        memory_.write(place + kHookCodeBytes, &content, sizeof content)) {
      const Result<int64_t> sealed =
          (*thread)->system_call(SYS_mprotect, {place, kHookCodeBytes, PROT_READ | PROT_EXEC, 0, 0, 0});
      if (!sealed) return sealed.error();
      if (*sealed == 0) return place;
    }
    unmap_one(place);
    if (*data > 0) unmap_one(static_cast<uint64_t>(*data));
  }
  return Error{"process " + std::to_string(pid_) + " gives no room for a hook near its vDSO"};
}

/// Overwrites the beginnings of the functions while nobody is in the middle of one.
Status ClockTarget::switch_over(uint64_t page, Patched& patched) const {
  const std::vector<Patch> patches = plan(vdso_, page);
  for (int i = 0; i < kTries; ++i) {
    if (i > 0) usleep(kRetryUs);
    Result<StoppedProcess> process = StoppedProcess::stop(pid_, StoppedProcess::Which::all);
    if (!process) return process.error();
    std::vector<Range> middles;
    for (const Patch& patch : patches) {
      const uint64_t function = vdso_ + patch.offset;
      middles.push_back({function + 1, function + kJumpBytes});
      if (!patch.moved) continue;
      for (const pid_t tid : process->threads()) {
        const auto place = place_of(tid);
        for (const auto& [old_offset, new_offset] : patch.moved->instructions) {
          if (old_offset == 0 || !place || place->instruction != function + old_offset) continue;
          move_thread(tid, page + hook_trampoline(patch.call) + new_offset);
        }
      }
    }
    const auto busy = [&](pid_t tid) {
      return std::any_of(middles.begin(), middles.end(),
                         [&](const Range& middle) { return is_in(tid, memory_, middle); });
    };
    if (std::any_of(process->threads().begin(), process->threads().end(), busy)) continue;
    for (const Patch& patch : patches) {
      const uint64_t function = vdso_ + patch.offset;
      uint8_t jump[kJumpBytes] = {kJump};
      const auto distance = static_cast<int32_t>(static_cast<int64_t>(page + hook_entry(patch.call)) -
                                                 static_cast<int64_t>(function + kJumpBytes));
      std::memcpy(jump + 1, &distance, sizeof distance);
      if (!poke(process->threads().front(), memory_, function, jump, sizeof jump)) {
        return Error{"the vDSO of process " + std::to_string(pid_) +
                     " cannot be written: " + std::strerror(errno)};
      }
    }
    patched.threads = process->threads().size();
    patched.stopped_ns = monotonic_now_ns() - process->since_ns();
    return ok_status();
  }
  return Error{"process " + std::to_string(pid_) + " is always in the middle of reading its clock"};
}

Result<ClockTarget::Patched> ClockTarget::patch(const std::string& owner, const HookBlock& block) const {
  if (!pristine()->find(vdso_symbol(ClockCall::clock_gettime)))
    return Error{"this kernel's vDSO tells no time"};
  if (!is_pristine())
    return Error{"the vDSO of process " + std::to_string(pid_) + " was changed by somebody else"};
  Patched patched;
  const Result<uint64_t> page = map_hook(owner, block, patched.system_call);
  if (!page) return page.error();
  if (Status switched = switch_over(*page, patched); !switched) {
    if (auto half = hook()) {
      (void)restore(*half);
    } else {
      unmap(*page);
    }
    return switched.error();
  }
  return patched;
}

void ClockTarget::unmap(uint64_t page) const {
  Result<StoppedProcess> process = StoppedProcess::stop(pid_, StoppedProcess::Which::one);
  if (!process) return;
  auto thread = RemoteThread::borrow(pid_, process->threads().front(), vdso_ + pristine()->syscall_offset());
  if (thread) (void)(*thread)->system_call(SYS_munmap, {page, kHookBytes, 0, 0, 0, 0});
}

Status ClockTarget::write_back(pid_t tid, uint64_t page) const {
  for (const Patch& patch : plan(vdso_, page)) {
    if (!poke(tid, memory_, vdso_ + patch.offset, pristine()->bytes().data() + patch.offset, kJumpBytes)) {
      return Error{"the vDSO of process " + std::to_string(pid_) +
                   " cannot be written: " + std::strerror(errno)};
    }
  }
  return ok_status();
}

Result<ClockTarget::Restored> ClockTarget::restore(const VdsoHook& hook) const {
  HookBlock right{};
  std::memcpy(right.fault, hook.block.fault, sizeof right.fault);
  (void)set(right);
  Restored restored;
  const Range pages{hook.page, hook.page + kHookBytes};
  const Range vdso{vdso_, vdso_ + pristine()->bytes().size()};
  // Threads that may still be inside the hook, or in the vDSO on a call from it. Who was once seen elsewhere
  // after the bytes were back never comes in again.
  std::set<pid_t> inside;
  for (int i = 0; i < kTries; ++i) {
    if (i > 0) usleep(kRetryUs);
    Result<StoppedProcess> process = StoppedProcess::stop(pid_, StoppedProcess::Which::all);
    if (!process && i > 0) return restored;
    if (!process) return process.error();
    const std::vector<pid_t>& threads = process->threads();
    if (i == 0) {
      if (Status written = write_back(threads.front(), hook.page); !written) return written.error();
      restored.stopped_ns = monotonic_now_ns() - process->since_ns();
      inside.insert(threads.begin(), threads.end());
      inside.insert(process->parked().begin(), process->parked().end());
    }
    for (const pid_t tid : threads) {
      if (inside.count(tid) > 0 && !is_in(tid, memory_, pages) && !is_in(tid, memory_, vdso))
        inside.erase(tid);
    }
    const auto ended = [&](pid_t tid) {
      const auto in = [tid](const std::vector<pid_t>& list) {
        return std::find(list.begin(), list.end(), tid) != list.end();
      };
      return !in(threads) && !in(process->parked());
    };
    std::erase_if(inside, ended);
    if (!inside.empty()) continue;
    auto thread = RemoteThread::borrow(pid_, threads.front(), vdso_ + pristine()->syscall_offset());
    if (!thread) return restored;
    const auto gone = (*thread)->system_call(SYS_munmap, {hook.page, kHookBytes, 0, 0, 0, 0});
    restored.unmapped = gone && *gone == 0;
    return restored;
  }
  return restored;
}

Result<ClockTarget::Reading> ClockTarget::read_clock(int clock) const {
  const auto function = pristine()->find(vdso_symbol(ClockCall::clock_gettime));
  if (!function) return Error{"this kernel's vDSO tells no time"};
  Result<StoppedProcess> process = StoppedProcess::stop(pid_, StoppedProcess::Which::one);
  if (!process) return process.error();
  auto thread = RemoteThread::borrow(pid_, process->threads().front(), vdso_ + pristine()->syscall_offset());
  if (!thread) return thread.error();
  // A stack of its own: what lies below a Go routine's stack belongs to somebody else.
  constexpr uint64_t kStackBytes = 4 * kPage;
  const Result<int64_t> stack = (*thread)->system_call(
      SYS_mmap, {0, kStackBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, ~uint64_t{0}, 0});
  if (!stack) return stack.error();
  if (*stack < 0) return Error{"process " + std::to_string(pid_) + " gives no memory to read its clock in"};
  const auto base = static_cast<uint64_t>(*stack);
  const uint64_t answer = base + kStackBytes - 64;
  Reading reading;
  reading.before_ns = realtime_ns();
  const Result<int64_t> called =
      (*thread)->call(memory_, vdso_ + *function, static_cast<uint64_t>(clock), answer, answer - 64);
  reading.after_ns = realtime_ns();
  const auto time = memory_.read<timespec>(answer);
  (void)(*thread)->system_call(SYS_munmap, {base, kStackBytes, 0, 0, 0, 0});
  if (!called) return called.error();
  if (*called != 0 || !time) return Error{"process " + std::to_string(pid_) + " cannot read its clock"};
  reading.told_ns = time->tv_sec * kNanosPerSecond + time->tv_nsec;
  return reading;
}

}  // namespace riven::agent
