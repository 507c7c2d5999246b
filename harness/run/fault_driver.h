// Carries out what the nemesis is told, by the packages that a run has.
#pragma once

#include <cstddef>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "harness/api/nemesis.h"
#include "harness/core/impact.h"
#include "harness/core/result.h"

namespace riven {

/// A fault that was begun or ended, or was to be.
struct FaultStep {
  std::string fault;     ///< name of the package's span
  bool begins = false;   ///< else it ends the fault
  Symbol f;              ///< the operation's function
  Value value;           ///< with nothing left to chance
  int64_t time_ns = 0;   ///< of the invocation, since the run began
  std::string not_done;  ///< why it was not; empty: it was
};

/// invoke() by one thread at a time, heal() also beside it.
class FaultDriver {
 public:
  /// All faults in force together never break more than `max_broken` nodes (see breaks_at_most). `target` is
  /// borrowed; the packages are given over.
  FaultDriver(FaultTarget& target, std::vector<FaultPackage> packages, std::optional<size_t> max_broken)
      : target_(target),
        packages_(std::move(packages)),
        max_broken_(max_broken),
        impacts_(packages_.size()) {}

  const std::vector<FaultPackage>& packages() const { return packages_; }
  /// Before the database is set up: each package's prepare(). The first error, with the fault's name.
  Status prepare();
  /// Plans and does what `op` says; `on_step` hears what became of it. What would break too many nodes is
  /// planned anew up to a hundred times (chance may find nodes that are broken already), then left out: its
  /// completion is {skipped why}.
  Result<Value> invoke(const Op& op,
                       const std::function<void(const FaultStep&, const Result<Value>&)>& on_step);
  /// Undoes everything; complaints, one line each.
  std::vector<std::string> heal();

 private:
  Result<Value> begin(size_t which, Op op, FaultStep& step);
  Result<Value> end(size_t which, const Op& op);

  FaultTarget& target_;
  std::vector<FaultPackage> packages_;
  std::optional<size_t> max_broken_;
  std::vector<Impact> impacts_;  // by package, of what is in force
  std::mutex heal_mutex_;        // the nemesis thread may still be busy when the main thread heals
};

}  // namespace riven
