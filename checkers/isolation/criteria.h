// One criterion for each model, decided on a suspect.
//
// With a total version order, po a transaction's order of micro-operations, so session order and rt real
// time:
//   read-uncommitted          ww acyclic                                              (Adya, PL-1)
//   read-committed            ww u wr acyclic; no G1a, G1b                            (Adya, PL-2)
//   monotonic-atomic-view     read-committed, and who read from T reads nothing later (po) that T overwrote
//                             (Biswas & Enea's read committed; Bailis et al., HAT)
//   monotonic-view            read-committed, and no read of a version overwritten in (ww u wr)+ before an
//                             earlier (po) access of the reader                       (Adya, PL-2L,
//                             G-monotonic)
//   monotonic-snapshot-read   each read has a snapshot point of its own, in po, all commits at points of one
//                             order                                                   (Adya, PL-MSR)
//   cursor-stability          read-committed; nobody overwrites another version than the one it read
//   (G-cursor) consistent-view           no cycle with at most one rw                            (Adya,
//   PL-2+) forward-consistent-view   the same: start points are not in a history, so they may be chosen
//   (Adya, PL-FCV) update-serializable       no cycle among updating transactions and one reader     (Adya,
//   PL-3U) repeatable-read           no cycle without predicates                             (Adya, PL-2.99)
//   read-atomic               INT; who has a wr edge from T reads nothing that T overwrote; read-committed
//   update-atomic             the same for wr and ww edges                            (Cerone et al. 2015)
//   causal-cerone             the same for wr+                                        (Cerone et al. 2015)
//   parallel-snapshot-isolation  INT; (ww u wr)+ ; rw? irreflexive                     (Cerone, Gotsman 2016)
//   prefix                    INT; (wr ; rw?) u ww acyclic                            (Biswas, Enea 2019)
//   snapshot-isolation        INT; (ww u wr) ; rw? acyclic                            (Cerone, Gotsman 2016)
//   serializable              INT; ww u wr u rw acyclic                               (Adya, PL-3)
//   strong-session-X          X with so beside wr;  strong-X, strict: X with rt
// The shared-memory models are in memory_models.h.
#pragma once

#include "checkers/isolation/graph.h"
#include "checkers/isolation/model.h"

namespace riven::checkers::isolation {

/// What one suspect refutes, and what it leaves open because the work would exceed the bound.
struct Refutations {
  ModelSet refuted = 0;
  ModelSet open = 0;
};

/// Judges a suspect whose keys have total version orders (`orders`). Thread-safe. O(edges) for the models
/// that are decided by one search of components, O(keys * edges) for those that compare versions; the latter
/// stay open where that exceeds `work`. `known` are refuted, or of no interest, together
/// with all stronger models; nothing is said of them.
Refutations judge_suspect(const Transactions& t, const VersionOrders& orders, const Suspect& suspect,
                          uint64_t work, ModelSet known = 0);

/// The part that needs edges only: for registers whose version orders are known in part. What is not refuted
/// here is not proved either. `known` as above.
ModelSet refuted_by_edges(const Transactions& t, const Suspect& suspect, ModelSet known = 0);

}  // namespace riven::checkers::isolation
