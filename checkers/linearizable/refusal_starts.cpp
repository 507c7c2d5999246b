// Refusals of models with endlessly many states, of which a window can tell only few apart.
#include <algorithm>
#include <map>
#include <set>

#include "checkers/linearizable/refusal.h"

namespace riven::linearizable {

namespace {

constexpr size_t kMostStarts = 512;

bool is_lock(const Operation& op) {
  return op.f == Function::acquire || op.f == Function::release || op.f == Function::failed_acquire;
}

/// What the operations of a window show of a lock's state before it.
struct LockWindow {
  std::map<int32_t, int32_t> releases;  ///< by owner, of every owner that occurs
  std::set<int32_t> fences;
};

LockWindow lock_window(const std::vector<Operation>& window) {
  LockWindow seen;
  for (const Operation& op : window) {
    if (!is_lock(op)) continue;
    seen.releases[op.a] += op.f == Function::release ? 1 : 0;
    if (op.f == Function::acquire && op.b != kNil) seen.fences.insert(op.b);
  }
  return seen;
}

}  // namespace

/// A reentrant lock that is held more often than the window releases it stays held, and all owners that do
/// not occur in the window are alike.
std::optional<Refusal::Leads> Refusal::reentrant_starts(const std::vector<Operation>& window,
                                                        uint32_t begin) const {
  const LockWindow seen = lock_window(window);
  std::map<int32_t, int32_t> before;  // acquisitions by owner
  for (const Operation& op : part_) {
    if (op.invoked >= begin) break;
    if (op.f == Function::acquire) ++before[op.a];
  }
  Leads leads{{}};
  bool stranger = false;
  for (const auto& [owner, acquired] : before) {
    const auto known = seen.releases.find(owner);
    if (known == seen.releases.end() && stranger) continue;
    stranger = stranger || known == seen.releases.end();
    const int32_t most = known == seen.releases.end() ? 1 : known->second + 1;
    std::vector<Operation> lead;
    for (int32_t held = 1; held <= std::min(most, acquired); ++held) {
      lead.push_back({.a = owner, .f = Function::acquire});
      leads.push_back(lead);
      if (leads.size() > kMostStarts) return std::nullopt;
    }
  }
  return leads;
}

/// Of two last fences with no fence of the window between them one is enough.
std::optional<Refusal::Leads> Refusal::fenced_starts(const std::vector<Operation>& window,
                                                     uint32_t begin) const {
  const LockWindow seen = lock_window(window);
  std::set<int32_t> owners;
  std::map<std::ptrdiff_t, int32_t> fences{{0, kNil}};  // by how many of the window's are no greater
  bool stranger = false;
  for (const Operation& op : part_) {
    if (op.invoked >= begin) break;
    if (op.f != Function::acquire) continue;
    const bool known = seen.releases.count(op.a) != 0;
    if (known || !stranger) owners.insert(op.a);
    stranger = stranger || !known;
    if (op.b != kNil) fences.emplace(std::distance(seen.fences.begin(), seen.fences.upper_bound(op.b)), op.b);
  }
  if (fences.size() * (owners.size() + 1) > kMostStarts) return std::nullopt;
  Leads leads{{}};
  for (const auto& [above, fence] : fences) {
    for (const int32_t owner : owners) {
      const Operation taken{.a = owner, .b = fence, .f = Function::acquire};
      leads.push_back({taken});
      if (owner == *owners.begin()) leads.push_back({taken, {.a = owner, .f = Function::release}});
    }
  }
  return leads;
}

/// The sums from which the read that returns first is possible.
std::optional<std::vector<int64_t>> Refusal::counter_starts(const std::vector<Operation>& window,
                                                            uint32_t begin) const {
  const auto amount = [&](const Operation& op) {
    return static_cast<uint64_t>(projection_.values.value(op.a).integer());
  };
  const Operation* read = nullptr;
  for (const Operation& op : window)
    if (op.f == Function::read && !op.pending() && (read == nullptr || op.returned < read->returned))
      read = &op;
  if (read == nullptr) return std::nullopt;
  std::set<uint64_t> sums{amount(*read)};
  for (const Operation& op : window) {
    if (op.f != Function::add || op.invoked > read->returned) continue;
    const bool surely = op.returned < read->invoked;
    std::set<uint64_t> without;
    for (const uint64_t sum : sums) without.insert(sum - amount(op));
    if (!surely) without.merge(sums);
    sums = std::move(without);
    if (sums.size() > kMostStarts) return std::nullopt;
  }
  // What began before adds no more than all of it.
  auto low = static_cast<double>(counter_initial());
  double high = low;
  for (const Operation& op : part_) {
    if (op.invoked >= begin) break;
    if (op.f != Function::add) continue;
    const auto by = static_cast<double>(static_cast<int64_t>(amount(op)));
    (by < 0 ? low : high) += by;
  }
  const double slack = (high - low) * 1e-9;
  std::vector<int64_t> starts;
  for (const uint64_t sum : sums) {
    const auto start = static_cast<double>(static_cast<int64_t>(sum));
    if (start >= low - slack && start <= high + slack) starts.push_back(static_cast<int64_t>(sum));
  }
  return starts;
}

int64_t Refusal::counter_initial() const {
  return options_.model.initial.is_integer() ? options_.model.initial.integer() : 0;
}

Refusal::Question Refusal::endless_question(const std::vector<uint32_t>& chosen) {
  uint32_t begin = 0;
  const std::vector<Operation> window = window_of(chosen, begin);
  Question asked;
  if (options_.model.model == Model::counter) {
    const auto sums = counter_starts(window, begin);
    asked.possible = sums.has_value();
    if (!sums) return asked;
    for (const int64_t sum : *sums) {
      asked.histories.push_back(moved({}, window, begin));
      ModelOptions from = options_.model;
      from.initial = Value(sum);
      asked.histories.back().spec = builtin_model(from, *own_);
    }
    return asked;
  }
  auto leads = options_.model.model == Model::fenced_mutex ? fenced_starts(window, begin)
                                                           : reentrant_starts(window, begin);
  asked.possible = leads.has_value();
  if (!leads) return asked;
  for (auto& lead : *leads) asked.histories.push_back(moved(std::move(lead), window, begin));
  return asked;
}

}  // namespace riven::linearizable
