// One criterion for each model, decided on a suspect.
//
// With a total version order, po a transaction's order of micro-operations, so session order and rt real
// time (A: Adya 1999; B: Biswas & Enea 2019; C: Cerone, Bernardi & Gotsman 2015; G: Cerone & Gotsman 2016):
//
//   read-uncommitted (A, PL-1)      ww acyclic
//   read-committed (A, PL-2)        ww u wr acyclic; no G1a, G1b
//   monotonic-atomic-view (B)       read-committed, and who read from T reads nothing later (po) that T
//                                   overwrote (B calls this read committed)
//   monotonic-view (A, PL-2L)       read-committed, and no read of a version overwritten in (ww u wr)+ before
//                                   an earlier (po) access of the reader (G-monotonic)
//   monotonic-snapshot-read         each read has a snapshot point of its own, in po, all commits at points
//     (A, PL-MSR)                   of one order
//   cursor-stability (A, PL-CS)     read-committed; no key has a cycle of its ww edges and one of its rw
//                                   edges (G-cursor), wherever in its transaction the read stands
//   consistent-view (A, PL-2+)      no cycle with at most one rw
//   forward-consistent-view         the same: start points are not in a history, so they may be chosen
//     (A, PL-FCV)
//   update-serializable (A, PL-3U)  no cycle among updating transactions and one reader
//   repeatable-read (A, PL-2.99)    no cycle without predicates; item-cut-isolation
//   read-atomic (C)                 INT; who has a wr edge from T reads nothing that T overwrote;
//                                   read-committed
//   update-atomic (C)               the same for wr and ww edges
//   causal-cerone (C)               the same for wr+, where who read a list read every append in it
//   parallel-snapshot-isolation (G) INT; (ww u wr)+ ; rw? irreflexive
//   prefix (B)                      INT; (wr ; rw?) u ww acyclic
//   snapshot-isolation (G)          INT; (ww u wr) ; rw? acyclic
//   serializable (A)                INT; ww u wr u rw acyclic
//   strong-session-X                X with so beside wr;  strong-X, strict: X with rt
//
// The shared-memory models are in memory_models.h.
#pragma once

#include <vector>

#include "checkers/isolation/graph.h"
#include "checkers/isolation/model.h"

namespace riven::checkers::isolation {

/// The micro-operation that shows a model refuted: a read that misses what its transaction's past has
/// written, an access that comes too late. kNone: it is the graph's edges that show it.
struct Offence {
  Model model;
  uint32_t txn;
  uint32_t mop;
};
/// What one suspect refutes, and what it leaves open because the work would exceed the bound. `offences`: the
/// first for each model that edges alone do not refute.
struct Refutations {
  ModelSet refuted = 0;
  ModelSet open = 0;
  std::vector<Offence> offences;
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
