// The disk layer as a process of its own, and the agent's line to it.
#pragma once

#include <string>

#include "harness/core/json.h"
#include "harness/core/result.h"
#include "nemesis/agent/disk/disk_pending.h"

namespace riven::agent {

/// A layer over one directory of this node. It lives as long as anybody uses its files: it outlasts the
/// agent, and a detached mount, and ends by itself afterwards. When the line to it is cut (this object, or
/// the agent, is gone) it drops all rules at once and passes everything on. Move-only; not thread-safe.
class DiskProcess {
 public:
  /// Mounts a layer at `directory`, which must exist, and starts its process. `source` is how the mount is
  /// known again, `device` the way to /dev/fuse. Errors say what is missing.
  static Result<DiskProcess> start(const std::string& directory, const std::string& source,
                                   PendingChanges::Names names, const std::string& device = "/dev/fuse");
  DiskProcess(DiskProcess&& other) noexcept;
  DiskProcess& operator=(DiskProcess&&) = delete;
  ~DiskProcess();

  /// One request and its answer, within 20 s:
  ///   {"do": "rules", "id", "rules"}        puts rules in force
  ///   {"do": "clear", "id"}                 takes them away; the answer has their counts
  ///   {"do": "counts", "id"}                their counts so far
  ///   {"do": "crash", "loss", "seed", "damage"}   the power fails; the answer is what was lost
  ///   {"do": "traffic"}                     requests, reads, writes, syncs and what is pending
  /// `damage`: {"what": "truncate" | "flip", "path": glob, "bytes": n}: after the loss, each file that
  /// matches loses up to n bytes at its end, or has n bits flipped, at random.
  Result<Json> ask(const Json& request);
  /// False: it ended, and its mount answers nobody.
  bool lives() const;

 private:
  explicit DiskProcess(int fd) : fd_(fd) {}
  int fd_;
};

}  // namespace riven::agent
