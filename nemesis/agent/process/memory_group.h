// The control group whose memory this node's processes share.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace riven::agent {

/// Versions 1 and 2 alike. Plain state; every reading opens the kernel's file anew, and is -1 where it cannot
/// be read.
class MemoryGroup {
 public:
  /// This process's own group, if it has a limit.
  static std::optional<MemoryGroup> own();
  /// One at `folder`, as own() found it.
  explicit MemoryGroup(std::string folder);

  const std::string& folder() const { return folder_; }
  int64_t limit_bytes() const { return limit_bytes_; }
  /// What cannot be taken back from its processes: anonymous memory.
  int64_t held_bytes() const;
  /// Processes that the kernel killed in it for want of memory, ever.
  int64_t oom_kills() const;

 private:
  std::string folder_;
  bool second_;  // version 2
  int64_t limit_bytes_ = -1;
};

/// What the whole machine could still give.
int64_t available_bytes();

}  // namespace riven::agent
