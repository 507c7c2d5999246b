// Levels that are decided although nobody knows the order of versions.
//
// Biswas and Enea (OOPSLA'19): a level is an axiom (t2, t3) in V => t2 before t1, for every read by t3 of
// what t1 wrote to a key that t2 wrote, too; V is what the level says that t3 sees. It holds when some order
// of commits contains session order, reads-from and all that follows from the axiom; for those below it
// suffices that these have no cycle (Moldes, Mathur et al., PLDI'25, AWDIT):
//
//   level                  V, what t3 sees             with sessions, too
//   read-committed         nothing                     strong-session-read-committed
//   monotonic-atomic-view  read from earlier in t3     (their read committed)
//   read-atomic            read from in t3             strong-session-read-atomic: or earlier in the session
//   causal-cerone          reads-from+                 strong-session-causal: (reads-from u session)+
//
// causal is the last for micro-operations instead of transactions.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "checkers/isolation/cycles.h"
#include "checkers/isolation/events.h"
#include "checkers/isolation/model.h"

namespace riven::checkers::isolation {

/// A step of a contradiction. kWr: the next transaction read from this one; kProcess: it comes later in the
/// session; kWw: the order of versions is certain; kWwForced: `reader` saw this transaction (through `path`)
/// and yet read `key` as the next one wrote it (`next` is the initial state where `txn` of the next step is
/// kNone).
struct WeakStep {
  uint32_t txn = kNone;
  uint8_t label = 0;
  uint32_t key = kNone;
  uint32_t reader = kNone;
  uint32_t read_mop = kNone;
  std::vector<uint32_t> path;  ///< transactions from `txn` to `reader`, both included
};
/// Steps in a circle that refute `model`; where the initial state is among them, only it and one more.
struct WeakCycle {
  Model model = Model::read_committed;
  std::vector<WeakStep> steps;
};

/// Models that are in none of the sets were refuted before or are not decided here.
struct WeakLevels {
  ModelSet holds = 0;
  ModelSet refuted = 0;
  ModelSet open = 0;              ///< too much work
  std::vector<WeakCycle> cycles;  ///< a short one for each of the weakest models refuted
  std::optional<Proof> causal;    ///< where causal is refuted
};

/// Decides the levels above for registers. `certain`: dependencies that are known; of these only the order of
/// versions is used. `beyond_causality`: they may follow from more than sessions and reads, from version
/// numbers or real time. `known`: models refuted already, which are not looked at. O(n^1.5) for the atomic
/// levels, O(n * sessions) for the causal ones; these are open where that exceeds 8 * `work`.
WeakLevels judge_weak_levels(const Transactions& t, const VersionOrders& orders,
                             const std::vector<Edge>& certain, bool beyond_causality, ModelSet known,
                             uint64_t work, unsigned threads);

/// "fractured-read" and the like: what a contradiction at a level is called.
std::string name_of(const WeakCycle& cycle);

}  // namespace riven::checkers::isolation
