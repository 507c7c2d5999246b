#include "checkers/isolation/proof/reasons.h"

#include <algorithm>
#include <unordered_map>

namespace riven::checkers::isolation {

uint32_t Reasons::maker(uint32_t key, uint32_t version) const {
  for (uint32_t i = groups_.begin[key]; i < groups_.begin[key + 1]; ++i) {
    const auto& [m, txn] = groups_.entries[i];
    if (t_.mops[m].is_write() && t_.mops[m].version() == version && committed(t_.state[txn])) return m;
  }
  return kNone;
}

Reasons::Accesses Reasons::accesses(uint32_t key, uint32_t version) const {
  Accesses out;
  for (uint32_t i = groups_.begin[key]; i < groups_.begin[key + 1]; ++i) {
    const auto& [m, txn] = groups_.entries[i];
    const Mop mop = t_.mops[m];
    if (mop.version() != version) continue;
    if (mop.is_write() ? committed(t_.state[txn]) : t_.state[txn] == TxnState::ok)
      out.all.push_back({m, txn});
  }
  return out;
}

// One transaction had both, in this order.
std::optional<Before> Reasons::inside(const Accesses& a, const Accesses& b, Why why) const {
  std::unordered_map<uint32_t, uint32_t> last;  // transaction -> its last access of b
  for (const auto& [m, txn] : b.all) last[txn] = m;
  for (const auto& [m, txn] : a.all) {
    const auto later = last.find(txn);
    if (later != last.end() && later->second > m)
      return Before{why, places_.of(txn, m), places_.of(txn, later->second)};
  }
  return std::nullopt;
}

std::optional<Before> Reasons::by_number(const Accesses& a, const Accesses& b) const {
  if (t_.version_numbers.empty()) return std::nullopt;
  const KeyGroups::Entry* low = nullptr;
  const KeyGroups::Entry* high = nullptr;
  const auto number = [&](const KeyGroups::Entry& e) {
    return t_.state[e.txn] == TxnState::ok ? t_.version_numbers[e.mop] : Transactions::kNoNumber;
  };
  for (const auto& e : a.all)
    if (number(e) != Transactions::kNoNumber && (low == nullptr || number(e) < number(*low))) low = &e;
  for (const auto& e : b.all)
    if (number(e) != Transactions::kNoNumber && (high == nullptr || number(e) > number(*high))) high = &e;
  if (low == nullptr || high == nullptr || number(*low) > number(*high)) return std::nullopt;
  return Before{Why::number, places_.of(low->txn, low->mop), places_.of(high->txn, high->mop)};
}

std::optional<Before> Reasons::by_session(const Accesses& a, const Accesses& b) const {
  if (auto within = inside(a, b, Why::session)) return within;
  std::unordered_map<uint32_t, KeyGroups::Entry> first;  // session -> its first access of a
  for (const auto& e : a.all)
    if (t_.state[e.txn] == TxnState::ok) first.try_emplace(t_.session[e.txn], e);
  for (const auto& e : b.all) {
    const auto earlier = first.find(t_.session[e.txn]);
    if (earlier != first.end() && t_.returned(earlier->second.txn) < t_.invoke[e.txn])
      return Before{Why::session, places_.of(earlier->second.txn, earlier->second.mop),
                    places_.of(e.txn, e.mop)};
  }
  return std::nullopt;
}

std::optional<Before> Reasons::by_return(const Accesses& a, const Accesses& b) const {
  const KeyGroups::Entry* first = nullptr;
  const KeyGroups::Entry* last = nullptr;
  for (const auto& e : a.all)
    if (first == nullptr || t_.returned(e.txn) < t_.returned(first->txn)) first = &e;
  for (const auto& e : b.all)
    if (last == nullptr || t_.invoke[e.txn] > t_.invoke[last->txn]) last = &e;
  if (first != nullptr && last != nullptr && t_.returned(first->txn) < t_.invoke[last->txn])
    return Before{Why::realtime, places_.of(first->txn, first->mop), places_.of(last->txn, last->mop)};
  return inside(a, b, Why::realtime);
}

std::optional<Before> Reasons::before(uint32_t key, uint32_t a, uint32_t b, bool by_time) const {
  const uint32_t made = maker(key, b);
  const Accesses of_a = accesses(key, a);
  const Accesses of_b = accesses(key, b);
  if (b != 0 && made == kNone) return std::nullopt;
  if (b != 0) {
    if (a == 0) return Before{Why::initial, {}, {}};
    const uint32_t first = maker(key, a);
    const uint32_t txn = t_.txn_of(made);
    if (first == kNone) return std::nullopt;
    if (t_.txn_of(first) == txn && first < made) return Before{Why::own_order, {}, {}};
    if (assumed_.write_follows_read && t_.txn_of(first) != txn)
      for (const auto& e : of_a.all)
        if (e.txn == txn && !t_.mops[e.mop].is_write() && e.mop < made)
          return Before{Why::follows_read, places_.of(txn, e.mop), places_.of(txn, made)};
  }
  if (assumed_.numbers)
    if (auto why = by_number(of_a, of_b)) return why;
  if (assumed_.sequential_keys)
    if (auto why = by_session(of_a, of_b)) return why;
  return by_time || assumed_.linearizable_keys ? by_return(of_a, of_b) : std::nullopt;
}

std::optional<VersionChain> Reasons::chain(uint32_t key, uint32_t a, uint32_t b) const {
  const auto access = [&](uint32_t version) {
    const uint32_t m = version == 0 ? kNone : maker(key, version);
    return m == kNone ? Access{} : places_.of(m);
  };
  const auto directly = [&](bool by_time) -> std::optional<VersionChain> {
    const auto why = before(key, a, b, by_time);
    return why ? std::optional(VersionChain{{access(a), access(b)}, {*why}}) : std::nullopt;
  };
  if (auto direct = directly(false)) return direct;
  VersionChain out;
  out.makers.push_back(access(a));
  for (uint32_t p = a; p < b && b <= orders_.length(key); ++p) {
    const auto why = before(key, p, p + 1, false);
    if (!why) return directly(true);
    out.makers.push_back(access(p + 1));
    out.steps.push_back(*why);
  }
  return out.steps.empty() ? directly(true) : std::optional(out);
}

}  // namespace riven::checkers::isolation
