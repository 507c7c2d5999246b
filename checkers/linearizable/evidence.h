// Why a part is not linearizable: few operations, checked again, and a sentence.
#pragma once

#include <string>
#include <vector>

#include "checkers/linearizable/checker.h"

namespace riven::linearizable {

struct Evidence {
  /// Operations of the part that conflict, by invocation. Leaving out any one of them (of collections: any
  /// element) makes the rest linearizable, if `minimal`. Of registers also the operations that wrote the
  /// values which these saw, where there is only one.
  std::vector<uint32_t> operations;
  bool minimal = false;
  bool verified = false;  ///< the depth-first search, which found none of this, refuses them too
  uint32_t event = 0;     ///< history entry at which it became certain
  bool exact_event = false;
  std::string sentence;
  std::vector<std::string> states;  ///< possible just before, at most 16
  uint64_t stale_versions = 0;  ///< how many newer values had been written for certain; 0: not a stale read
  int64_t stale_ns = 0;         ///< how long ago the first of them was certain
};

/// Looks for a small set of conflicting operations for an invalid `answer`, until `deadline_ns`. An operation
/// is left out by weakening: one that looks is dropped, one that changes something becomes one that may
/// happen at any time or never, so what is refused without it refuses the history. Registers are looked at in
/// a window, from any state; of collections whole elements are left out (their other elements then stay
/// linearizable).
Evidence find_evidence(const Options& options, const ModelSpec& spec, const Projection& projection,
                       const History& history, std::span<const Operation> part, const Answer& answer,
                       const Watch& watch);

/// The part as it was just before (or, with `with`, just after) an event: what had not returned is pending,
/// its answer known; what only looks and had not returned is dropped.
std::vector<Operation> prefix_of(std::span<const Operation> part, uint32_t event, bool with,
                                 const Projection& projection);

/// Whether it changes nothing in any state.
bool only_looks(const Operation& op, const Projection& projection);

}  // namespace riven::linearizable
