#include "harness/core/spill.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <string>

namespace riven {

Result<std::unique_ptr<SpillFile>> SpillFile::make() {
  const char* const given = std::getenv("TMPDIR");
  std::string path = (given != nullptr && *given != '\0' ? std::string(given) : "/var/tmp") + "/riven-XXXXXX";
  const int fd = ::mkostemp(path.data(), O_CLOEXEC);
  if (fd < 0)
    return Error{path + ": no file can be made there for what does not fit in memory: " +
                 std::strerror(errno) + ": set TMPDIR, or give more --memory"};
  ::unlink(path.c_str());
  return std::unique_ptr<SpillFile>(new SpillFile(fd));
}

SpillFile::~SpillFile() {
  if (map_ != nullptr) ::munmap(map_, size_);
  ::close(fd_);
}

Status SpillFile::append(const std::vector<uint8_t>& bytes) {
  for (size_t done = 0; done < bytes.size();) {
    const ssize_t written = ::write(fd_, bytes.data() + done, bytes.size() - done);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0)
      return Error{"what does not fit in memory cannot be written to a file in TMPDIR: " +
                   std::string(std::strerror(errno))};
    done += static_cast<size_t>(written);
  }
  size_ += bytes.size();
  return ok_status();
}

Status SpillFile::map() {
  if (size_ == 0) return ok_status();
  void* const map = ::mmap(nullptr, size_, PROT_READ, MAP_SHARED, fd_, 0);
  if (map == MAP_FAILED)
    return Error{"what does not fit in memory cannot be read back: " + std::string(std::strerror(errno))};
  map_ = static_cast<uint8_t*>(map);
  return ok_status();
}

void SpillFile::release(uint64_t from, uint64_t to) const {
  static const auto page = static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));
  from = from / page * page;
  to = std::min(size_, to) / page * page;
  if (map_ != nullptr && from < to) ::madvise(map_ + from, to - from, MADV_DONTNEED);
}

}  // namespace riven
