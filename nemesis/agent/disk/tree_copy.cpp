#include "nemesis/agent/disk/tree_copy.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <map>
#include <vector>

namespace riven::agent {
namespace {

namespace fs = std::filesystem;

Error failed(const std::string& what, const std::string& path) {
  return Error{"cannot " + what + " " + path + ": " + std::strerror(errno)};
}

/// A descriptor that closes itself.
class File {
 public:
  File(const std::string& path, int flags, mode_t mode = 0) : fd_(::open(path.c_str(), flags, mode)) {}
  ~File() {
    if (fd_ >= 0) ::close(fd_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  int fd() const { return fd_; }

 private:
  int fd_;
};

Status sync_directory(const std::string& path) {
  const File folder(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  return folder.fd() >= 0 && ::fsync(folder.fd()) == 0 ? ok_status() : Status(failed("sync", path));
}

Status keep_owner_and_times(const std::string& path, const struct stat& as) {
  if (::lchown(path.c_str(), as.st_uid, as.st_gid) != 0) return failed("give away", path);
  if (!S_ISLNK(as.st_mode) && ::chmod(path.c_str(), as.st_mode & 07777) != 0)
    return failed("set the mode of", path);
  const std::array<timespec, 2> times = {as.st_atim, as.st_mtim};
  if (::utimensat(AT_FDCWD, path.c_str(), times.data(), AT_SYMLINK_NOFOLLOW) != 0)
    return failed("set the times of", path);
  return ok_status();
}

Status copy_bytes(const File& in, const File& out, const std::string& path) {
  constexpr size_t kBlockBytes = size_t{64} << 10;
  std::vector<char> block(kBlockBytes);
  off_t at = 0;
  while (true) {
    const ssize_t got = ::pread(in.fd(), block.data(), block.size(), at);
    if (got < 0) return failed("read", path);
    if (got == 0) break;
    const auto length = static_cast<size_t>(got);
    const bool zeros = std::all_of(block.data(), block.data() + length, [](char c) { return c == 0; });
    if (!zeros && ::pwrite(out.fd(), block.data(), length, at) != got) return failed("copy", path);
    at += got;
  }
  return ::ftruncate(out.fd(), at) == 0 ? ok_status() : Status(failed("copy", path));
}

Status copy_file(const std::string& from, const std::string& to, const struct stat& as, bool durable) {
  const File in(from, O_RDONLY | O_CLOEXEC), out(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (in.fd() < 0) return failed("read", from);
  if (out.fd() < 0) return failed("make", to);
  if (Status copied = copy_bytes(in, out, from); !copied) return copied;
  if (durable && ::fsync(out.fd()) != 0) return failed("sync", to);
  return keep_owner_and_times(to, as);
}

/// One entry; of folders the folder alone.
Status copy_entry(const std::string& from, const std::string& to, const struct stat& as, bool durable) {
  if (S_ISDIR(as.st_mode)) return ::mkdir(to.c_str(), 0700) == 0 ? ok_status() : Status(failed("make", to));
  if (S_ISREG(as.st_mode)) return copy_file(from, to, as, durable);
  if (!S_ISLNK(as.st_mode)) return ok_status();  // a socket or a pipe: made again by who needs it
  std::array<char, 4096> target{};
  if (::readlink(from.c_str(), target.data(), target.size() - 1) <= 0 ||
      ::symlink(target.data(), to.c_str()) != 0)
    return failed("copy the link", from);
  return keep_owner_and_times(to, as);
}

/// Relative paths of everything below, folders before what is in them.
Result<std::vector<std::string>> paths_below(const std::string& directory) {
  std::vector<std::string> paths;
  std::error_code error;
  for (fs::recursive_directory_iterator at(directory, error), end; !error && at != end; at.increment(error))
    paths.push_back(at->path().string().substr(directory.size()));
  if (error) return Error{"cannot read " + directory + ": " + error.message()};
  return paths;
}

}  // namespace

Result<int64_t> copy_tree(const std::string& from, const std::string& to, bool durable) {
  const auto paths = paths_below(from);
  if (!paths) return paths.error();
  int64_t bytes = 0;
  std::vector<std::pair<std::string, struct stat>> folders;
  for (const std::string& path : *paths) {
    struct stat as {};
    if (::lstat((from + path).c_str(), &as) != 0) return failed("look at", from + path);
    if (Status copied = copy_entry(from + path, to + path, as, durable); !copied) return copied.error();
    if (S_ISREG(as.st_mode)) bytes += as.st_size;
    if (S_ISDIR(as.st_mode)) folders.emplace_back(to + path, as);
  }
  // From the innermost out: what is made in a folder changes its time.
  for (auto folder = folders.rbegin(); folder != folders.rend(); ++folder) {
    if (durable) {
      if (Status synced = sync_directory(folder->first); !synced) return synced.error();
    }
    if (Status kept = keep_owner_and_times(folder->first, folder->second); !kept) return kept.error();
  }
  if (durable) {
    if (Status synced = sync_directory(to); !synced) return synced.error();
  }
  return bytes;
}

Status clear_directory(const std::string& directory) {
  std::error_code error;
  std::vector<fs::path> entries;
  for (fs::directory_iterator at(directory, error), end; !error && at != end; at.increment(error))
    entries.push_back(at->path());
  for (const fs::path& entry : entries) {
    if (!error) fs::remove_all(entry, error);
  }
  return error ? Status(Error{"cannot empty " + directory + ": " + error.message()}) : ok_status();
}

int64_t count_differences(const std::string& one, const std::string& other) {
  std::map<std::string, int> sides;
  for (const std::string& root : {one, other}) {
    if (const auto paths = paths_below(root)) {
      for (const std::string& path : *paths) ++sides[path];
    }
  }
  int64_t differ = 0;
  for (const auto& [path, count] : sides) {
    struct stat first {
    }, second{};
    if (count == 2 && (::lstat((one + path).c_str(), &first) != 0 || S_ISDIR(first.st_mode))) continue;
    if (count == 2) ::lstat((other + path).c_str(), &second);
    const bool same = count == 2 && first.st_size == second.st_size &&
                      first.st_mtim.tv_sec == second.st_mtim.tv_sec &&
                      first.st_mtim.tv_nsec == second.st_mtim.tv_nsec;
    differ += same ? 0 : 1;
  }
  return differ;
}

}  // namespace riven::agent
