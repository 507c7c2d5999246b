// Sequential models as numbered states, and the problem that a search engine solves.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "checkers/linearizable/engine.h"
#include "checkers/linearizable/operation.h"

namespace riven::linearizable {

/// States of a model, numbered as they are met, and its steps by kind of operation (operations with the same
/// function and values are of one kind). Not thread-safe: one for each search.
class StateSpace {
 public:
  static constexpr uint32_t kIllegal = UINT32_MAX;
  virtual ~StateSpace();
  StateSpace(const StateSpace&) = delete;
  StateSpace& operator=(const StateSpace&) = delete;

  /// From now on the watch's memory counts what states take, which is looked at, as the time is, while states
  /// are made. The memory outlives this.
  void keep_to(const Watch& watch);
  /// The time or the memory ran out while states were made. Every step is right all the same: it is for the
  /// search to stop.
  bool exhausted() const { return exhausted_; }

  virtual uint32_t initial() = 0;
  /// The state after an operation of `kind`, or kIllegal. Deterministic.
  uint32_t step(uint32_t state, uint32_t kind) {
    if (state < rows_) [[likely]] {
      const uint32_t known = table_[state * kinds_ + kind];
      if (known != kUnknownStep) return known;
    }
    return slow_step(state, kind);
  }
  virtual std::string describe(uint32_t state) const = 0;
  /// What states and steps take.
  uint64_t memory_bytes() const { return static_cast<uint64_t>(held_bytes_); }

  /// What is known of a kind in every state. observer: never changes the state. overwrite: legal in every
  /// state, and the state after it does not depend on the state before.
  struct Traits {
    bool observer = false;
    bool overwrite = false;
  };
  virtual Traits traits(uint32_t kind) const = 0;

 protected:
  static constexpr uint32_t kUnknownStep = UINT32_MAX - 1;
  explicit StateSpace(size_t kinds);
  virtual uint32_t compute(uint32_t state, uint32_t kind) = 0;
  /// To be told by those who make states: what these take from now on (less, if negative), in how many
  /// blocks.
  void hold(int64_t more_bytes, int64_t more_blocks = 0);
  /// And how much a step went through.
  void work(uint64_t bytes) {
    constexpr uint64_t kBetweenLooks = uint64_t{1} << 20;
    constexpr uint64_t kEachStep = uint64_t{1} << 16;
    worked_bytes_ += bytes + kEachStep;
    if (worked_bytes_ >= kBetweenLooks) look();
  }

 private:
  uint32_t slow_step(uint32_t state, uint32_t kind);
  void look();
  void count();
  size_t kinds_;
  size_t rows_ = 0;      // rows of table_ in use
  size_t max_rows_ = 0;  // 0: too many kinds to keep a table
  std::vector<uint32_t> table_;
  Watch watch_;
  int64_t held_bytes_ = 0;
  int64_t held_blocks_ = 0;
  int64_t counted_bytes_ = 0;  // by the watch's memory
  int64_t counted_blocks_ = 0;
  uint64_t worked_bytes_ = 0;  // since the last look
  bool exhausted_ = false;
};

/// Crashed operations that are interchangeable: the same kinds of effect. `kinds` has more than one entry
/// where the effect is not known (a crashed dequeue from a bag).
struct Pool {
  std::vector<uint32_t> kinds;
  std::vector<uint32_t> invoked;  ///< sorted
  std::vector<uint32_t> members;  ///< indices of the part's operations, in the same order
};

/// A part, prepared for the searches: completed operations with their kinds, crashed ones in pools.
struct Problem {
  std::vector<Operation> live;   ///< completed, by invocation
  std::vector<uint32_t> kind;    ///< of live[i]
  std::vector<uint32_t> member;  ///< live[i] is the part's operation member[i]
  std::vector<Pool> pools;
  std::vector<StateSpace::Traits> traits;  ///< by kind
  std::unique_ptr<StateSpace> space;
  uint32_t last_event = 0;
};

/// A model as the searches need it: makes state spaces for sets of kinds.
class ModelSpec {
 public:
  virtual ~ModelSpec() = default;
  /// Each kind by a representative operation.
  virtual std::unique_ptr<StateSpace> make(std::vector<Operation> kinds) const = 0;
  /// For a crashed operation: the operations that it may have been (usually itself alone; empty: no effect).
  virtual std::vector<Operation> crashed_as(const Operation& op, std::span<const Operation> part) const = 0;
  /// Whether the operations are possible one after another from the initial state. One pass; by default
  /// through a StateSpace of their kinds.
  virtual bool replay(std::span<const Operation> ops) const;
};

/// How many completed operations are in flight at once, at most. O(n log n).
uint32_t most_in_flight(const Problem& problem);

/// All states that any operations lead to; empty if they are more than `most`.
std::vector<uint32_t> reachable_states(Problem& problem, size_t most);

/// O(n) expected.
Problem make_problem(const ModelSpec& model, std::span<const Operation> part);

}  // namespace riven::linearizable
