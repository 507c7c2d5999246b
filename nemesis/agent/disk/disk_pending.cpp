#include "nemesis/agent/disk/disk_pending.h"

#include <fcntl.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstdio>
#include <optional>

namespace riven::agent {
namespace {

constexpr uint64_t kSectorBytes = 512;
constexpr size_t kCopyBytes = size_t{1} << 20;

std::string proc_path(int fd) { return "/proc/self/fd/" + std::to_string(fd); }

uint64_t size_of(int fd) {
  struct stat now {};
  return fstat(fd, &now) == 0 ? static_cast<uint64_t>(now.st_size) : 0;
}

bool resize(int fd, uint64_t size) { return ftruncate(fd, static_cast<off_t>(size)) == 0; }

std::vector<char> read_range(int fd, uint64_t offset, uint64_t length) {
  std::vector<char> bytes(length);
  size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t got =
        pread(fd, bytes.data() + done, bytes.size() - done, static_cast<off_t>(offset + done));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    done += static_cast<size_t>(got);
  }
  bytes.resize(done);
  return bytes;
}

bool write_range(int fd, const char* bytes, size_t length, uint64_t offset) {
  for (size_t done = 0; done < length;) {
    const ssize_t put = pwrite(fd, bytes + done, length - done, static_cast<off_t>(offset + done));
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0) return false;
    done += static_cast<size_t>(put);
  }
  return true;
}

/// The data of one file into a new one; holes stay holes.
bool copy_content(int from, int to) {
  const uint64_t size = size_of(from);
  if (!resize(to, size)) return false;
  for (off_t at = 0; static_cast<uint64_t>(at) < size;) {
    const off_t data = lseek(from, at, SEEK_DATA);
    if (data < 0) return errno == ENXIO;
    const off_t end = lseek(from, data, SEEK_HOLE);
    const uint64_t length = std::min<uint64_t>(static_cast<uint64_t>(end - data), kCopyBytes);
    const std::vector<char> bytes = read_range(from, static_cast<uint64_t>(data), length);
    if (bytes.empty() || !write_range(to, bytes.data(), bytes.size(), static_cast<uint64_t>(data)))
      return false;
    at = data + static_cast<off_t>(bytes.size());
  }
  return true;
}

}  // namespace

Json to_json(const Loss& loss) {
  return {{"lost_bytes", loss.bytes}, {"kept_bytes", loss.kept_bytes}, {"lost_changes", loss.changes},
          {"lost_files", loss.files}, {"lost_names", loss.names},      {"errors", loss.errors}};
}

/// A write, or a new size. The file is `before` and what the change left outside [offset, offset + length).
struct PendingChanges::Change {
  uint64_t sequence = 0;
  bool resizes = false;  // the size becomes `offset`; else length bytes are written there
  uint64_t offset = 0;
  uint64_t length = 0;
  uint64_t size_before = 0;
  std::vector<char> before;  // what stood at offset, as far as the file went
};

/// A file or directory that pending changes speak of. Its descriptor moves on to the copy when it is brought
/// back from the dead.
struct PendingChanges::Object {
  Object() = default;
  Object(const Object&) = delete;
  Object& operator=(const Object&) = delete;
  ~Object() {
    if (fd >= 0) close(fd);
  }
  int fd = -1;  // read-write for files, O_PATH for what is neither file nor directory
  struct stat first {};
  std::string link_target;
  std::deque<Change> changes;  // oldest first
};

PendingChanges::~PendingChanges() = default;

/// An object around a descriptor that is given over; the known one where there is one.
PendingChanges::ObjectPtr PendingChanges::adopt(int fd) {
  if (fd < 0) return nullptr;
  auto object = std::make_shared<Object>();
  object->fd = fd;
  if (fstat(fd, &object->first) != 0) return nullptr;
  const Key key{object->first.st_dev, object->first.st_ino};
  if (const auto known = objects_.find(key); known != objects_.end()) return known->second;
  if (S_ISLNK(object->first.st_mode)) {
    char target[PATH_MAX];
    const ssize_t length = readlinkat(fd, "", target, sizeof target);
    if (length > 0) object->link_target.assign(target, static_cast<size_t>(length));
  }
  objects_.emplace(key, object);
  return object;
}

