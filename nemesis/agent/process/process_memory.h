// Another process's memory.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "harness/core/result.h"

namespace riven::agent {

/// /proc/PID/mem, open for as long as this lives. It stays with the memory it was opened on: once the process
/// ends or runs another program, reads and writes fail. Move-only.
class ProcessMemory {
 public:
  /// Errors: the process is gone, or CAP_SYS_PTRACE is missing.
  static Result<ProcessMemory> open(pid_t pid);
  ProcessMemory(ProcessMemory&& other) noexcept;
  ProcessMemory& operator=(ProcessMemory&& other) noexcept;
  ~ProcessMemory();

  /// All of it or false.
  bool read(uint64_t address, void* into, size_t bytes) const;
  bool write(uint64_t address, const void* from, size_t bytes) const;
  /// As much as is mapped from `address` on, at most `bytes`.
  std::vector<uint8_t> read_some(uint64_t address, size_t bytes) const;
  template <typename T>
  std::optional<T> read(uint64_t address) const {
    T value;
    if (!read(address, &value, sizeof value)) return std::nullopt;
    return value;
  }

 private:
  explicit ProcessMemory(int fd) : fd_(fd) {}
  int fd_ = -1;
};

/// A line of /proc/PID/maps.
struct Mapping {
  uint64_t begin = 0;
  uint64_t end = 0;
  std::string name;
};
/// In order; empty when the process is gone.
std::vector<Mapping> read_mappings(pid_t pid);

}  // namespace riven::agent
