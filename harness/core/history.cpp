#include "harness/core/history.h"

#include <algorithm>
#include <unordered_map>

namespace riven {

ValueView History::error(size_t i) const {
  const auto found = std::lower_bound(errors_.begin(), errors_.end(), i,
                                      [](const auto& entry, size_t wanted) { return entry.first < wanted; });
  return found != errors_.end() && found->first == i ? ValueView(arena_.data() + found->second) : ValueView();
}

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
  history_.errors_.emplace_back(static_cast<uint32_t>(size() - 1), history_.arena_.size());
  writer_.value(why);
}

void HistoryBuilder::source_index(int64_t index) {
  auto& indices = history_.source_indices_;
  const auto at = static_cast<int64_t>(size() - 1);
  if (indices.empty() && index == at) return;
  while (indices.size() < size()) indices.push_back(static_cast<int64_t>(indices.size()));
  indices.back() = index;
}

void HistoryBuilder::line(uint32_t number) {
  history_.lines_.resize(size(), 0);
  history_.lines_.back() = number;
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

Result<History> HistoryBuilder::finish(Pairing pairing) {
  History& h = history_;
  const size_t n = h.size();
  if (!h.source_indices_.empty()) {
    while (h.source_indices_.size() < n)
      h.source_indices_.push_back(static_cast<int64_t>(h.source_indices_.size()));
  }
  if (!h.lines_.empty()) h.lines_.resize(n, 0);
  h.pairs_.assign(n, History::kNone);

  constexpr uint32_t kRetired = History::kNone - 1;
  std::vector<uint32_t> open;                 // per process: its pending invocation, kNone, or kRetired
  std::unordered_map<Process, uint32_t> far;  // processes with huge or negative numbers
  constexpr Process kDense = 1 << 22;
  const auto slot = [&](Process p) -> uint32_t& {
    if (p >= 0 && p < kDense) {
      if (static_cast<size_t>(p) >= open.size()) open.resize(static_cast<size_t>(p) + 1, History::kNone);
      return open[static_cast<size_t>(p)];
    }
    return far.try_emplace(p, History::kNone).first->second;
  };

  const bool strict = pairing == Pairing::strict;
  for (size_t i = 0; i < n; ++i) {
    uint32_t& pending = slot(h.processes_[i]);
    const bool has_pending = pending < kRetired;
    if (h.processes_[i] < 0) {  // nemesis: entries alternate, whatever their type
      const bool begins = h.type(i) == OpType::invoke || !has_pending;
      if (!begins) {
        h.pairs_[i] = pending;
        h.pairs_[pending] = static_cast<uint32_t>(i);
        pending = History::kNone;
      } else {
        pending = static_cast<uint32_t>(i);
      }
      continue;
    }
    if (h.type(i) == OpType::invoke) {
      if (has_pending)
        return pairing_error(h, i,
                             "process " + std::to_string(h.processes_[i]) +
                                 " invokes an operation while its invocation at entry " +
                                 std::to_string(pending) + " is still open");
      if (pending == kRetired && strict)
        return pairing_error(h, i,
                             "process " + std::to_string(h.processes_[i]) +
                                 " acts again after an operation of unknown outcome (info)");
      pending = static_cast<uint32_t>(i);
      continue;
    }
    if (!has_pending) {
      return pairing_error(h, i,
                           "completion without an invocation of process " + std::to_string(h.processes_[i]));
    }
    if (h.function_ids_[pending] != h.function_ids_[i]) {
      return pairing_error(h, i,
                           "completes another function than process " + std::to_string(h.processes_[i]) +
                               " invoked at entry " + std::to_string(pending) +
                               " (:" + std::string(h.f(pending).text()) + ")");
    }
    h.pairs_[i] = pending;
    h.pairs_[pending] = static_cast<uint32_t>(i);
    pending = h.type(i) == OpType::info ? kRetired : History::kNone;
  }
  History done = std::move(history_);
  history_ = History();
  return done;
}

}  // namespace riven
