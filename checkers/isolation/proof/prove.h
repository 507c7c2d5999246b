// For a model that a judge refuted: the few steps that show it. The judges only decide; this searches once,
// where no cycle or finding at hand shows the same.
#pragma once

#include <optional>

#include "checkers/isolation/analysis.h"
#include "checkers/isolation/criteria.h"
#include "checkers/isolation/cycles.h"
#include "checkers/isolation/past.h"

namespace riven::checkers::isolation {

/// A suspect, what it is judged by, and what the judges said of it.
struct Judged {
  const Transactions& t;
  const VersionOrders& orders;
  const Suspect& suspect;
  const std::vector<Offence>& offences;
  uint32_t vertex(uint32_t txn) const;
};

/// None: not found. O(edges) for each model, but for those that several orders of unseen versions decide:
/// at most 24 times that.
std::optional<Proof> prove(const Judged& judged, Model model);

// Parts of the above, each for a family of models.

/// By edges alone: cycles of an automaton, and walks against real time.
std::vector<Cycle::Step> prove_by_edges(const Judged& judged, Model model);
/// By a read that misses what the past of its transaction has written (see past.h). `late`: the order
/// supposed of versions that nobody saw, or null.
std::vector<Cycle::Step> prove_by_past(const Judged& judged, Model model, const LateOrders* late);
/// The shared-memory models (see memory_models.h), of the suspect's transactions alone.
std::vector<Cycle::Step> prove_by_memory(const Judged& judged, Model model);
/// Models that fail in each order of the versions that nobody saw.
std::optional<Proof> prove_by_cases(const Judged& judged, Model model);

/// A cycle of transactions against real time, made of a circle of a register's versions: their writes, kNone
/// for nil, each before the next. None: the circle does not rest on real time between transactions.
std::optional<Cycle> transactions_of_circle(const Transactions& t, const VersionOrders& orders,
                                            const KeyGroups& groups, const RegisterOptions& assumed,
                                            const std::vector<uint32_t>& circle);

}  // namespace riven::checkers::isolation
