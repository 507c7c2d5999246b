// The version order of each key, and the dependencies that follow from it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "checkers/isolation/findings.h"
#include "checkers/isolation/gathered.h"
#include "checkers/isolation/transactions.h"
#include "harness/core/result.h"

namespace riven::checkers::isolation {

/// Edge labels: a bit each (Adya's DSG).
enum Label : uint8_t {
  kWw = 1,         ///< the target wrote the version after the source's
  kWr = 2,         ///< the target read the source's version
  kRw = 4,         ///< the target wrote the version after the one that the source read
  kWwForced = 8,   ///< both wrote what nobody saw, and only in this order no update of the source's is lost
  kOrder = 16,     ///< of accesses: the target saw or made a later version, or read what the source wrote
  kProcess = 32,   ///< the source precedes the target in its session
  kRealtime = 64,  ///< the source returned before the target was invoked
  kZero = 128,     ///< the inner part of a real-time edge that runs over a barrier: costs no step
};

struct Edge {
  uint32_t from, to;
  uint8_t label;
};

/// The micro-operations of each key, in the order of transactions.
struct KeyGroups {
  struct Entry {
    uint32_t mop, txn;
  };
  std::vector<uint32_t> begin;  ///< per key, and one more
  std::vector<Entry> entries;
};
KeyGroups group_by_key(const Transactions& t, unsigned threads);

/// Total version orders: version p (from 1) of key k was written by writer[base[k] + p - 1].
struct VersionOrders {
  std::vector<uint64_t> base;    ///< per key, and one more
  std::vector<uint32_t> writer;  ///< transaction, or kNone for a version that nobody wrote
  uint32_t length(uint32_t key) const { return static_cast<uint32_t>(base[key + 1] - base[key]); }
  uint32_t writer_of(uint32_t key, uint32_t version) const { return writer[base[key] + version - 1]; }
  bool lists = true;  ///< a read shows all versions up to its own
  /// Lists: keys of which reads contradict each other, ascending. Only what all agree on is in the order; the
  /// rest is as if nobody had seen it.
  std::vector<uint32_t> disputed;
  /// What a read of `version` tells `txn` of others: the version below its own writes on top of it; 0 where
  /// a register shows an own write, and so nothing else.
  uint32_t foreign(uint32_t txn, uint32_t key, uint32_t version) const {
    if (!lists) return version > 0 && writer_of(key, version) == txn ? 0 : version;
    while (version > 0 && writer_of(key, version) == txn) --version;
    return version;
  }
};

/// list-append: the order of a key's versions is the order of the elements in its longest read, as far as no
/// other read contradicts it. Sets the
/// version of every mop, turns unknown transactions whose writes were read into observed ones, and adds the
/// anomalies that concern single keys. Takes as many keys at a time as `values` says. Errors: a value read
/// that is no list, an element appended twice. O(bytes read + micro-operations).
Result<VersionOrders> order_appends(Transactions& t, const KeyGroups& groups, GatheredValues& values,
                                    unsigned threads, Findings& findings);

/// Anomalies inside single transactions: internal, future-read, non-repeatable-read, reordered-writes.
/// Returns the transactions that have one, ascending.
std::vector<uint32_t> check_transactions(const History& history, const Transactions& t, unsigned threads,
                                         Findings& findings);

/// The ww, wr and rw edges between committed transactions, in the order of keys; only neighbouring versions
/// are linked. Adds lost updates, lost writes and stale reads to `findings`.
std::vector<Edge> dependencies(const Transactions& t, const KeyGroups& groups, const VersionOrders& orders,
                               unsigned threads, Findings& findings);

}  // namespace riven::checkers::isolation
