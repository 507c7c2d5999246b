#include "nemesis/agent/disk/disk_damage.h"

#include <dirent.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "harness/core/json_fields.h"

namespace riven::agent {
namespace {

/// Paths of the regular files below `root`, sorted: the same seed hits the same bytes.
void list_files(int directory, const std::string& path, std::vector<std::string>& files) {
  const int fd = ::openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR* const listing = fd < 0 ? nullptr : ::fdopendir(fd);
  if (listing == nullptr) return;
  while (const dirent* const each = ::readdir(listing)) {
    const std::string name = each->d_name;
    struct stat file {};
    if (name == "." || name == ".." || ::fstatat(fd, each->d_name, &file, AT_SYMLINK_NOFOLLOW) != 0) continue;
    if (S_ISREG(file.st_mode)) files.push_back(path + "/" + name);
    if (!S_ISDIR(file.st_mode)) continue;
    const int below = ::openat(fd, each->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (below < 0) continue;
    list_files(below, path + "/" + name, files);
    ::close(below);
  }
  ::closedir(listing);
}

bool flip_bit(int fd, uint64_t size, Rng& rng) {
  const auto at = static_cast<off_t>(rng.below(size));
  char byte = 0;
  if (::pread(fd, &byte, 1, at) != 1) return false;
  byte = static_cast<char>(byte ^ (1 << rng.below(8)));
  return ::pwrite(fd, &byte, 1, at) == 1;
}

}  // namespace

Result<Json> damage_files(int root, const Json& params, Rng& rng) {
  const std::string what = text_of(params, "what"), glob = text_of(params, "path");
  const int64_t amount = integer_of(params, "bytes", 1);
  if (what != "truncate" && what != "flip")
    return Error{"files are damaged by truncate or flip, not " + what};
  if (amount < 1 || amount > 1'000'000'000) return Error{"bytes must be 1 to 1000000000"};
  std::vector<std::string> files;
  list_files(root, "", files);
  std::sort(files.begin(), files.end());
  uint64_t damaged = 0, cut_bytes = 0, flipped = 0;
  for (const std::string& path : files) {
    if (!glob.empty() && ::fnmatch(glob.c_str(), path.c_str(), 0) != 0) continue;
    const int fd = ::openat(root, path.c_str() + 1, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
    struct stat file {};
    if (fd < 0) continue;
    if (::fstat(fd, &file) == 0 && file.st_size > 0) {
      const auto size = static_cast<uint64_t>(file.st_size);
      ++damaged;
      if (what == "truncate") {
        const uint64_t cut = std::min(size, 1 + rng.below(static_cast<uint64_t>(amount)));
        if (::ftruncate(fd, static_cast<off_t>(size - cut)) == 0) cut_bytes += cut;
      } else {
        for (int64_t i = 0; i < amount; ++i) flipped += flip_bit(fd, size, rng) ? 1 : 0;
      }
    }
    ::close(fd);
  }
  return Json{{"damaged_files", damaged}, {"cut_bytes", cut_bytes}, {"flipped_bits", flipped}};
}

}  // namespace riven::agent
