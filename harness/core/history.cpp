#include "harness/core/history.h"

#include <algorithm>
#include <unordered_map>
#include <utility>

namespace riven {

ValueView History::error(size_t i) const {
  const auto found = std::lower_bound(errors_.begin(), errors_.end(), i,
                                      [](const auto& entry, size_t wanted) { return entry.first < wanted; });
  return found != errors_.end() && found->first == i ? ValueView(bytes_ + found->second) : ValueView();
}

bool History::times_ascend() const { return has_times_ && std::is_sorted(times_.begin(), times_.end()); }

Op History::op(size_t i) const {
  return {.index = source_index(i),
          .time_ns = time_ns(i),
          .process = process(i),
          .type = type(i),
          .f = f(i),
          .value = value(i).to_value(),
          .error = error(i).to_value()};
}

size_t History::memory_bytes() const {
  const auto bytes = [](const auto& column) {
    return column.capacity() * sizeof(typename std::remove_cvref_t<decltype(column)>::value_type);
  };
  return bytes(times_) + bytes(processes_) + bytes(types_) + bytes(function_ids_) + bytes(values_) +
         bytes(pairs_) + bytes(arena_) + bytes(errors_) + bytes(source_indices_) + bytes(lines_);
}

void History::release_values(size_t first, size_t last) const {
  if (spilled_ == nullptr || first >= last) return;
  spilled_->release(values_[first], last < size() ? values_[last] : spilled_->size_bytes());
}

HistoryBuilder::HistoryBuilder() : writer_(history_.arena_) {}

void HistoryBuilder::reserve(size_t entries) {
  history_.times_.reserve(entries);
  history_.processes_.reserve(entries);
  history_.types_.reserve(entries);
  history_.function_ids_.reserve(entries);
  history_.values_.reserve(entries);
}

uint16_t HistoryBuilder::function_id(Symbol f) {
  if (f == last_function_ && !history_.functions_.empty()) return last_function_id_;
  auto& functions = history_.functions_;
  const auto found = std::find(functions.begin(), functions.end(), f);
  last_function_ = f;
  last_function_id_ = static_cast<uint16_t>(found - functions.begin());
  if (found == functions.end()) {
    RIVEN_CHECK(functions.size() < UINT16_MAX, "a history with more than 65,534 different functions");
    functions.push_back(f);
  }
  return last_function_id_;
}

void HistoryBuilder::begin(int64_t time_ns, Process process, OpType type, Symbol f) {
  RIVEN_CHECK(size() < History::kNone, "a history of more than 4 billion entries");
  history_.times_.push_back(time_ns);
  history_.processes_.push_back(process);
  history_.types_.push_back(static_cast<uint8_t>(type));
  history_.function_ids_.push_back(function_id(f));
  history_.values_.push_back(history_.arena_.size());
}

void HistoryBuilder::commit() {
  RIVEN_CHECK(writer_.depth() == 0, "a list in a value was left open");
  if (history_.values_.back() == history_.arena_.size()) writer_.nil();
}

void HistoryBuilder::error(const Value& why) {
  if (why.is_nil()) return;
  if (history_.values_.back() == history_.arena_.size()) writer_.nil();
  bulk_error(size() - 1, history_.arena_.size());
  writer_.value(why);
}

void HistoryBuilder::error(const ValueView& why) {
  if (why.is_nil()) return;
  if (history_.values_.back() == history_.arena_.size()) writer_.nil();
  bulk_error(size() - 1, history_.arena_.size());
  writer_.value(why);
}

void HistoryBuilder::source_index(int64_t index) { bulk_source_index(size() - 1, index); }

void HistoryBuilder::bulk_error(size_t i, uint64_t offset) {
  history_.errors_.emplace_back(static_cast<uint32_t>(i), offset);
}

void HistoryBuilder::bulk_source_index(size_t i, int64_t index) {
  auto& indices = history_.source_indices_;
  if (indices.empty() && index == static_cast<int64_t>(i)) return;
  while (indices.size() <= i) indices.push_back(static_cast<int64_t>(indices.size()));
  indices[i] = index;
}

void HistoryBuilder::line(uint32_t number) {
  history_.lines_.resize(size(), 0);
  history_.lines_.back() = number;
}

void HistoryBuilder::begin_value() {
  RIVEN_CHECK(size() < History::kNone - 1, "a history of more than 4 billion entries");
  history_.times_.push_back(0);
  history_.processes_.push_back(0);
  history_.types_.push_back(0);
  history_.function_ids_.push_back(0);
  history_.values_.push_back(history_.arena_.size());
}

void HistoryBuilder::set(int64_t time_ns, Process process, OpType type, Symbol f) {
  history_.times_.back() = time_ns;
  history_.processes_.back() = process;
  history_.types_.back() = static_cast<uint8_t>(type);
  history_.function_ids_.back() = function_id(f);
}

void HistoryBuilder::drop() { truncate(size() - 1, history_.values_.back()); }

void HistoryBuilder::truncate(size_t entries, uint64_t value_bytes) {
  writer_.abandon();
  history_.arena_.resize(value_bytes);
  history_.times_.resize(entries);
  history_.processes_.resize(entries);
  history_.types_.resize(entries);
  history_.function_ids_.resize(entries);
  history_.values_.resize(entries);
  while (!history_.errors_.empty() && history_.errors_.back().first >= entries) history_.errors_.pop_back();
  if (history_.source_indices_.size() > entries) history_.source_indices_.resize(entries);
  if (history_.lines_.size() > entries) history_.lines_.resize(entries);
}

namespace {
template <typename T>
void move_to_end(std::vector<T>& to, std::vector<T>& from) {
  if (to.empty() && to.capacity() < from.size()) {
    to = std::move(from);
  } else {
    to.insert(to.end(), from.begin(), from.end());
  }
  from = std::vector<T>();
}
}  // namespace

void HistoryBuilder::append(HistoryBuilder&& other) {
  History& from = other.history_;
  const size_t first = size();
  const uint64_t offset = history_.arena_.size();
  RIVEN_CHECK(first + other.size() < History::kNone, "a history of more than 4 billion entries");
  RIVEN_CHECK(other.spill_ == nullptr, "a part of a history spilled its values");
  std::vector<uint16_t> functions;
  for (const Symbol f : from.functions_) functions.push_back(function_id(f));
  for (uint16_t& f : from.function_ids_) f = functions[f];
  for (uint64_t& value : from.values_) value += offset;
  for (auto& [entry, at] : from.errors_) entry += static_cast<uint32_t>(first), at += offset;
  if (!from.source_indices_.empty() || !history_.source_indices_.empty()) {
    for (size_t i = 0; i < other.size(); ++i) {
      const bool given = i < from.source_indices_.size();
      bulk_source_index(first + i, given ? from.source_indices_[i] : static_cast<int64_t>(first + i));
    }
    from.source_indices_ = {};
  }
  if (!from.lines_.empty()) history_.lines_.resize(first, 0);
  move_to_end(history_.times_, from.times_);
  move_to_end(history_.processes_, from.processes_);
  move_to_end(history_.types_, from.types_);
  move_to_end(history_.function_ids_, from.function_ids_);
  move_to_end(history_.values_, from.values_);
  move_to_end(history_.arena_, from.arena_);
  move_to_end(history_.errors_, from.errors_);
  move_to_end(history_.lines_, from.lines_);
  from.functions_.clear();
  other.last_function_ = Symbol();
}

void HistoryBuilder::shift_lines(uint32_t by) {
  for (uint32_t& line : history_.lines_) line += by;
}

HistoryBuilder::Bulk HistoryBuilder::append_bulk(size_t entries) {
  const size_t first = size();
  RIVEN_CHECK(entries < History::kNone && first + entries < History::kNone,
              "a history of more than 4 billion entries");
  const auto grow = [&](auto& column) {
    column.resize(first + entries);
    return std::span(column).subspan(first);
  };
  return {.times_ns = grow(history_.times_),
          .processes = grow(history_.processes_),
          .types = grow(history_.types_),
          .function_ids = grow(history_.function_ids_),
          .values = grow(history_.values_)};
}

void HistoryBuilder::spill() {
  History& h = history_;
  if (spill_ == nullptr) {
    auto made = SpillFile::make();
    if (!made) {
      spilling_ = made.error();
      spill_beyond_ = 0;
      return;
    }
    spill_ = *std::move(made);
  }
  const uint64_t base = spill_->size_bytes();
  if (spilling_) spilling_ = spill_->append(h.arena_);
  for (; settled_ < size(); ++settled_) h.values_[settled_] += base;
  for (; settled_errors_ < h.errors_.size(); ++settled_errors_) h.errors_[settled_errors_].second += base;
  constexpr uint64_t kStep = 16 << 20;
  next_spill_ = std::min(spill_beyond_, kStep);
  h.arena_ = std::vector<uint8_t>();
  h.arena_.reserve(next_spill_ + next_spill_ / 8);
}

/// Where the values of the finished history are.
void HistoryBuilder::place_values() {
  History& h = history_;
  h.bytes_ = h.arena_.data();
  if (spill_ != nullptr) {
    spill();
    if (spilling_) spilling_ = spill_->map();
    h.bytes_ = spill_->bytes();
    h.arena_ = std::vector<uint8_t>();
    h.spilled_ = std::move(spill_);
  }
  settled_ = settled_errors_ = 0;
}

void HistoryBuilder::append(const Op& op) {
  begin(op.time_ns, op.process, op.type, op.f);
  writer_.value(op.value);
  error(op.error);
  if (op.index >= 0) source_index(op.index);
  commit();
}

namespace {

Error pairing_error(const History& h, size_t i, const std::string& what) {
  const Op op = h.op(i);
  std::string where = "entry " + std::to_string(i);
  if (const auto line = h.source_line(i)) where += ", line " + std::to_string(*line);
  return {where + ": " + what + ": {:process " + std::to_string(op.process) +
          ", :type :" + std::string(to_text(op.type)) + ", :f :" + std::string(op.f.text()) + ", :value " +
          to_edn(op.value) + "}"};
}

}  // namespace

/// The pending invocation of each process.
class HistoryBuilder::OpenInvocations {
 public:
  static constexpr uint32_t kRetired = History::kNone - 1;
  /// The entry of its pending invocation, kNone, or kRetired.
  uint32_t& of(Process p) {
    if (p >= 0 && p < kDense) {
      if (static_cast<size_t>(p) >= near_.size()) near_.resize(static_cast<size_t>(p) + 1, History::kNone);
      return near_[static_cast<size_t>(p)];
    }
    return far_.try_emplace(p, History::kNone).first->second;
  }
  void clear() {
    near_.clear();
    far_.clear();
  }

