#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "harness/history/source_reader.h"

namespace riven::reading {

namespace {
Result<std::string> read_whole(int fd, const std::string& name) {
  std::string bytes;
  constexpr size_t kStep = 1 << 20;
  while (true) {
    const size_t size = bytes.size();
    bytes.resize(size + kStep);
    const ssize_t got = ::read(fd, bytes.data() + size, kStep);
    bytes.resize(size + static_cast<size_t>(got > 0 ? got : 0));
    if (got == 0) return bytes;
    if (got < 0 && errno != EINTR) return Error{name + ": cannot be read: " + std::strerror(errno)};
  }
}
}  // namespace

Result<FileBytes> FileBytes::open(const std::string& path) {
  FileBytes file;
  if (path == "-") {
    auto bytes = read_whole(STDIN_FILENO, "standard input");
    if (!bytes) return bytes.error();
    file.copy_ = *std::move(bytes);
    return file;
  }
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return Error{path + ": cannot be opened: " + std::strerror(errno)};
  struct stat status {};
  if (::fstat(fd, &status) == 0 && S_ISREG(status.st_mode) && status.st_size > 0) {
    const auto size = static_cast<size_t>(status.st_size);
    void* const map = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (map != MAP_FAILED) {
      ::madvise(map, size, MADV_SEQUENTIAL);
      ::close(fd);
      file.map_ = static_cast<const char*>(map);
      file.size_ = size;
      return file;
    }
  }
  auto bytes = read_whole(fd, path);
  ::close(fd);
  if (!bytes) return bytes.error();
  file.copy_ = *std::move(bytes);
  return file;
}

void FileBytes::release(size_t to) const {
  static const auto page = static_cast<size_t>(::sysconf(_SC_PAGESIZE));
  to = std::min(to, size_) / page * page;
  if (map_ != nullptr && to > 0) ::madvise(const_cast<char*>(map_), to, MADV_DONTNEED);
}

FileBytes::FileBytes(FileBytes&& other) noexcept
    : map_(std::exchange(other.map_, nullptr)), size_(other.size_), copy_(std::move(other.copy_)) {}

FileBytes::~FileBytes() {
  if (map_ != nullptr) ::munmap(const_cast<char*>(map_), size_);
}

}  // namespace riven::reading
