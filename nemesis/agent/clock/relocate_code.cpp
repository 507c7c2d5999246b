// Moving the beginning of a function: just enough of the x86-64 instruction set (Intel SDM, volume 2,
// appendix A) for what compilers begin functions with; everything else is refused, never guessed.
#include <cstring>
#include <limits>

#include "nemesis/agent/clock/vdso_image.h"

namespace riven::agent {
namespace {

struct Instruction {
  enum class Kind : uint8_t {
    plain,
    rip_relative,  // a 32-bit displacement at `displacement`
    branch,        // a conditional jump; `condition` is the low half of its opcode
    jump,          // an unconditional one
  };
  size_t length = 0;  // 0: not known
  Kind kind = Kind::plain;
  size_t displacement = 0;  // where it stands in the instruction
  size_t displacement_bytes = 0;
  uint8_t condition = 0;
};

/// Bytes of ModRM, SIB and displacement from `at` on; notes one that is relative to the instruction pointer.
size_t modrm_bytes(std::span<const uint8_t> code, size_t at, Instruction& instruction) {
  if (at >= code.size()) return 0;
  const uint8_t mod = code[at] >> 6, rm = code[at] & 7;
  if (mod == 3) return 1;
  size_t bytes = 1;
  if (rm == 4) {
    if (at + 1 >= code.size()) return 0;
    ++bytes;
    if (mod == 0 && (code[at + 1] & 7) == 5) bytes += 4;
  }
  if (mod == 0 && rm == 5) {
    instruction.kind = Instruction::Kind::rip_relative;
    instruction.displacement = at + 1;
    instruction.displacement_bytes = 4;
    bytes += 4;
  }
  return bytes + (mod == 1 ? 1 : mod == 2 ? 4 : 0);
}

/// Immediate bytes of a one-byte opcode with ModRM; nullopt: an opcode that is not known here.
std::optional<size_t> immediate_after_modrm(uint8_t op, uint8_t modrm) {
  const uint8_t reg = (modrm >> 3) & 7;
  if (op < 0x40 && (op & 7) < 4) return 0;  // add, or, adc, sbb, and, sub, xor, cmp
  if (op == 0x63 || (op >= 0x84 && op <= 0x8b) || op == 0x8d) return 0;  // movsxd, test, xchg, mov, lea
  if (op == 0x80 || op == 0x83 || op == 0xc0 || op == 0xc1 || op == 0xc6 || op == 0x6b) return 1;
  if (op == 0x81 || op == 0xc7 || op == 0x69) return 4;
  if (op == 0xd1 || op == 0xd3) return 0;
  if (op == 0xf6) return reg < 2 ? 1 : 0;
  if (op == 0xf7) return reg < 2 ? 4 : 0;
  if (op == 0xff && (reg < 2 || reg == 6)) return 0;  // inc, dec, push
  return std::nullopt;
}

/// The same for opcodes behind 0x0f.
std::optional<size_t> immediate_after_0f(uint8_t op) {
  const bool known = (op >= 0x40 && op <= 0x4f) || (op >= 0x90 && op <= 0x9f) || op == 0x1f || op == 0xa3 ||
                     op == 0xaf || op == 0xb6 || op == 0xb7 || op == 0xbe || op == 0xbf;
  if (known) return 0;
  if (op == 0xba) return 1;
  return std::nullopt;
}

Instruction relative(size_t length, size_t bytes, Instruction::Kind kind, uint8_t condition) {
  Instruction instruction;
  instruction.length = length;
  instruction.kind = kind;
  instruction.displacement = length - bytes;
  instruction.displacement_bytes = bytes;
  instruction.condition = condition;
  return instruction;
}

Instruction plain(size_t length) {
  Instruction instruction;
  instruction.length = length;
  return instruction;
}

Instruction with_modrm(std::span<const uint8_t> code, size_t at, std::optional<size_t> immediate) {
  Instruction instruction;
  if (!immediate) return instruction;
  const size_t bytes = modrm_bytes(code, at, instruction);
  if (bytes > 0) instruction.length = at + bytes + *immediate;
  return instruction;
}

Instruction decode(std::span<const uint8_t> code) {
  using Kind = Instruction::Kind;
  static constexpr uint8_t kEndbr64[] = {0xf3, 0x0f, 0x1e, 0xfa};
  if (code.size() >= 4 && std::memcmp(code.data(), kEndbr64, 4) == 0) return plain(4);
  size_t at = 0;
  bool wide = false;
  if (at < code.size() && (code[at] & 0xf0) == 0x40) wide = (code[at++] & 8) != 0;  // REX
  if (at + 1 >= code.size()) return {};
  const uint8_t op = code[at++];
  if (op == 0x0f) {
    const uint8_t second = code[at++];
    if (second >= 0x80 && second <= 0x8f) return relative(at + 4, 4, Kind::branch, second & 15);
    return with_modrm(code, at, immediate_after_0f(second));
  }
  if (op >= 0x50 && op <= 0x5f) return plain(at);  // push, pop
  if (op == 0x90) return plain(at);
  if (op >= 0x70 && op <= 0x7f) return relative(at + 1, 1, Kind::branch, op & 15);
  if (op == 0xeb) return relative(at + 1, 1, Kind::jump, 0);
  if (op == 0xe9) return relative(at + 4, 4, Kind::jump, 0);
  if (op == 0x6a || op == 0xa8 || (op < 0x40 && (op & 7) == 4)) return plain(at + 1);
  if (op == 0x68 || op == 0xa9 || (op < 0x40 && (op & 7) == 5)) return plain(at + 4);
  if (op >= 0xb8 && op <= 0xbf) return plain(at + (wide ? 8 : 4));
  return with_modrm(code, at, immediate_after_modrm(op, code[at]));
}

template <typename Number>
void append(std::vector<uint8_t>& bytes, Number number) {
  const auto* const raw = reinterpret_cast<const uint8_t*>(&number);
  bytes.insert(bytes.end(), raw, raw + sizeof number);
}

/// `target` as a displacement from `next`, where an instruction of 32 bits can express it.
bool append_distance(std::vector<uint8_t>& bytes, uint64_t target, uint64_t next) {
  const auto distance = static_cast<int64_t>(target - next);
  if (distance < std::numeric_limits<int32_t>::min() || distance > std::numeric_limits<int32_t>::max())
    return false;
  append(bytes, static_cast<int32_t>(distance));
  return true;
}

int64_t displacement_of(std::span<const uint8_t> code, const Instruction& instruction) {
  if (instruction.displacement_bytes == 1) return static_cast<int8_t>(code[instruction.displacement]);
  int32_t displacement = 0;
  std::memcpy(&displacement, code.data() + instruction.displacement, sizeof displacement);
  return displacement;
}

/// Appends one instruction of `code` (at address `from`) to `out` (which ends at address `to`).
bool move_one(std::span<const uint8_t> code, const Instruction& instruction, uint64_t from, uint64_t to,
              std::vector<uint8_t>& out) {
  using Kind = Instruction::Kind;
  const auto begin = code.begin();
  if (instruction.kind == Kind::plain) {
    out.insert(out.end(), begin, begin + static_cast<std::ptrdiff_t>(instruction.length));
    return true;
  }
  const uint64_t target =
      from + instruction.length + static_cast<uint64_t>(displacement_of(code, instruction));
  if (instruction.kind == Kind::rip_relative) {
    out.insert(out.end(), begin, begin + static_cast<std::ptrdiff_t>(instruction.displacement));
    if (!append_distance(out, target, to + instruction.length)) return false;
    out.insert(out.end(), begin + static_cast<std::ptrdiff_t>(instruction.displacement + 4),
               begin + static_cast<std::ptrdiff_t>(instruction.length));
    return true;
  }
  if (instruction.kind == Kind::branch) {
    out.push_back(0x0f);
    out.push_back(0x80 | instruction.condition);
    return append_distance(out, target, to + 6);
  }
  out.push_back(0xe9);
  return append_distance(out, target, to + 5);
}

/// Whether a branch of the moved code leads into its middle: the old place will be overwritten there.
bool lands_inside(std::span<const uint8_t> code, size_t at, const Instruction& instruction, size_t limit) {
  using Kind = Instruction::Kind;
  if (instruction.kind != Kind::branch && instruction.kind != Kind::jump) return false;
  const int64_t target = static_cast<int64_t>(at + instruction.length) + displacement_of(code, instruction);
  return target > 0 && target < static_cast<int64_t>(limit);
}

}  // namespace

std::optional<RelocatedCode> relocate_code(std::span<const uint8_t> code, uint64_t from, uint64_t to,
                                           size_t at_least) {
  RelocatedCode moved;
  bool ends = false;
  while (moved.moved_bytes < at_least) {
    const std::span<const uint8_t> rest = code.subspan(moved.moved_bytes);
    const Instruction instruction = decode(rest);
    if (ends || instruction.length == 0 || instruction.length > rest.size()) return std::nullopt;
    if (lands_inside(rest, moved.moved_bytes, instruction, at_least)) return std::nullopt;
    moved.instructions.emplace_back(moved.moved_bytes, moved.code.size());
    if (!move_one(rest, instruction, from + moved.moved_bytes, to + moved.code.size(), moved.code)) {
      return std::nullopt;
    }
    ends = instruction.kind == Instruction::Kind::jump;
    moved.moved_bytes += instruction.length;
  }
  static constexpr uint8_t kJumpThrough[] = {0xff, 0x25, 0, 0, 0, 0};  // jmp *0(%rip)
  moved.code.insert(moved.code.end(), std::begin(kJumpThrough), std::end(kJumpThrough));
  append(moved.code, from + moved.moved_bytes);
  return moved;
}

}  // namespace riven::agent
