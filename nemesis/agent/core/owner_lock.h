// One agent for an owner at a time on a node.
#pragma once

#include <sys/types.h>

#include <string>

#include "harness/core/result.h"

namespace riven::agent {

/// Holds `directory`/lock/`owner` locked (flock) with this process's id in it, until destroyed or the process
/// ends in whatever way.
class OwnerLock {
 public:
  /// Takes the lock. Where another agent holds it, that one is told to heal and end (SIGTERM); when it does
  /// not within `patience_ms` it is killed. The caller then repairs from the ledger.
  static Result<OwnerLock> take_over(const std::string& directory, const std::string& owner, int patience_ms);
  OwnerLock(OwnerLock&& other) noexcept;
  OwnerLock& operator=(OwnerLock&&) = delete;
  ~OwnerLock();
  /// The agent that held the lock before and was asked to end; 0: none.
  pid_t predecessor() const { return predecessor_; }
  /// Removes the lock's file: the owner is gone for good.
  void forget();

 private:
  OwnerLock(int fd, std::string path) : fd_(fd), path_(std::move(path)) {}
  int fd_ = -1;
  std::string path_;
  pid_t predecessor_ = 0;
};

}  // namespace riven::agent
