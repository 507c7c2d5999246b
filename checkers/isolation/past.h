// Models that forbid reading below what a transaction's past has overwritten.
#pragma once

#include <unordered_map>
#include <vector>

#include "checkers/isolation/late_orders.h"

namespace riven::checkers::isolation {

/// Who wrote which version, in the numbers of one suspect.
class LocalVersions {
 public:
  LocalVersions(const Transactions& t, const VersionOrders& orders, const Suspect& suspect);

  /// The suspect's vertex of a transaction, or kNone.
  uint32_t vertex(uint32_t txn) const;
  /// The vertex that wrote a version, or kNone where it is outside or not committed.
  uint32_t writer(uint32_t key, uint32_t version) const;
  /// The committed writer of the nearest version after `version` (each of those that nobody saw, behind the
  /// last), where it is in the suspect.
  template <typename Fn>
  void for_each_next(uint32_t key, uint32_t version, Fn&& fn) const {
    for (uint32_t p = version + 1; p <= orders_.length(key); ++p) {
      const uint32_t txn = orders_.writer_of(key, p);
      if (txn == kNone || !committed(t_.state[txn])) continue;
      if (const uint32_t v = vertex(txn); v != kNone) fn(v);
      return;
    }
    const auto late = unobserved_.find(key);
    if (late == unobserved_.end()) return;
    for (const uint32_t v : late->second) fn(v);
  }
  /// The vertices with a write of `key` that nobody saw.
  const std::vector<uint32_t>& unobserved(uint32_t key) const;

 private:
  const Transactions& t_;
  const VersionOrders& orders_;
  const Suspect& suspect_;
  std::unordered_map<uint32_t, std::vector<uint32_t>> unobserved_;  // key -> vertices
};

/// consistent-view, the causal models, read-atomic, update-atomic, monotonic views, update-serializable: each
/// compares the versions a transaction reads with the latest that its past (a different one for each model)
/// has written. `known`: what is refuted already. `late`: an order
/// that the suspect's graph contains, or null where none is supposed.
Refutations judge_by_past(const Transactions& t, const VersionOrders& orders, const Suspect& suspect,
                          ModelSet known, const LateOrders* late, uint64_t work);

}  // namespace riven::checkers::isolation
