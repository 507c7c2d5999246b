// Who holds a lock right now, by what the clients were told.
#pragma once

#include <cstddef>
#include <map>
#include <mutex>
#include <vector>

#include "harness/api/node_groups.h"

namespace riven::workloads {

/// Follows :acquire and :release of a run with `clients` threads, thread t of which works with node t %
/// `nodes`. Thread-safe.
class LockHolders final : public NodeObserver {
 public:
  LockHolders(size_t clients, size_t nodes) : clients_(clients), nodes_(nodes) {}

  /// An acquire that succeeded counts until as many releases did; a process of which anything is unknown is
  /// over, and holds nothing that it could give back.
  void note(const Op& op) override;
  /// Positions of the nodes through which a lock is held, sorted.
  std::vector<size_t> nodes() const override;

 private:
  const size_t clients_;
  const size_t nodes_;
  mutable std::mutex mutex_;
  std::map<Process, int> held_;
};

}  // namespace riven::workloads