 private:
  static constexpr Process kDense = 1 << 22;
  std::vector<uint32_t> near_;
  std::unordered_map<Process, uint32_t> far_;  // processes with huge or negative numbers
};

std::optional<Error> HistoryBuilder::pair_client(size_t i, uint32_t& pending, Pairing pairing) {
  constexpr uint32_t kRetired = OpenInvocations::kRetired;
  History& h = history_;
  const bool has_pending = pending < kRetired;
  const auto who = [&] { return "process " + std::to_string(h.processes_[i]); };
  if (h.type(i) == OpType::invoke) {
    if (has_pending)
      return pairing_error(h, i,
                           who() + " invokes an operation while its invocation at entry " +
                               std::to_string(pending) + " is still open");
    if (pending == kRetired && pairing == Pairing::strict)
      return pairing_error(h, i, who() + " acts again after an operation of unknown outcome (info)");
    pending = static_cast<uint32_t>(i);
    return std::nullopt;
  }
  if (!has_pending) return pairing_error(h, i, "completion without an invocation of " + who());
  if (h.function_ids_[pending] != h.function_ids_[i])
    return pairing_error(h, i,
                         "completes another function than " + who() + " invoked at entry " +
                             std::to_string(pending) + " (:" + std::string(h.f(pending).text()) + ")");
  h.pairs_[i] = pending;
  h.pairs_[pending] = static_cast<uint32_t>(i);
  pending = h.type(i) == OpType::info ? kRetired : History::kNone;
  return std::nullopt;
}

void HistoryBuilder::drop_orphans() {
  OpenInvocations open;
  History& h = history_;
  std::vector<uint32_t> kept;
  kept.reserve(size());
  std::vector<uint32_t> gaps;
  size_t next_gap = 0;
  for (size_t i = 0; i < size(); ++i) {
    if (next_gap < gaps_.size() && gaps_[next_gap] <= i) {
      while (next_gap < gaps_.size() && gaps_[next_gap] <= i) ++next_gap;
      open.clear();
      gaps.push_back(static_cast<uint32_t>(kept.size()));
    }
    if (h.is_client(i)) {
      uint32_t& pending = open.of(h.processes_[i]);
      const bool orphan = h.type(i) != OpType::invoke && pending == History::kNone && next_gap > 0;
      if (orphan) continue;
      pending = h.type(i) == OpType::invoke ? static_cast<uint32_t>(i) : History::kNone;
    }
    kept.push_back(static_cast<uint32_t>(i));
  }
  gaps_ = std::move(gaps);
  if (kept.size() == size()) return;
  const auto keep = [&](auto& column) {
    if (column.empty()) return;
    for (size_t to = 0; to < kept.size(); ++to) column[to] = column[kept[to]];
    column.resize(kept.size());
  };
  h.source_indices_.reserve(size());
  for (size_t i = h.source_indices_.size(); i < size(); ++i)
    h.source_indices_.push_back(static_cast<int64_t>(i));
  std::vector<std::pair<uint32_t, uint64_t>> errors;
  for (const auto& [entry, at] : h.errors_) {
    const auto found = std::lower_bound(kept.begin(), kept.end(), entry);
    if (found != kept.end() && *found == entry)
      errors.emplace_back(static_cast<uint32_t>(found - kept.begin()), at);
  }
  h.errors_ = std::move(errors);
  keep(h.times_), keep(h.processes_), keep(h.types_), keep(h.function_ids_), keep(h.values_);
  keep(h.source_indices_), keep(h.lines_);
}

Result<History> HistoryBuilder::finish(Pairing pairing) {
  History& h = history_;
  place_values();
  if (!spilling_) {
    history_ = History();
    return std::exchange(spilling_, ok_status()).error();
  }
  if (!h.lines_.empty()) h.lines_.resize(size(), 0);
  if (!gaps_.empty()) drop_orphans();
  const size_t n = h.size();
  if (!h.source_indices_.empty()) {
    while (h.source_indices_.size() < n)
      h.source_indices_.push_back(static_cast<int64_t>(h.source_indices_.size()));
  }
  h.pairs_.assign(n, History::kNone);
  bool positions = true;
  for (size_t i = 0; i < n && positions; ++i) positions = h.times_[i] == static_cast<int64_t>(i);
  if (positions) h.has_times_ = false;

  OpenInvocations open;
  size_t next_gap = 0;
  std::optional<Error> error;
  for (size_t i = 0; i < n && !error && pairing != Pairing::none; ++i) {
    for (; next_gap < gaps_.size() && gaps_[next_gap] <= i; ++next_gap) open.clear();
    uint32_t& pending = open.of(h.processes_[i]);
    if (h.is_client(i)) {
      error = pair_client(i, pending, pairing);
    } else if (h.type(i) == OpType::invoke || pending == History::kNone) {
      pending = static_cast<uint32_t>(i);
    } else {  // nemesis: entries alternate, whatever their type
      h.pairs_[i] = pending;
      h.pairs_[pending] = static_cast<uint32_t>(i);
      pending = History::kNone;
    }
  }
  History done = std::move(history_);
  history_ = History();
  last_function_ = Symbol();
  gaps_.clear();
  if (error) return *std::move(error);
  return done;
}

}  // namespace riven
