// What a power cut would take: changes of files and names that nothing has made durable yet.
//
// The promises, as ext4, XFS and btrfs keep them with their default options (Pillai et al., "All File Systems
// Are Not Created Equal", OSDI 2014, tells them from what programs assume):
// - Data: what a file held when fsync or fdatasync on it returned survives. Later writes survive or not, each
//   512-byte sector for itself and in any order; where a file grew and its sectors did not survive, there are
//   zeros.
// - Names: create, link, rename, unlink, mkdir, rmdir, symlink and mknod become durable in the order in which
//   they were done, and each as a whole: after a power cut some prefix of them has happened. An fsync that
//   returns, of any file or directory, makes all earlier ones durable (Names::journal); POSIX promises less:
//   that only an fsync of a directory does (Names::strict).
// - Modes, owners and times are taken to survive always; nothing that is promised depends on them.
#pragma once

#include <sys/stat.h>
#include <sys/types.h>

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "harness/core/json.h"
#include "harness/core/rng.h"

namespace riven::agent {

/// What survives of what was not durable:
///   all        nothing: the longest possible step back
///   torn       everything up to one moment; a write that was under way then up to a sector
///   reordered  a prefix of the names, each sector of data by an even chance
///   files      a prefix of the names, each file's data as a whole or not at all
enum class LossKind : uint8_t { all, torn, reordered, files };

/// What a power cut took.
struct Loss {
  uint64_t bytes = 0;       ///< written and lost
  uint64_t kept_bytes = 0;  ///< written, not yet durable, and there all the same
  uint64_t changes = 0;     ///< of data or size, lost in part or whole
  uint64_t files = 0;       ///< whose data lost something
  uint64_t names = 0;       ///< changes of names lost
  uint64_t errors = 0;      ///< steps back that failed (somebody changed the files behind the layer)
};
Json to_json(const Loss& loss);

/// The log by which changes are taken back. The caller makes the changes: what is said before a change
/// (will_) reads what it will overwrite. Holds a descriptor for each file and directory in it. Not
/// thread-safe. All descriptors given are borrowed.
class PendingChanges {
 public:
  enum class Names : uint8_t { journal, strict };
  /// Beyond `most_bytes` of remembered data, `most_names` changes of names or `most_files` descriptors the
  /// oldest are taken to have reached the disk by themselves, as they would have by then.
  struct Limits {
    uint64_t most_bytes = uint64_t{256} << 20;
    size_t most_names = 100'000;
    size_t most_files = 10'000;
  };
  struct Object;
  using ObjectPtr = std::shared_ptr<Object>;

  PendingChanges(Names names, Limits limits) : names_kind_(names), limits_(limits) {}
  PendingChanges(const PendingChanges&) = delete;
  PendingChanges& operator=(const PendingChanges&) = delete;
  ~PendingChanges();

  void will_write(int fd, uint64_t offset, uint64_t length);
  void will_resize(int fd, uint64_t size);
  /// What is called `name` in `directory`, so that it can be brought back after it was removed; null when it
  /// is not there.
  ObjectPtr hold(int directory, const std::string& name);
  void added(int directory, const std::string& name, bool is_directory);
  void removed(int directory, const std::string& name, ObjectPtr held);
  /// `victim`: what stood at the new name and was replaced; may be null.
  void renamed(int from, const std::string& old_name, int to, const std::string& new_name, ObjectPtr victim);
  void exchanged(int from, const std::string& old_name, int to, const std::string& new_name);

  void file_synced(int fd);
  void directory_synced();

  /// Takes back what `kind` says; afterwards nothing is pending. No other process may be at the files.
  Loss crash(LossKind kind, Rng& rng);

  uint64_t pending_bytes() const { return bytes_; }
  size_t pending_names() const { return names_.size(); }

 private:
  struct Change;  // of data or size
  struct NameChange {
    enum class Kind : uint8_t { add, remove, rename, exchange };
    Kind kind;
    uint64_t sequence = 0;
    ObjectPtr directory;
    std::string name;
    ObjectPtr other_directory;  // rename, exchange: where to
    std::string other_name;
    ObjectPtr object;           // remove: what was removed; rename: what was replaced, or null
    bool is_directory = false;  // add
  };
  using Key = std::pair<dev_t, ino_t>;

  ObjectPtr object_of(int fd);
  ObjectPtr object_of_directory(int fd);
  ObjectPtr adopt(int fd);
  void remember(const ObjectPtr& object, Change change);
  void remember(NameChange change);
  void forget_data(Object& object);
  void drop_unused();
  void keep_limits();
  void crash_data(Object& object, LossKind kind, uint64_t cut, Rng& rng, Loss& loss);
  bool take_back(NameChange& change);
  bool bring_back(Object& directory, const std::string& name, Object& object);

  Names names_kind_;
  Limits limits_;
  std::map<Key, ObjectPtr> objects_;
  std::deque<NameChange> names_;
  uint64_t next_sequence_ = 1;
  uint64_t bytes_ = 0;
};

}  // namespace riven::agent
