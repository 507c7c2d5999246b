// Orders of versions that nobody saw: each history of lists leaves them open.
#pragma once

#include <map>
#include <vector>

#include "checkers/isolation/criteria.h"

namespace riven::checkers::isolation {

/// For each key of which several versions went unseen, their writers (vertices of the suspect) in a supposed
/// order.
using LateOrders = std::map<uint32_t, std::vector<uint32_t>>;

/// Keys of which several transactions of the suspect made versions that nobody saw; each writer once, in the
/// first of the permutations.
LateOrders late_orders(const Transactions& t, const Suspect& suspect);
/// Moves on to the next combination of permutations; false after the last.
bool next_orders(LateOrders& late);
/// The suspect with these orders as ww edges.
Suspect with_late_order(const Suspect& suspect, const LateOrders& late);
/// The suspect judged with these orders; null: with none. `known` as for judge_suspect.
Refutations judge_world(const Transactions& t, const VersionOrders& orders, const Suspect& suspect,
                        const LateOrders* late, uint64_t work, ModelSet known);

}  // namespace riven::checkers::isolation