PendingChanges::ObjectPtr PendingChanges::object_of(int fd) {
  struct stat now {};
  if (fstat(fd, &now) != 0) return nullptr;
  if (const auto known = objects_.find({now.st_dev, now.st_ino}); known != objects_.end())
    return known->second;
  return adopt(open(proc_path(fd).c_str(), O_RDWR | O_CLOEXEC));
}

PendingChanges::ObjectPtr PendingChanges::object_of_directory(int fd) {
  struct stat now {};
  if (fstat(fd, &now) != 0) return nullptr;
  if (const auto known = objects_.find({now.st_dev, now.st_ino}); known != objects_.end())
    return known->second;
  return adopt(openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
}

PendingChanges::ObjectPtr PendingChanges::hold(int directory, const std::string& name) {
  struct stat now {};
  if (fstatat(directory, name.c_str(), &now, AT_SYMLINK_NOFOLLOW) != 0) return nullptr;
  if (const auto known = objects_.find({now.st_dev, now.st_ino}); known != objects_.end())
    return known->second;
  const int how = S_ISREG(now.st_mode)   ? O_RDWR | O_NOFOLLOW
                  : S_ISDIR(now.st_mode) ? O_RDONLY | O_DIRECTORY
                                         : O_PATH | O_NOFOLLOW;
  return adopt(openat(directory, name.c_str(), how | O_CLOEXEC));
}

void PendingChanges::remember(const ObjectPtr& object, Change change) {
  change.sequence = next_sequence_++;
  bytes_ += change.before.size();
  object->changes.push_back(std::move(change));
  keep_limits();
}

void PendingChanges::will_write(int fd, uint64_t offset, uint64_t length) {
  const ObjectPtr object = object_of(fd);
  if (object == nullptr || length == 0) return;
  Change change;
  change.offset = offset;
  change.length = length;
  change.size_before = size_of(fd);
  if (offset < change.size_before)
    change.before = read_range(object->fd, offset, std::min(length, change.size_before - offset));
  remember(object, std::move(change));
}

void PendingChanges::will_resize(int fd, uint64_t size) {
  const ObjectPtr object = object_of(fd);
  if (object == nullptr) return;
  Change change;
  change.resizes = true;
  change.offset = size;
  change.size_before = size_of(fd);
  if (size == change.size_before) return;
  if (change.size_before > size && change.size_before - size > limits_.most_bytes) {
    forget_data(*object);  // too much to remember: as if it had been written back before
    return;
  }
  if (size < change.size_before) change.before = read_range(object->fd, size, change.size_before - size);
  remember(object, std::move(change));
}

void PendingChanges::remember(NameChange change) {
  change.sequence = next_sequence_++;
  names_.push_back(std::move(change));
  keep_limits();
}

void PendingChanges::added(int directory, const std::string& name, bool is_directory) {
  NameChange change{
      NameChange::Kind::add, 0, object_of_directory(directory), name, nullptr, "", nullptr, false};
  change.is_directory = is_directory;
  if (change.directory != nullptr) remember(std::move(change));
}

void PendingChanges::removed(int directory, const std::string& name, ObjectPtr held) {
  NameChange change{NameChange::Kind::remove, 0,    object_of_directory(directory), name, nullptr, "",
                    std::move(held),          false};
  if (change.directory != nullptr && change.object != nullptr) remember(std::move(change));
}

void PendingChanges::renamed(int from, const std::string& old_name, int to, const std::string& new_name,
                             ObjectPtr victim) {
  NameChange change{NameChange::Kind::rename, 0,        object_of_directory(from), old_name,
                    object_of_directory(to),  new_name, std::move(victim),         false};
  if (change.directory != nullptr && change.other_directory != nullptr) remember(std::move(change));
}

void PendingChanges::exchanged(int from, const std::string& old_name, int to, const std::string& new_name) {
  NameChange change{NameChange::Kind::exchange,
                    0,
                    object_of_directory(from),
                    old_name,
                    object_of_directory(to),
                    new_name,
                    nullptr,
                    false};
  if (change.directory != nullptr && change.other_directory != nullptr) remember(std::move(change));
}

void PendingChanges::forget_data(Object& object) {
  for (const Change& change : object.changes) bytes_ -= change.before.size();
  object.changes.clear();
}

/// Closes what no pending change speaks of.
void PendingChanges::drop_unused() {
  std::erase_if(objects_, [](const auto& each) {
    return each.second.use_count() == 1 && each.second->changes.empty();
  });
}

void PendingChanges::file_synced(int fd) {
  struct stat now {};
  if (fstat(fd, &now) == 0) {
    const auto known = objects_.find({now.st_dev, now.st_ino});
    if (known != objects_.end()) forget_data(*known->second);
  }
  if (names_kind_ == Names::journal) names_.clear();
  drop_unused();
}

void PendingChanges::directory_synced() {
  names_.clear();
  drop_unused();
}

void PendingChanges::keep_limits() {
  while (names_.size() > limits_.most_names) names_.pop_front();
  if (objects_.size() > limits_.most_files) {
    names_.clear();
    for (auto& [key, object] : objects_) forget_data(*object);
    drop_unused();
  }
  while (bytes_ > limits_.most_bytes) {
    Object* oldest = nullptr;
    for (auto& [key, object] : objects_) {
      if (object->changes.empty()) continue;
      if (oldest == nullptr || object->changes.front().sequence < oldest->changes.front().sequence)
        oldest = object.get();
    }
    if (oldest == nullptr) return;
    bytes_ -= oldest->changes.front().before.size();
    oldest->changes.pop_front();
  }
}

Loss PendingChanges::crash(LossKind kind, Rng& rng) {
  Loss loss;
  uint64_t first = next_sequence_;
  for (const auto& [key, object] : objects_) {
    if (!object->changes.empty()) first = std::min(first, object->changes.front().sequence);
  }
  if (!names_.empty()) first = std::min(first, names_.front().sequence);
  // What was done before the cut survives.
  const uint64_t cut = kind == LossKind::torn ? first + rng.below(next_sequence_ - first + 1) : first;
  size_t kept = 0;
  if (kind == LossKind::torn) {
    while (kept < names_.size() && names_[kept].sequence < cut) ++kept;
  } else if (kind != LossKind::all) {
    kept = rng.below(names_.size() + 1);
  }
  for (auto& [key, object] : objects_) {
    if (!object->changes.empty()) crash_data(*object, kind, cut, rng, loss);
  }
  for (size_t i = names_.size(); i > kept; --i) {
    if (take_back(names_[i - 1])) {
      ++loss.names;
    } else {
      ++loss.errors;
    }
  }
  names_.clear();
  objects_.clear();
  bytes_ = 0;
  return loss;
}

/// Rolls the file back to where it was last durable, noting on the way what each change had written, then
/// writes what survives anew, in its order.
void PendingChanges::crash_data(Object& object, LossKind kind, uint64_t cut, Rng& rng, Loss& loss) {
  std::vector<std::vector<char>> written(object.changes.size());
  for (size_t i = object.changes.size(); i-- > 0;) {
    const Change& change = object.changes[i];
    if (!change.resizes && kind != LossKind::all)
      written[i] = read_range(object.fd, change.offset, change.length);
    const bool grew = change.resizes ? change.offset > change.size_before
                                     : change.offset + change.length > change.size_before;
    const bool done = (!change.resizes && !grew) || resize(object.fd, change.size_before);
    if (!done || !write_range(object.fd, change.before.data(), change.before.size(), change.offset))
      ++loss.errors;
  }
  const bool whole_file = kind == LossKind::files && rng.chance(0.5);
  const uint64_t lost_before = loss.changes;
  for (size_t i = 0; i < object.changes.size(); ++i) {
    const Change& change = object.changes[i];
    const uint64_t end = change.resizes ? change.offset : change.offset + change.length;
    // A write that was under way at the cut got as far as some sector.
    const uint64_t reached =
        kind == LossKind::torn && change.sequence == cut
            ? change.offset + rng.below(end - change.offset + 1) / kSectorBytes * kSectorBytes
            : 0;
    const auto survives = [&](uint64_t at) {
      if (kind == LossKind::torn) return change.sequence < cut || at < reached;
      return kind == LossKind::reordered ? rng.chance(0.5) : whole_file;
    };
    bool lost = false;
    if (change.resizes) {
      lost = !survives(change.offset);
      if (!lost && !resize(object.fd, change.offset)) ++loss.errors;
    }
    for (uint64_t at = change.offset; at < end;) {
      const uint64_t next = std::min(end, (at / kSectorBytes + 1) * kSectorBytes);
      const size_t from = at - change.offset, length = next - at;
      if (survives(at)) {
        loss.kept_bytes += length;
        if (from + length > written[i].size() ||
            !write_range(object.fd, written[i].data() + from, length, at)) {
          ++loss.errors;
        }
      } else {
        loss.bytes += length;
        lost = true;
      }
      at = next;
    }
    loss.changes += lost ? 1 : 0;
  }
  loss.files += loss.changes > lost_before ? 1 : 0;
}

bool PendingChanges::take_back(NameChange& change) {
  const int directory = change.directory->fd;
  switch (change.kind) {
    case NameChange::Kind::add:
      return unlinkat(directory, change.name.c_str(), change.is_directory ? AT_REMOVEDIR : 0) == 0;
    case NameChange::Kind::remove:
      return bring_back(*change.directory, change.name, *change.object);
    case NameChange::Kind::rename: {
      const int other = change.other_directory->fd;
      if (renameat(other, change.other_name.c_str(), directory, change.name.c_str()) != 0) return false;
      return change.object == nullptr ||
             bring_back(*change.other_directory, change.other_name, *change.object);
    }
    case NameChange::Kind::exchange:
      return renameat2(directory, change.name.c_str(), change.other_directory->fd, change.other_name.c_str(),
                       RENAME_EXCHANGE) == 0;
  }
  return false;
}

/// Gives a removed object its name back: as another link where it has one left, else as a copy.
bool PendingChanges::bring_back(Object& directory, const std::string& name, Object& object) {
  struct stat now {};
  if (fstat(object.fd, &now) != 0) return false;
  const mode_t mode = now.st_mode & 07777;
  const char* const path = name.c_str();
  const auto owned = [&](bool done) {
    return done && fchownat(directory.fd, path, now.st_uid, now.st_gid, AT_SYMLINK_NOFOLLOW) == 0;
  };
  if (S_ISDIR(now.st_mode)) {
    if (!owned(mkdirat(directory.fd, path, mode) == 0)) return false;
    const int fd = openat(directory.fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || fchmod(fd, mode) != 0) return false;
    close(std::exchange(object.fd, fd));
    return true;
  }
  if (now.st_nlink > 0) {
    return linkat(AT_FDCWD, proc_path(object.fd).c_str(), directory.fd, path, AT_SYMLINK_FOLLOW) == 0;
  }
  if (S_ISLNK(now.st_mode)) return owned(symlinkat(object.link_target.c_str(), directory.fd, path) == 0);
  if (!S_ISREG(now.st_mode)) return owned(mknodat(directory.fd, path, now.st_mode, now.st_rdev) == 0);
  const int fd = openat(directory.fd, path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, mode);
  if (fd < 0) return false;
  const bool copied =
      copy_content(object.fd, fd) && fchown(fd, now.st_uid, now.st_gid) == 0 && fchmod(fd, mode) == 0;
  close(std::exchange(object.fd, fd));
  return copied;
}

}  // namespace riven::agent
