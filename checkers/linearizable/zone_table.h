// The clusters, chains and zones of a register with unique values: what zones.cpp builds and judges and
// zone_arrangement.cpp makes linearizations of.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "checkers/linearizable/operation.h"

namespace riven::linearizable {

inline constexpr uint32_t kNoOp = UINT32_MAX;
inline constexpr int64_t kNever = INT64_MAX;
inline constexpr int64_t kAlways = -1;

/// What happens to one value. Operation indices, or kNoOp.
struct ZoneCluster {
  uint32_t writer = kNoOp;      ///< the write or cas of it that counts
  uint32_t next = kNoOp;        ///< the cas from this value
  uint32_t first_read = kNoOp;  ///< the read that returned first
  uint32_t last_read = kNoOp;   ///< the read that was invoked last
  uint32_t chain = kNoOp;
  /// What says that the value was there: the first to return of what completed and needed it, or else a
  /// crashed cas from it to a value that was there. kNoOp: nothing does.
  uint32_t sighting = kNoOp;
  bool observed() const { return sighting != kNoOp; }
};

/// Clusters that cas tie together.
struct ZoneChain {
  int64_t low = kNever;    ///< first response
  int64_t high = kAlways;  ///< last invocation
  uint32_t low_op = kNoOp;
  uint32_t high_op = kNoOp;
  uint32_t root = 0;  ///< its first value
  bool forward() const { return low < high; }
};

struct ZoneTable {
  std::span<const Operation> ops;
  /// Local ids of an operation's values, or kNoOp.
  struct Ends {
    uint32_t from;  ///< what it needs: read, cas, failed cas
    uint32_t to;    ///< what it makes: write, cas
  };
  std::vector<Ends> ends;
  std::vector<ZoneCluster> clusters;  ///< by local id; 0 is the initial value
  std::vector<ZoneChain> chains;
  std::vector<uint32_t> forward;  ///< chains with forward zones, by time
  std::vector<uint32_t> spare;    ///< crashed writes that nobody saw, by invocation

  static constexpr uint32_t kRoot = 0;
  int64_t returned(uint32_t i) const { return ops[i].pending() ? kNever : int64_t{ops[i].returned}; }
  int64_t invoked(uint32_t i) const { return ops[i].invoked; }
  /// The value that a cas put into v's place, or kNoOp.
  uint32_t after(uint32_t v) const { return clusters[v].next == kNoOp ? kNoOp : ends[clusters[v].next].to; }
};

/// Makes linearizations of a table that is known to be linearizable without its failed cas. Each zone is
/// placed at the first moment that it may have and each failed cas as early as it fits; where one does not
/// fit, a depth-first search rearranges a few operations around it.
class ZoneArrangement {
 public:
  explicit ZoneArrangement(const ZoneTable& table) : t_(table) {}
  /// Looks for a linearization with the failed cas `open` in it (by invocation); with `use_spare` also with
  /// crashed writes that nobody saw, and then `open` has to be all failed cas. True: `order` is one. False:
  /// none was found, which proves nothing. Gives up at the deadline.
  bool find(const std::vector<uint32_t>& open, bool use_spare, int64_t deadline_ns,
            std::vector<uint32_t>& order);

 private:
  void arrange();
  bool measure();
  std::vector<uint32_t> place(const std::vector<uint32_t>& failed);
  bool repair_all(const std::vector<uint32_t>& unplaced, bool use_spare, int64_t deadline_ns);
  void append(uint32_t op);
  void move_to(size_t position);
  size_t first_after(int64_t t) const;
  size_t last_before(int64_t t) const;
  bool repair(uint32_t failed, bool use_spare, int64_t deadline_ns);
  std::vector<uint32_t> window_of(size_t begin, size_t end, uint32_t failed, bool use_spare) const;
  bool search(size_t begin, size_t end, uint32_t failed, bool use_spare, int64_t deadline_ns);
  int64_t outside(int64_t t) const;

  /// An operation of the order so far, the value after it, and the last invocation up to it.
  struct Repaired {
    uint32_t op;
    uint32_t value;
    int64_t latest;
  };

  const ZoneTable& t_;
  std::vector<uint32_t> order_;
  std::vector<int64_t> latest_;     // last invocation of the first k of order_
  std::vector<int64_t> soonest_;    // first response of those from k on
  std::vector<uint32_t> value_;     // after the first k
  std::vector<uint32_t> until_;     // by value: the first k at which it is gone
  std::vector<Repaired> repaired_;  // instead of the first next_ of order_
  size_t next_ = 0;
  std::vector<bool> spare_used_;  // by operation: it is in the order
};

}  // namespace riven::linearizable
