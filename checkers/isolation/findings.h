// Anomalies that show without a cycle, counted exactly and with a bounded number of cases.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "checkers/isolation/transactions.h"

namespace riven::checkers::isolation {

enum class Kind : uint8_t {
  garbage_read,         ///< a read saw a value that nobody wrote
  duplicate_elements,   ///< a list had an element twice
  g1a,                  ///< an aborted write was read
  g1b,                  ///< a write that its transaction overwrote was read by another
  reordered_writes,     ///< a transaction's writes of a key took effect in another order than its own
  internal,             ///< a read contradicts its own transaction's earlier reads and writes (Cerone's INT)
  non_repeatable_read,  ///< two reads of a key without own writes between them differ
  future_read,          ///< a read saw what its transaction wrote only later
  dirty_update,         ///< a committed write was built upon an aborted one
  incompatible_order,   ///< a list is no prefix of the key's longest
  cyclic_versions,      ///< the version order inferred for a key contradicts itself
  lost_update,          ///< several transactions read a version and each wrote the next (counted by version)
  unseen_overwrite,     ///< another's version lies between what a transaction read and wrote (P4, G-cursor)
  lost_write,           ///< acknowledged, yet missing from every read, later ones included
  predicate_read_miss,  ///< a predicate read lacks a key that every committed version of it matches
  predicate_g1a,        ///< the same, and an aborted version of the key would not match
  predicate_future_read,  ///< a predicate read knew of a write that its transaction made only later
  stale_read,             ///< misses a write that was acknowledged before the read began
  session_stale_read,     ///< a total below what its session had added or seen before
};
inline constexpr size_t kKinds = static_cast<size_t>(Kind::session_stale_read) + 1;
std::string_view name_of(Kind kind);

/// One occurrence. Fields that make no sense for the kind are kNone.
struct Case {
  uint32_t txn = kNone;        ///< whose micro-operation shows it
  uint32_t mop = kNone;        ///< global index into Transactions::mops
  uint32_t other = kNone;      ///< the other transaction, e.g. the writer
  uint32_t other_mop = kNone;  ///< global index
  uint32_t key = kNone;
};

class Findings {
 public:
  static constexpr size_t kKept = 64;
  void add(Kind kind, const Case& c) {
    Found& f = of_[static_cast<size_t>(kind)];
    if (f.cases.size() < kKept) f.cases.push_back(c);
    ++f.count;
  }
  /// The versions of a key contradict their order: `circle` are the writes that made them, kNone for nil,
  /// each before the next one and the last before the first.
  void add_circle(const Case& c, std::vector<uint32_t> circle) {
    add(Kind::cyclic_versions, c);
    if (circles_.size() < kKept) circles_.push_back(std::move(circle));
  }
  /// Of each of the cases of cyclic_versions.
  const std::vector<std::vector<uint32_t>>& circles() const { return circles_; }
  /// A value was read that nobody wrote by name: garbage, unless an unnamed write may have made it.
  void add_garbage(const Case& c, bool perhaps_unnamed) {
    if (perhaps_unnamed)
      ++unexplained_;
    else
      add(Kind::garbage_read, c);
  }
  /// Reads of what only an unnamed write can have made.
  uint64_t unexplained() const { return unexplained_; }
  /// Appends what a later part of the history (in the order of keys or transactions) showed.
  void merge(const Findings& later);
  /// Takes over one kind from `other`.
  void take(const Findings& other, Kind kind) {
    of_[static_cast<size_t>(kind)] = other.of_[static_cast<size_t>(kind)];
  }
  void forget(Kind kind) { of_[static_cast<size_t>(kind)] = {}; }
  uint64_t count(Kind kind) const { return of_[static_cast<size_t>(kind)].count; }
  bool any(Kind kind) const { return count(kind) > 0; }
  const std::vector<Case>& cases(Kind kind) const { return of_[static_cast<size_t>(kind)].cases; }

 private:
  struct Found {
    uint64_t count = 0;
    std::vector<Case> cases;
  };
  std::array<Found, kKinds> of_;
  std::vector<std::vector<uint32_t>> circles_;
  uint64_t unexplained_ = 0;
};

}  // namespace riven::checkers::isolation
