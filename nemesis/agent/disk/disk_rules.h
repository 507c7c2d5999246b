// What the disk layer does to requests while disk faults are in force.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "harness/core/json.h"
#include "harness/core/result.h"
#include "harness/core/rng.h"

namespace riven::agent {

/// What a request is to the rules. `open_write`: opening for writing, which only a read-only disk refuses.
enum class DiskWork : uint8_t { read, write, sync, names, open_write };

/// A request as the rules see it.
struct DiskRequest {
  DiskWork work = DiskWork::read;
  bool grows = false;  ///< needs new space
  std::function<std::string()> path =
      nullptr;  ///< from the layer's root, "/wal/0.wal"; asked only when needed
};

/// One rule as params say it:
///   {"what": "slow", "ops": [read, write, sync, names], "delay_us": n}
///   {"what": "error", "error": "EIO" | "ENOSPC" | "EROFS", "ops": [...], "per_million": n}
///   {"what": "full"}       nothing that needs new space works (ENOSPC)
///   {"what": "read-only"}  nothing that changes anything works (EROFS)
/// each with "path": a glob (fnmatch) that the path must match; '*' matches '/' too.
struct DiskRule {
  enum class What : uint8_t { slow, error, full, read_only };
  What what = What::slow;
  std::vector<DiskWork> ops;  ///< empty: read, write, sync and names
  int error = 0;
  int64_t delay_ns = 0;
  uint32_t per_million = 1'000'000;
  std::string path;
};

/// The rules of params["rules"]; errors name what is wrong.
Result<std::vector<DiskRule>> disk_rules_from(const Json& params);

/// The rules of all faults in force. Not thread-safe.
class DiskRules {
 public:
  explicit DiskRules(uint64_t seed) : rng_(seed) {}

  struct Decision {
    int error = 0;  ///< an errno; 0: carry it out
    int64_t delay_ns = 0;
  };
  /// Delays add up; the first rule that refuses decides.
  Decision decide(const DiskRequest& request);
  /// Whether some rule says that the disk is full.
  bool is_full() const;

  void set(const std::string& id, std::vector<DiskRule> rules);
  /// What the fault did; forgets it.
  Json clear(const std::string& id);
  /// {refused, delayed, seen} of the fault so far; null where there is none of this id.
  Json counts(const std::string& id) const;
  void clear_all() { faults_.clear(); }

 private:
  struct Fault {
    std::string id;
    std::vector<DiskRule> rules;
    uint64_t seen = 0, refused = 0, delayed = 0;
  };
  Rng rng_;
  std::vector<Fault> faults_;
};

}  // namespace riven::agent
