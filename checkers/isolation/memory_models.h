// Shared-memory models: each micro-operation is an operation of its own.
//
// With po/so the order of micro-operations in a session, versions ordered by each key's version order, and a
// read of a list showing every append in it, not the last alone:
//   monotonic-reads       no read of a key below an earlier read of it in the session (Terry et al. 1994)
//   read-your-writes      no read below an earlier write of the session
//   monotonic-writes      a session's writes of a key are versions in its order; who saw a session's write
//   sees
//                         later in the same transaction nothing below that session's earlier writes
//   writes-follow-reads   the same with the session's earlier reads in place of its writes
//   PRAM                  no read below what the session wrote or read, or what the sessions it read from had
//                         written before; a session's writes of a key in order (Lipton, Sandberg 1988)
//   causal                no read below a write in its past, (so u wr)+, which is acyclic and agrees with the
//                         version orders (Ahamad et al. 1995)
//   sequential            so u version orders acyclic (Lamport 1979)
//   linearizable          rt u po u version orders acyclic (Herlihy, Wing 1990); per-key: each key alone
#pragma once

#include "checkers/isolation/criteria.h"

namespace riven::checkers::isolation {

/// Judges the transactions of one suspect (or one transaction that contradicts itself), whose keys have total
/// version orders. Violations never reach beyond a suspect. Thread-safe; bounded as judge_suspect is; what
/// is said of the models in `known` has no meaning.
Refutations judge_shared_memory(const Transactions& t, const std::vector<uint32_t>& txns, uint64_t work,
                                ModelSet known = 0);

}  // namespace riven::checkers::isolation
