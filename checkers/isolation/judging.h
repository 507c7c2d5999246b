// From dependencies to refuted models and cycles: every suspect is judged, on all cores.
#pragma once

#include <vector>

#include "checkers/isolation/analysis.h"
#include "checkers/isolation/criteria.h"

namespace riven::checkers::isolation {

/// What an analysis may cost. The search itself is bounded by work alone, so that two runs find the same; the
/// deadline and the memory end an analysis that would else not end in time. `known`: models that need not be
/// judged; nothing is said of them.
struct Limits {
  const AnalysisOptions& options;
  const Budget& budget;
  unsigned threads = 1;
  ModelSet known = 0;
  bool expired() const { return budget.expired(); }
  /// Bytes of values that may be in memory at a time where they are more than it holds.
  uint64_t values_at_once() const { return budget.memory_bytes != 0 ? budget.memory_bytes / 8 : 256 << 20; }
  /// Whether so much working memory may be taken at once.
  bool affords(uint64_t bytes) const { return budget.memory_bytes == 0 || bytes <= budget.memory_bytes; }
};

/// How much of a suspect is judged: by all that total version orders tell, or by edges alone where those are
/// certain and the orders are not; and whether cycles are searched for.
enum class Depth : uint8_t { everything, edges, no_cycles };

/// Judges the suspects of `edges` by `a.orders`, adds cycles, proofs and figures to `a`, and to `judged` the
/// transactions in suspects, ascending. Where the time ran out, or a suspect needs more memory than there is,
/// `a.cut_short` says how far it got and every model is open.
Refutations judge_suspects(const std::vector<Edge>& edges, const Limits& limits, Depth depth,
                           std::vector<uint32_t>& judged, Analysis& a);

/// The shared-memory models on transactions that contradict themselves (`odd`) and are in no suspect; adds
/// proofs to `a` where cycles are searched for.
ModelSet judge_alone(const std::vector<uint32_t>& odd, const std::vector<uint32_t>& judged,
                     const Limits& limits, Depth depth, Analysis& a);

/// The models that the cycles, findings and proofs of `a` refute.
ModelSet shown_refuted(const Analysis& a);

}  // namespace riven::checkers::isolation
