// What an invocation and its completion say, as an operation of integers.
#pragma once

#include "checkers/linearizable/functions.h"
#include "checkers/linearizable/projection.h"

namespace riven::linearizable {

/// Fills in operations one after another; values, lists and transactions go into `out`. The arguments are
/// borrowed and outlive it.
class Filling {
 public:
  Filling(const History& history, const ProjectionOptions& options, Projection& out)
      : history_(history), options_(options), out_(out) {}

  /// An operation of the independent key `key` (kNil: of none) as its client sees it.
  struct Seen {
    int32_t key = kNil;
    ValueView argument;
    ValueView answer;  ///< nil unless it was ok
    KnownFunction known;
    bool failed = false;  ///< and its failure is an answer
  };

  /// Sets op.a, op.b and, where the answer decides, op.f; the entries are set already. False: the operation
  /// did not happen and says nothing. Errors: a value of the wrong shape, named with entry and line.
  Result<bool> fill(Operation& op, const Seen& seen);

  /// Whether some operation looked at a whole collection.
  bool whole() const { return whole_; }
  /// What lists and transactions take.
  uint64_t list_bytes() const { return list_bytes_; }

 private:
  Result<bool> fill_register(Operation& op, const Seen& seen);
  Result<bool> fill_transaction(Operation& op, const Seen& seen);
  Status add_micro_operations(const Operation& op, const Seen& seen, const ValueView& v,
                              std::vector<MicroOp>& micro);
  Result<bool> fill_lock(Operation& op, const Seen& seen);
  Result<bool> fill_set(Operation& op, const Seen& seen);
  Result<bool> fill_counter(Operation& op, const Seen& seen);
  Result<bool> fill_collection(Operation& op, const Seen& seen);
  Error bad(uint32_t entry, const std::string& what) const;
  bool may_hold_key(const ValueView& written) const;
  int32_t value_id(const ValueView& v);
  int32_t register_id(int32_t key, const ValueView& name);
  template <typename T>
  void keep(std::vector<std::vector<T>>& lists, std::vector<T> list) {
    constexpr uint64_t kListBytes = 64;  // of one, its content aside
    list.shrink_to_fit();
    list_bytes_ += kListBytes + list.size() * sizeof(T);
    lists.push_back(std::move(list));
  }
  bool add_pairs(const Seen& seen, const ValueView& v, bool write, std::vector<MicroOp>& micro);

  const History& history_;
  const ProjectionOptions& options_;
  Projection& out_;
  bool whole_ = false;
  uint64_t list_bytes_ = 0;
  int32_t lock_ = kNil;  // the value that locks are named by, where no keys do it
  const Symbol empty_{"empty"};
  const Symbol nothing_{""};
};

}  // namespace riven::linearizable
