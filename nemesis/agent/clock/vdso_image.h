// The vDSO: the kernel's functions that tell the time without a system call. x86-64.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "harness/core/result.h"

namespace riven::agent {

/// The vDSO as the kernel maps it into every 64-bit process: the same bytes in all of them.
class VdsoImage {
 public:
  /// This process's own. Errors: the kernel gives none, or one that this code does not understand.
  static Result<VdsoImage> own();

  const std::vector<uint8_t>& bytes() const { return bytes_; }
  /// Offset of a function; nullopt: there is none of that name.
  std::optional<size_t> find(const std::string& symbol) const;
  /// Offset of a `syscall` instruction.
  size_t syscall_offset() const { return syscall_offset_; }

 private:
  std::vector<uint8_t> bytes_;
  std::vector<std::pair<std::string, size_t>> symbols_;
  size_t syscall_offset_ = 0;
};

/// Where process `pid` has its vDSO, from its auxiliary vector. Errors: it is gone, may not be looked at, or
/// is not a 64-bit process with a vDSO.
Result<uint64_t> vdso_base(pid_t pid);

/// The first instructions of a function, moved elsewhere.
struct RelocatedCode {
  std::vector<uint8_t> code;  ///< ends with a jump back to behind what was moved
  size_t moved_bytes = 0;     ///< at the old place
  /// Offsets of instructions: old place, new place.
  std::vector<std::pair<size_t, size_t>> instructions;
};

/// Moves whole instructions of `code`, which is at address `from`, to address `to`, until at least
/// `at_least` bytes are moved; jumps and data relative to the instruction pointer keep their targets. nullopt
/// where an instruction is not one of those that compilers begin functions with, or a target is out of reach.
std::optional<RelocatedCode> relocate_code(std::span<const uint8_t> code, uint64_t from, uint64_t to,
                                           size_t at_least);

}  // namespace riven::agent
