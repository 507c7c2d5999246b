// The second opinion on a conflict: Wing and Gong's search as it stands in the paper.
#pragma once

#include "checkers/linearizable/engine.h"
#include "checkers/linearizable/state_space.h"

namespace riven::linearizable {

struct SecondOpinion {
  /// invalid: no order of the operations is possible. unknown: the budget ended before that was sure.
  Verdict verdict = Verdict::unknown;
  /// States possible after everything that returned before the event which was asked for, described, at most
  /// 16.
  std::vector<std::string> states;
};

/// Tries every order of `ops` (by invocation) that real time allows, and remembers sets of done operations
/// with their state that led nowhere (Wing and Gong, JPDC 1993; Lowe, CCPE 2017). It shares the model's rules
/// with the engines and nothing else: no kinds, pools, dominance, fingerprints or partitions. Of pending
/// operations that are the same in all but their invocation the earliest is taken first. Exponential: for the
/// few operations of a conflict. Stops at 200,000 remembered sets, at the deadline, or when memory ends.
SecondOpinion ask_again(const ModelSpec& spec, std::span<const Operation> ops, uint32_t event,
                        const Watch& watch);

}  // namespace riven::linearizable
