// The parts of the oracle: sets as bit masks, a history as events, one choice of what it leaves open.
#pragma once

#include <array>
#include <bit>
#include <vector>

#include "tests/checkers/isolation/oracle.h"

namespace riven::checkers::isolation::oracle {

constexpr size_t kTxns = 8;
constexpr size_t kKeys = 4;
constexpr size_t kEvents = 32;

/// Of transactions or of events, by number.
using Set = uint32_t;
constexpr Set one(size_t i) { return Set{1} << i; }
constexpr bool has(Set s, size_t i) { return (s >> i & 1) != 0; }
template <typename Fn>
void each(Set s, Fn&& fn) {
  for (; s != 0; s &= s - 1) fn(static_cast<size_t>(std::countr_zero(s)));
}

/// For each element the set of those before it.
struct Relation {
  std::array<Set, kEvents> before{};
  void add(size_t a, size_t b) { before[b] |= one(a); }
};
inline Relation operator|(Relation a, const Relation& b) {
  for (size_t i = 0; i < kEvents; ++i) a.before[i] |= b.before[i];
  return a;
}
/// The transitive closure over the first `n` elements.
inline Relation closure(Relation a, size_t n) {
  for (size_t k = 0; k < n; ++k)
    for (size_t i = 0; i < n; ++i)
      if (has(a.before[i], k)) a.before[i] |= a.before[k];
  return a;
}
inline bool irreflexive(const Relation& a, size_t n) {
  for (size_t i = 0; i < n; ++i)
    if (has(a.before[i], i)) return false;
  return true;
}
inline bool acyclic(const Relation& a, size_t n) { return irreflexive(closure(a, n), n); }

/// A write, or a read whose result is known.
struct Event {
  size_t txn, mop, key;
  bool write;
  const TinyMop* what;
  int source = -1;  ///< of a read: the event that wrote its (last) value, or -1: nil, the empty list
};

/// A history, and what of it no choice changes.
struct Facts {
  Facts(const TinyHistory& h, const Assumed& assumed);

  const TinyHistory& h;
  Assumed assumed;
  size_t txns, keys = 0;
  std::vector<Event> events;              ///< by transaction, then micro-operation
  std::array<size_t, kTxns + 1> first{};  ///< event of each transaction
  Set ok = 0, failed = 0;
  Relation sessions, real_time;  ///< of transactions, both transitive; nothing comes after an unknown one

  bool wrote_before(const Event& e) const;  ///< its transaction wrote the key before it
  int number(const Event& e) const;         ///< of its version, where it carries one; 0: none
  bool aborted_read() const;                ///< G1a
  bool intermediate_read() const;           ///< G1b
  bool future_read() const;
  bool repeatable() const;             ///< no two reads without own writes between them differ
  bool internally_consistent() const;  ///< Cerone's INT
};

/// One choice: who committed, and in which order the versions of each key were made.
struct World {
  explicit World(const Facts& facts) : f(facts) {}

  const Facts& f;
  Set in = 0;
  std::array<std::array<size_t, kEvents>, kKeys> order{};  ///< writes of each key
  std::array<size_t, kKeys> length{};
  std::array<int, kEvents> version{};  ///< made or seen by each event, from number(); 0: initial
  /// Writes that must come before each write, by what is taken for granted; contradiction: they cannot.
  Relation granted;
  bool contradiction = false;

  /// Sets `granted` by `in`.
  void grant();
  /// Sets `version` by `order`.
  void number();
  /// Whether the order of `key` is as granted, and all reads of a list are prefixes of it; if it is not
  /// complete, whether it may become so.
  bool possible(size_t key, bool complete) const;
  bool is_in(const Event& e) const { return has(in, e.txn); }
  /// The transaction that made a version, if it committed, or -1.
  int writer(size_t key, int p) const {
    if (p == 0) return -1;
    const size_t t = f.events[order[key][static_cast<size_t>(p) - 1]].txn;
    return has(in, t) ? static_cast<int>(t) : -1;
  }
  /// The version that others made and a read shows: a list shows what lies below the reader's own appends; a
  /// register that shows an own write shows no other, -1.
  int foreign(const Event& read, int p) const;
};

/// Adya's levels, by the cycles that they forbid, in one world.
ModelSet by_cycles(const World& w);
/// The levels of Biswas and Enea, Cerone, Bernardi and Gotsman, serializability and monotonic snapshot reads
/// in the world whose version orders one commit order makes. `place`: of each transaction in it.
ModelSet by_commit_order(const World& w, const std::array<size_t, kTxns>& place);
/// The session guarantees, PRAM and causal memory in one world.
ModelSet by_guarantees(const World& w);
/// sequential, linearizable and per-key-linearizable with these transactions committed: executions.
ModelSet by_interleaving(const World& w);

}  // namespace riven::checkers::isolation::oracle
