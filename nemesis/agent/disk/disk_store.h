// Files of a directory as the disk layer changes them: every change goes to the real files at once, and into
// the log of what a power cut would take.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>

#include "nemesis/agent/disk/disk_pending.h"

namespace riven::agent {

struct FileOwner {
  uid_t user = 0;
  gid_t group = 0;
};

/// Every method returns zero or a value, or a negative errno. Descriptors of directories and `path` (O_PATH
/// will do) are borrowed; those returned are the caller's. Nothing is asked of the real disk's cache: who
/// syncs gets his answer from the log. Not thread-safe.
class DiskStore {
 public:
  explicit DiskStore(PendingChanges::Names names, PendingChanges::Limits limits = {})
      : pending_(names, limits) {}

  /// Opens what `path` is; of `flags` the access mode and O_TRUNC count. Files opened for writing can be
  /// read.
  int open_file(int path, int flags);
  /// Makes and opens a file; where it exists and O_EXCL is not asked for, opens it.
  int create(int directory, const std::string& name, int flags, mode_t mode, FileOwner owner);
  ssize_t write(int fd, const char* bytes, size_t length, uint64_t offset);
  int resize(int fd, uint64_t size);
  /// As fallocate(2).
  int allocate(int fd, int mode, uint64_t offset, uint64_t length);
  int make_directory(int directory, const std::string& name, mode_t mode, FileOwner owner);
  int make_node(int directory, const std::string& name, mode_t mode, dev_t device, FileOwner owner);
  int make_symlink(int directory, const std::string& name, const std::string& target, FileOwner owner);
  int link(int path, int directory, const std::string& name);
  int remove(int directory, const std::string& name, bool is_directory);
  /// As renameat2(2), with RENAME_NOREPLACE and RENAME_EXCHANGE.
  int rename(int from, const std::string& old_name, int to, const std::string& new_name, unsigned flags);

  void sync_file(int fd) { pending_.file_synced(fd); }
  void sync_directory() { pending_.directory_synced(); }
  /// The power fails: see PendingChanges::crash.
  Loss crash(LossKind kind, Rng& rng) { return pending_.crash(kind, rng); }
  const PendingChanges& pending() const { return pending_; }

 private:
  int made(int directory, const std::string& name, bool is_directory, FileOwner owner);
  PendingChanges pending_;
};

}  // namespace riven::agent
