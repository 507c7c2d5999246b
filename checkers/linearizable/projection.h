// One pass over a history: from entries with values to operations of integers, split into independent parts.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "checkers/linearizable/memory_meter.h"
#include "checkers/linearizable/operation.h"
#include "harness/core/history.h"

namespace riven::linearizable {

/// Values by dense ids: nil is kNil, false kFalse, true kTrue. Integers, text and structures each have their
/// own table, so that a million distinct integers cost about 50 bytes each. Not thread-safe while it grows.
class ValueTable {
 public:
  ValueTable();
  int32_t id(const ValueView& view);
  int32_t id(const Value& value);
  const Value& value(int32_t id) const { return values_[static_cast<size_t>(id)]; }
  size_t size() const { return values_.size(); }
  uint64_t memory_bytes() const;

 private:
  int32_t add(Value value);
  int32_t structure(const ValueView& view);
  std::vector<Value> values_;
  std::vector<int32_t> small_;  // integers kSmallLow .. by offset
  std::unordered_map<int64_t, int32_t> integers_;
  std::unordered_map<uint64_t, int32_t> texts_;      // kind and symbol
  std::unordered_map<std::string, int32_t> others_;  // encoded: equal values have equal bytes
  uint64_t others_bytes_ = 0;                        // of the encoded bytes and of the lists
};

/// Who made what was there at the beginning, in histories that write_out() made.
inline constexpr Process kInitialProcess = INT32_MAX;

/// A micro-operation of a multi-register transaction.
struct MicroOp {
  bool write = false;
  int32_t key = 0;
  int32_t value = 0;
};

/// What the caller chose.
struct ProjectionOptions {
  Model model = Model::cas_register;
  enum class PerKey : uint8_t { automatic, yes, no } per_key = PerKey::automatic;
  /// A failed operation did not happen. `automatic`: only a cas whose error names a failed comparison says
  /// more, that it saw another value. `observe`: every failed cas, acquire, add, remove and take is an answer
  /// of the model. `ignore`: no failure says anything.
  enum class FailedCas : uint8_t { automatic, observe, ignore } failed_cas = FailedCas::automatic;
  /// A read of a counter that answers nil has found none yet, and that is 0. Not where the caller says what a
  /// counter begins with: there nil says nothing that could be judged.
  bool nil_is_zero = true;
};

/// One independent part (a key, or the whole history): operations in the order of invocation.
struct Part {
  Value key;
  bool keyed = false;
  std::vector<Operation> operations;
};

struct Projection {
  std::vector<Part> parts;
  ValueTable values;
  std::vector<std::vector<int32_t>> lists;  ///< reads of sets, each sorted
  std::vector<std::vector<MicroOp>> transactions;
  int32_t initial = kNil;  ///< id of the registers' initial value, set by builtin_model
  uint64_t client_operations = 0;
  uint64_t crashed = 0;  ///< of client_operations: with an unknown outcome
  uint64_t failed = 0;   ///< of client_operations: certainly without effect
  bool per_key = false;
  bool by_element = false;  ///< each part is one element of a set or bag
  bool too_large = false;   ///< there was no memory for all of it
};

/// Crashed reads and failed operations that say nothing are dropped here, and so is what was answered with
/// false where that means "not done" (a lock that is not to be had observes that much). Errors: an operation
/// that the model does not know or whose value has the wrong shape, named with entry and line. O(n). The rule
/// for per_key `automatic`: every client invocation carries a two-element list, those of functions without an
/// argument (read, dequeue, pop, acquire, release) as [k nil] (acquire and release: [k x]), those of cas as
/// [k [from to]]; and for registers and collections there is at least one such read or take, or a cas. kv is
/// always split by key, multi-register by groups of keys that meet in a transaction, set and unordered-queue
/// by element where no operation looks at the whole. `held`, if given, has what it takes; where that is too
/// much, the projection is `too_large` and good for nothing.
Result<Projection> project(const History& history, const ProjectionOptions& options,
                           Reservation* held = nullptr);

/// "entry 7, line 8: what: {:process 1, :type :ok, :f :read, :value 3}"
std::string describe_entry(const History& history, size_t entry);
/// A value as EDN for a sentence or a picture: the middle of a long one is left out, with its length.
std::string brief(const Value& value);
std::string brief(std::string edn);
/// "read of 3 by process 7", for sentences.
std::string name_operation(const History& history, const Operation& op);

}  // namespace riven::linearizable
