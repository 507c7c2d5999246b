// A history of transactions as columns of small integers.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "harness/core/history.h"
#include "harness/core/result.h"

namespace riven::checkers::isolation {

inline constexpr uint32_t kNone = UINT32_MAX;

/// Whether a transaction counts as committed. `observed`: its outcome is unknown to its client, but somebody
/// read what it wrote, so it did commit. `unknown`: nobody did; no dependency can lead out of it.
enum class TxnState : uint8_t { ok, observed, unknown, failed };
constexpr bool committed(TxnState s) { return s == TxnState::ok || s == TxnState::observed; }

/// One read or write of one key, 8 bytes. The version is a place in the key's version order, 0 being the
/// initial state: of a read the version it saw, of a write the one it made.
struct Mop {
  static constexpr uint32_t kWrite = 1U << 31;
  static constexpr uint32_t kPredicate = 1U << 30;  ///< a read: the version kept the key from matching
  static constexpr uint32_t kMask = (1U << 30) - 1;
  static constexpr uint32_t kUnobserved = kMask;       ///< a write that nobody saw: after every other version
  static constexpr uint32_t kOffTrunk = kMask - 1;     ///< a read that does not fit the version order
  static constexpr uint32_t kUnknown = kMask - 2;      ///< a read whose result nobody knows
  static constexpr uint32_t kMaxVersion = kMask - 16;  ///< no more versions of a key than this

  uint32_t key = 0;
  uint32_t bits = 0;
  bool is_write() const { return (bits & kWrite) != 0; }
  bool is_predicate() const { return (bits & kPredicate) != 0; }
  uint32_t version() const { return bits & kMask; }
  void set_version(uint32_t v) { bits = (bits & ~kMask) | v; }
  /// A read that saw a version of the order.
  bool is_known_read() const { return !is_write() && version() <= kMaxVersion; }
};

enum class Workload : uint8_t { list_append, rw_register };

/// A write of which the history does not say what was written (of a transaction that did not return ok).
struct UnnamedWrite {
  uint32_t txn;
  uint32_t key;  ///< kNone: not where, either
};

/// The transactions in the order of their invocations. Mop i of a transaction is micro-operation i of its
/// value: of the completion's for ok, of the invocation's else.
struct Transactions {
  Workload workload = Workload::list_append;
  bool appends = false;            ///< some micro-operation is an append
  bool writes = false;             ///< some micro-operation is a plain write
  std::vector<uint32_t> invoke;    ///< entry of the history
  std::vector<uint32_t> complete;  ///< entry, or kNone
  std::vector<TxnState> state;
  std::vector<uint32_t> session;    ///< dense number of the process
  std::vector<uint32_t> mop_begin;  ///< size() + 1
  std::vector<Mop> mops;
  std::vector<const uint8_t*> keys;                      ///< each key's encoded value
  std::shared_ptr<const void> kept_keys;                 ///< whose bytes are here
  std::shared_ptr<const std::vector<uint8_t>> own_keys;  ///< or here: they are no keys, but elements
  std::vector<const uint8_t*> values;  ///< of each mop, inside the history; emptied once versions are known
  std::vector<uint64_t> value_bytes;   ///< of each key, those of all its mops
  /// Where micro-operations carry a version number as their fourth part ([:w 1 5 17]): of each mop, or
  /// kNoNumber. Empty: none does.
  std::vector<int64_t> version_numbers;
  static constexpr int64_t kNoNumber = INT64_MIN;
  /// Histories with predicate reads: of each mop, its micro-operation's place in the value. Empty: mop i of a
  /// transaction is micro-operation i.
  std::vector<uint32_t> places;
  std::vector<UnnamedWrite> unnamed;
  uint32_t sessions = 0;
  size_t ok_count = 0;
  size_t ignored = 0;  ///< client operations that are no transactions

  size_t size() const { return invoke.size(); }
  uint32_t begin_of(uint32_t txn) const { return mop_begin[txn]; }
  uint32_t end_of(uint32_t txn) const { return mop_begin[txn + 1]; }
  /// Whether what was read of `key` and nobody wrote by name may be an unnamed write.
  bool may_have_written(uint32_t key) const;
  /// The transaction that mop `m` belongs to; O(log n).
  uint32_t txn_of(uint32_t m) const;
  /// The place of mop `m` of `txn` in the transaction's value.
  uint32_t place_of(uint32_t txn, uint32_t m) const {
    return places.empty() ? m - mop_begin[txn] : places[m];
  }
  /// The transactions of state ok in the order of their completions; O(entries).
  std::vector<uint32_t> by_return() const;
  Value key(uint32_t k) const { return ValueView(keys[k]).to_value(); }
  /// The entry that carries the micro-operations of `txn`.
  uint32_t value_entry(uint32_t txn) const {
    return state[txn] == TxnState::ok ? complete[txn] : invoke[txn];
  }
  /// When `txn` returned, or kNone if it never surely did.
  uint32_t returned(uint32_t txn) const { return state[txn] == TxnState::ok ? complete[txn] : kNone; }
  size_t memory_bytes() const;
};

/// Lets values leave memory behind a reader that goes through a history whose values are spilled; else it
/// costs nothing to speak of.
class ReadBehind {
 public:
  explicit ReadBehind(const History& history) : history_(history) {}
  ~ReadBehind() {
    if (count_ > 0) release();
  }
  ReadBehind(const ReadBehind&) = delete;
  ReadBehind& operator=(const ReadBehind&) = delete;
  /// The value of `entry` is about to be read, those before it no more.
  void read(uint32_t entry) {
    if (history_.spilled_bytes() == 0) return;
    if (++count_ > kStep) release();
    first_ = std::min(first_, entry);
    last_ = std::max(last_, entry + 1);
  }

 private:
  static constexpr uint32_t kStep = 256;  // a read may bring in 64 KB around it
  void release();
  const History& history_;
  uint32_t first_ = kNone;
  uint32_t last_ = 0;
  uint32_t count_ = 0;
};

/// Fills all columns but those about micro-operations and keys.
void list_transactions(const History& history, Transactions& t);

/// Reads the transactions of `history`: client operations whose value is a list of micro-operations
/// [:r k v], [:append k v] or [:w k v] (names as keywords or strings), registers also with a fourth part, the
/// number of the version in the key's order; other parts behind these are ignored. Where a transaction did
/// not return ok, parts may be missing. Errors: a micro-operation of another shape, or appends and plain
/// writes in one history. O(bytes of the values).
Result<Transactions> read_transactions(const History& history, unsigned threads);

}  // namespace riven::checkers::isolation
