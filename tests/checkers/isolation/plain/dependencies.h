// What depends on what, once each key's versions are in order.
#pragma once

#include <vector>

#include "tests/checkers/isolation/plain/reading.h"
#include "tests/checkers/isolation/plain/relation.h"

namespace riven::checkers::isolation::plain {

/// A micro-operation of a committed transaction that reads or makes a version.
struct Access {
  size_t txn;  ///< among the committed ones
  size_t step;
  bool write;
  int key, version;
};

/// Relations between the committed transactions of a world (Adya's thesis, chapter 3). None relates a
/// transaction to itself.
struct Dependencies {
  bool lists = false;
  /// Of each key, which version comes before which, where that is known in part. Empty: as their numbers say.
  std::vector<Relation> orders;
  std::vector<const Txn*> txns;
  std::vector<std::vector<Access>> of;  ///< the accesses of each transaction, in its order
  std::vector<std::vector<Access>>
      writes;           ///< of each key, by version; several may share the last place, their order is open
  Relation ww, wr, rw;  ///< the first and the last to every later version, not to the next alone
  Relation shown;       ///< wr, and of a list from the writer of each element to who read it
  Relation so, rt;      ///< earlier in the session; returned before the other was invoked

  bool before(const Access& a, const Access& b) const {
    if (orders.empty()) return a.version < b.version;
    return orders[static_cast<size_t>(a.key)].has(static_cast<size_t>(a.version),
                                                  static_cast<size_t>(b.version));
  }
  /// The same with another order of versions.
  void put_in_order(std::vector<Relation> known);

  /// The writes of the read's key that it does not see, by others.
  template <typename Fn>
  void each_overwriter(const Access& read, Fn&& fn) const {
    for (const Access& w : writes[static_cast<size_t>(read.key)]) {
      if (w.txn != read.txn && before(read, w)) fn(w);
    }
  }
  /// The write whose version the read saw, by whomever; nullptr: the initial state, or nobody's who
  /// committed.
  const Access* source(const Access& read) const;
  /// The same without its own transaction's writes on top: what it saw of others. A list shows what is below
  /// them.
  const Access* source_beyond_own(const Access& read) const;
};

/// With the order of versions that their numbers say.
Dependencies dependencies(const World& world);
/// With orders known in part, transitive, each key's by itself.
Dependencies dependencies(const World& world, std::vector<Relation> orders);

}  // namespace riven::checkers::isolation::plain
