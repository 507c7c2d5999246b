// A recorded history: columns, read-only, shared by all checkers.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "harness/core/encoding.h"
#include "harness/core/op.h"
#include "harness/core/result.h"
#include "harness/core/spill.h"

namespace riven {

/// The operations of one run in the order in which they were recorded (real-time order: entry i happened
/// before entry j for i < j). Times are for people: they need not ascend, and nothing but latencies rests on
/// them. About 30 bytes an entry plus its value. Move-only; const methods are
/// thread-safe; views stay valid while the history lives (moving it keeps them). Each invocation is paired
/// with the next completion of its process; an invocation without one is pending for ever (as if `info`).
class History {
 public:
  static constexpr uint32_t kNone = UINT32_MAX;

  History(History&&) noexcept = default;
  History& operator=(History&&) noexcept = default;

  size_t size() const { return times_.size(); }
  int64_t time_ns(size_t i) const { return times_[i]; }
  /// Whether there are times. If not they are the entries' positions, which nobody should take for times.
  bool has_times() const { return has_times_; }
  /// Whether there are times and none is before that of an earlier entry: then they are a picture's axis.
  /// O(n).
  bool times_ascend() const;
  Process process(size_t i) const { return processes_[i]; }
  OpType type(size_t i) const { return static_cast<OpType>(types_[i]); }
  Symbol f(size_t i) const { return functions_[function_ids_[i]]; }
  /// Dense per-history id of the function, an index into functions().
  uint16_t function_id(size_t i) const { return function_ids_[i]; }
  const std::vector<Symbol>& functions() const { return functions_; }
  ValueView value(size_t i) const { return ValueView(bytes_ + values_[i]); }
  ValueView error(size_t i) const;
  /// The entry that completes invocation i (or that i completes), or kNone. Nemesis entries pair as well:
  /// its invocation and its completion are both `info` in Jepsen's histories, and alternate.
  uint32_t pair(size_t i) const { return pairs_[i]; }
  bool is_client(size_t i) const { return processes_[i] >= 0; }
  /// Whether entry i begins an operation (an `invoke`, or the first of a nemesis pair).
  bool is_invocation(size_t i) const {
    return type(i) == OpType::invoke || (!is_client(i) && (pairs_[i] == kNone || pairs_[i] > i));
  }
  /// The `:index` the source gave entry i, or i itself: what to show a person.
  int64_t source_index(size_t i) const {
    return source_indices_.empty() ? static_cast<int64_t>(i) : source_indices_[i];
  }
  /// The line of the source that entry i stood on, where it had lines.
  std::optional<uint32_t> source_line(size_t i) const {
    return lines_.empty() ? std::nullopt : std::optional(lines_[i]);
  }
  Op op(size_t i) const;
  /// What it takes of memory, spilled values aside.
  size_t memory_bytes() const;
  /// Values that are in a file, as there were too many (HistoryBuilder::spill_beyond); 0: all are in memory.
  uint64_t spilled_bytes() const { return spilled_ == nullptr ? 0 : spilled_->size_bytes(); }
  /// Where values are spilled, those of the entries [first, last) leave memory until they are read again. For
  /// those who have read a long part of the history and will not soon again.
  void release_values(size_t first, size_t last) const;

 private:
  friend class HistoryBuilder;
  History() = default;

  std::vector<int64_t> times_;
  std::vector<Process> processes_;
  std::vector<uint8_t> types_;
  std::vector<uint16_t> function_ids_;
  std::vector<uint64_t> values_;  // offsets into arena_
  std::vector<uint32_t> pairs_;
  std::vector<Symbol> functions_;
  std::vector<uint8_t> arena_;
  std::shared_ptr<const SpillFile> spilled_;           // in place of arena_
  const uint8_t* bytes_ = nullptr;                     // of the one or the other
  std::vector<std::pair<uint32_t, uint64_t>> errors_;  // entry, offset; sorted by entry
  std::vector<int64_t> source_indices_;
  std::vector<uint32_t> lines_;
  bool has_times_ = true;
};

/// Collects entries and makes a History of them. Not thread-safe.
class HistoryBuilder {
 public:
  HistoryBuilder();
  void reserve(size_t entries);

