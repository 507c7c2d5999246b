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
  bool verified = false;  ///< a second search, which shares nothing but the model, refuses them too
  uint32_t event = 0;     ///< history entry at which it became certain
  bool exact_event = false;
  std::string sentence;
  std::vector<std::string> states;  ///< possible just before, at most 16
  bool states_of_these = false;     ///< as far as `operations` alone say: of collections, of their elements
  uint64_t stale_versions =
      0;                 ///< how many newer values had been there for certain, at least; 0: no stale read
  int64_t stale_ns = 0;  ///< how long ago the first of them was certain; 0: the times do not tell
};

/// Looks for a small set of conflicting operations for an invalid `answer`, until the watch ends: from the
/// engine's core or a window before the event, by leaving out what a Refusal does not need.
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
