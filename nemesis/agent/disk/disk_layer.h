// The disk layer: a FUSE file system that passes everything on to a directory and knows what a power cut
// would take from it.
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <map>
#include <memory>
#include <queue>
#include <string>
#include <string_view>
#include <vector>

#include "nemesis/agent/disk/disk_rules.h"
#include "nemesis/agent/disk/disk_store.h"
#include "nemesis/agent/disk/fuse_channel.h"

namespace riven::agent {

/// What the layer has seen.
struct DiskTraffic {
  uint64_t requests = 0, reads = 0, writes = 0, syncs = 0, written_bytes = 0;
};

/// Serves one mount. The files stay where they are; without rules in force the layer only notes. Changes of
/// modes, owners and times, and locks, are the kernel's and the real files'. Nothing is cached by the kernel
/// beyond an open file's pages, so what a crash takes back is gone for every later open. Not thread-safe.
class DiskLayer {
 public:
  /// `root`: the directory that is passed on to, given over, opened before the mount hid it.
  DiskLayer(FuseChannel channel, int root, PendingChanges::Names names);
  ~DiskLayer();
  DiskLayer(const DiskLayer&) = delete;
  DiskLayer& operator=(const DiskLayer&) = delete;

  /// Answers what is waiting, without waiting itself. False: the file system has ended.
  bool serve();
  /// When the next delayed answer is due, on CLOCK_MONOTONIC; INT64_MAX: none.
  int64_t next_due_ns() const { return delayed_.empty() ? INT64_MAX : delayed_.top().due_ns; }

  int fd() const { return channel_.fd(); }
  DiskRules& rules() { return rules_; }
  DiskStore& store() { return store_; }
  const DiskTraffic& traffic() const { return traffic_; }
  int root() const { return nodes_.at(FUSE_ROOT_ID).fd; }

 private:
  struct Node {
    int fd;  // O_PATH
    uint64_t lookups;
    std::pair<dev_t, ino_t> key;
  };
  struct Handle {
    int fd = -1;
    std::string listing;  // of a directory, as fuse_dirents
    bool durable_writes = false;
  };
  struct Answer {
    int64_t due_ns;
    uint64_t order;
    uint64_t unique;
    int error;
    std::string payload;
    bool operator<(const Answer& other) const {
      return due_ns != other.due_ns ? due_ns > other.due_ns : order > other.order;
    }
  };
  using Handler = void (DiskLayer::*)(const FuseRequest&);
  static const std::map<uint32_t, Handler>& handlers();

  void handle(const FuseRequest& request);
  void answer(const FuseRequest& request, std::string_view payload);
  /// `status`: 0, or a negative errno.
  void finish(const FuseRequest& request, int status);
  /// Whether the rules let it pass; if not, it is answered. Delays go to the answer.
  bool passes(const FuseRequest& request, DiskWork work, bool grows = false, std::string_view name = {});

  Node* node(uint64_t id);
  Handle* handle_of(uint64_t id);
  int path_of(const FuseRequest& request);
  std::string path_text(uint64_t id, std::string_view name) const;
  uint64_t adopt(int fd);
  void forget(uint64_t id, uint64_t lookups);
  void entry(const FuseRequest& request, int directory, const std::string& name);
  bool fill_entry(int directory, const std::string& name, fuse_entry_out& out);

  void init(const FuseRequest& request);
  void lookup(const FuseRequest& request);
  void forget_one(const FuseRequest& request);
  void forget_many(const FuseRequest& request);
  void get_attributes(const FuseRequest& request);
  void set_attributes(const FuseRequest& request);
  void read_link(const FuseRequest& request);
  void make_symlink(const FuseRequest& request);
  void make_node(const FuseRequest& request);
  void make_directory(const FuseRequest& request);
  void unlink(const FuseRequest& request);
  void remove_directory(const FuseRequest& request);
  void rename(const FuseRequest& request);
  void rename2(const FuseRequest& request);
  void link(const FuseRequest& request);
  void open(const FuseRequest& request);
  void create(const FuseRequest& request);
  void read(const FuseRequest& request);
  void write(const FuseRequest& request);
  void allocate(const FuseRequest& request);
  void sync(const FuseRequest& request);
  void sync_directory(const FuseRequest& request);
  void release(const FuseRequest& request);
  void open_directory(const FuseRequest& request);
  void read_directory(const FuseRequest& request);
  void statistics(const FuseRequest& request);
  void nothing(const FuseRequest& request);
  void move(const FuseRequest& request, uint64_t to, unsigned flags, std::string_view names);

  FuseChannel channel_;
  DiskStore store_;
  DiskRules rules_;
  DiskTraffic traffic_;
  std::map<uint64_t, Node> nodes_;
  std::map<std::pair<dev_t, ino_t>, uint64_t> node_ids_;
  std::map<uint64_t, Handle> handles_;
  uint64_t next_id_ = FUSE_ROOT_ID + 1;
  std::priority_queue<Answer> delayed_;
  uint64_t answers_ = 0;
  int64_t delay_ns_ = 0;  // of the request that is being handled
};

}  // namespace riven::agent
