// Bytes that are too many for memory, in a file of their own.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "harness/core/result.h"

namespace riven {

/// A file without a name in $TMPDIR, or in /var/tmp: it goes with the process, however that ends. First
/// written by append(), then read through map(). Not thread-safe until it is mapped.
class SpillFile {
 public:
  /// Errors: no such file can be made.
  static Result<std::unique_ptr<SpillFile>> make();
  ~SpillFile();
  SpillFile(const SpillFile&) = delete;
  SpillFile& operator=(const SpillFile&) = delete;

  /// Errors: the disk is full or broken.
  Status append(const std::vector<uint8_t>& bytes);
  uint64_t size_bytes() const { return size_; }
  /// Makes what was appended readable at bytes(); nothing may be appended afterwards.
  Status map();
  const uint8_t* bytes() const { return map_; }
  /// The bytes [from, to) leave this process's memory until they are read again. Thread-safe.
  void release(uint64_t from, uint64_t to) const;

 private:
  explicit SpillFile(int fd) : fd_(fd) {}
  int fd_;
  uint64_t size_ = 0;
  uint8_t* map_ = nullptr;
};

}  // namespace riven
