#include "nemesis/agent/disk/disk_store.h"

#include <fcntl.h>
#include <linux/falloc.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

namespace riven::agent {
namespace {

int access_of(int flags) { return (flags & O_ACCMODE) == O_RDONLY ? O_RDONLY : O_RDWR; }

}  // namespace

int DiskStore::open_file(int path, int flags) {
  const std::string name = "/proc/self/fd/" + std::to_string(path);
  const int fd = ::open(name.c_str(), access_of(flags) | O_CLOEXEC);
  if (fd < 0) return -errno;
  if ((flags & O_TRUNC) == 0 || access_of(flags) == O_RDONLY) return fd;
  const int emptied = resize(fd, 0);
  if (emptied == 0) return fd;
  ::close(fd);
  return emptied;
}

/// What a new name has in common: its owner, as a file system gives it, and its place in the log.
int DiskStore::made(int directory, const std::string& name, bool is_directory, FileOwner owner) {
  struct stat parent {};
  if (::fstat(directory, &parent) == 0 && (parent.st_mode & S_ISGID) != 0) owner.group = parent.st_gid;
  pending_.added(directory, name, is_directory);
  const bool owned = ::fchownat(directory, name.c_str(), owner.user, owner.group, AT_SYMLINK_NOFOLLOW) == 0;
  return owned ? 0 : -errno;
}

int DiskStore::create(int directory, const std::string& name, int flags, mode_t mode, FileOwner owner) {
  const int fd =
      ::openat(directory, name.c_str(), access_of(flags) | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
  if (fd < 0 && errno == EEXIST && (flags & O_EXCL) == 0) {
    const int path = ::openat(directory, name.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (path < 0) return -errno;
    const int opened = open_file(path, flags);
    ::close(path);
    return opened;
  }
  if (fd < 0) return -errno;
  const int done = made(directory, name, false, owner);
  if (done == 0) return fd;
  ::close(fd);
  return done;
}

ssize_t DiskStore::write(int fd, const char* bytes, size_t length, uint64_t offset) {
  pending_.will_write(fd, offset, length);
  size_t done = 0;
  while (done < length) {
    const ssize_t put = ::pwrite(fd, bytes + done, length - done, static_cast<off_t>(offset + done));
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return done > 0 ? static_cast<ssize_t>(done) : -errno;
    done += static_cast<size_t>(put);
  }
  return static_cast<ssize_t>(done);
}

int DiskStore::resize(int fd, uint64_t size) {
  pending_.will_resize(fd, size);
  return ::ftruncate(fd, static_cast<off_t>(size)) == 0 ? 0 : -errno;
}

int DiskStore::allocate(int fd, int mode, uint64_t offset, uint64_t length) {
  if ((mode & ~(FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE)) != 0) return -EOPNOTSUPP;
  struct stat now {};
  if (::fstat(fd, &now) != 0) return -errno;
  const auto size = static_cast<uint64_t>(now.st_size);
  const bool erases = (mode & (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE)) != 0;
  if (erases && offset < size) pending_.will_write(fd, offset, std::min(length, size - offset));
  if ((mode & FALLOC_FL_KEEP_SIZE) == 0 && offset + length > size) pending_.will_resize(fd, offset + length);
  const bool done = ::fallocate(fd, mode, static_cast<off_t>(offset), static_cast<off_t>(length)) == 0;
  return done ? 0 : -errno;
}

int DiskStore::make_directory(int directory, const std::string& name, mode_t mode, FileOwner owner) {
  if (::mkdirat(directory, name.c_str(), mode) != 0) return -errno;
  return made(directory, name, true, owner);
}

int DiskStore::make_node(int directory, const std::string& name, mode_t mode, dev_t device, FileOwner owner) {
  if (::mknodat(directory, name.c_str(), mode, device) != 0) return -errno;
  return made(directory, name, false, owner);
}

int DiskStore::make_symlink(int directory, const std::string& name, const std::string& target,
                            FileOwner owner) {
  if (::symlinkat(target.c_str(), directory, name.c_str()) != 0) return -errno;
  return made(directory, name, false, owner);
}

int DiskStore::link(int path, int directory, const std::string& name) {
  const std::string source = "/proc/self/fd/" + std::to_string(path);
  if (::linkat(AT_FDCWD, source.c_str(), directory, name.c_str(), AT_SYMLINK_FOLLOW) != 0) return -errno;
  pending_.added(directory, name, false);
  return 0;
}

int DiskStore::remove(int directory, const std::string& name, bool is_directory) {
  PendingChanges::ObjectPtr held = pending_.hold(directory, name);
  if (::unlinkat(directory, name.c_str(), is_directory ? AT_REMOVEDIR : 0) != 0) return -errno;
  pending_.removed(directory, name, std::move(held));
  return 0;
}

int DiskStore::rename(int from, const std::string& old_name, int to, const std::string& new_name,
                      unsigned flags) {
  if ((flags & ~static_cast<unsigned>(RENAME_NOREPLACE | RENAME_EXCHANGE)) != 0) return -EINVAL;
  struct stat old_file {
  }, new_file{};
  const bool replaces = ::fstatat(to, new_name.c_str(), &new_file, AT_SYMLINK_NOFOLLOW) == 0;
  const bool same = replaces && ::fstatat(from, old_name.c_str(), &old_file, AT_SYMLINK_NOFOLLOW) == 0 &&
                    old_file.st_ino == new_file.st_ino && old_file.st_dev == new_file.st_dev;
  PendingChanges::ObjectPtr victim;
  if (replaces && !same && flags == 0) victim = pending_.hold(to, new_name);
  if (::renameat2(from, old_name.c_str(), to, new_name.c_str(), flags) != 0) return -errno;
  if ((flags & RENAME_EXCHANGE) != 0) {
    pending_.exchanged(from, old_name, to, new_name);
  } else if (!same) {
    pending_.renamed(from, old_name, to, new_name, std::move(victim));
  }
  return 0;
}

}  // namespace riven::agent