  /// Begins an entry; its value is written with value() before commit(). Every entry needs exactly one value.
  void begin(int64_t time_ns, Process process, OpType type, Symbol f);
  ValueWriter& value() { return writer_; }
  void error(const Value& why);
  /// The same; `why` may lie anywhere but in this builder.
  void error(const ValueView& why);
  void source_index(int64_t index);
  void line(uint32_t number);
  void commit();

  void append(const Op& op);
  size_t size() const { return history_.times_.size(); }

  /// Whenever more than `bytes` of values are in memory at settle(), they go to a file (0: never). What the
  /// disk does not take is an error of finish().
  void spill_beyond(uint64_t bytes) { spill_beyond_ = next_spill_ = bytes; }
  /// Says that every entry so far is complete and stays: its value may leave memory. Offsets of values begin
  /// anew behind it.
  void settle() {
    if (spill_beyond_ != 0 && history_.arena_.size() > next_spill_) spill();
  }

  // For readers of text, where the value may stand before the process: begin_value(), value(), set(),
  // commit().
  /// Begins an entry whose other fields set() gives before commit().
  void begin_value();
  void set(int64_t time_ns, Process process, OpType type, Symbol f);
  /// Forgets the entry begun last, whatever was written of it.
  void drop();
  /// Forgets every entry from `entries` on, and the value bytes from `value_bytes` on.
  void truncate(size_t entries, uint64_t value_bytes);
  /// For corrections before finish().
  std::span<int64_t> times_ns() { return history_.times_; }
  std::span<Process> processes() { return history_.processes_; }
  std::span<const uint32_t> lines() const { return history_.lines_; }
  void shift_lines(uint32_t by);
  /// Says that the times given are no times; see History::has_times. Times that are exactly the positions are
  /// taken for none without it.
  void no_times() { history_.has_times_ = false; }
  bool has_times() const { return history_.has_times_; }
  /// Appends all entries of `other` and leaves it empty.
  void append(HistoryBuilder&& other);

  // For readers of columnar forms, with values already in the form of encoding.h.
  struct Bulk {
    std::span<int64_t> times_ns;
    std::span<Process> processes;
    std::span<uint8_t> types;
    std::span<uint16_t> function_ids;  ///< of function_id()
    std::span<uint64_t> values;        ///< offsets into value_bytes()
  };
  /// Adds `entries` entries, which the caller fills before the next call of append_bulk.
  Bulk append_bulk(size_t entries);
  /// Where values are written; only appended to.
  std::vector<uint8_t>& value_bytes() { return history_.arena_; }
  /// The error of entry `i`, at `offset` in value_bytes(); i must not decrease from call to call.
  void bulk_error(size_t i, uint64_t offset);
  void bulk_source_index(size_t i, int64_t index);
  uint16_t function_id(Symbol f);
  size_t function_count() const { return history_.functions_.size(); }

  /// How strict the pairing is. `strict`: a second invocation of a process before its first completed, or a
  /// completion without an invocation, is an error that names entry and line. A process that returned `info`
  /// may not act again. `lenient`: only what makes pairing impossible is an error (Jepsen's old histories
  /// reuse processes after info). `none`: nothing is paired, for those who put entries into another order.
  enum class Pairing { strict, lenient, none };
  /// Pairs invocations with completions; the builder is empty afterwards.
  Result<History> finish(Pairing pairing = Pairing::strict);
  /// Says that entries are missing between the last and the next one. finish() then leaves every invocation
  /// that is open here without completion, and drops completions behind it that have no invocation.
  void gap() { gaps_.push_back(static_cast<uint32_t>(size())); }

 private:
  class OpenInvocations;
  std::optional<Error> pair_client(size_t i, uint32_t& pending, Pairing pairing);
  void drop_orphans();
  void spill();
  void place_values();

  History history_;
  ValueWriter writer_;
  Symbol last_function_;
  uint16_t last_function_id_ = 0;
  std::vector<uint32_t> gaps_;
  uint64_t spill_beyond_ = 0;
  uint64_t next_spill_ = 0;
  std::unique_ptr<SpillFile> spill_;
  Status spilling_ = ok_status();
  size_t settled_ = 0;         // entries
  size_t settled_errors_ = 0;  // entries of errors_
};

}  // namespace riven
