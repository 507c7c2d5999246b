// Anomalies that need no cycle.
#include <algorithm>

#include "checkers/isolation/verify/facts.h"

namespace riven::checkers::isolation {

namespace {

using enum Model;

class DirectCheck {
 public:
  DirectCheck(Facts& facts, const Direct& direct) : f_(facts), d_(direct) {}

  ModelSet run() {
    const HistoryKind kind = f_.premises().kind;
    switch (d_.kind) {
      case Kind::garbage_read:
        if (kind == HistoryKind::counters) return refuted_by_total(f_, d_);
        if (kind == HistoryKind::predicates) return with_memory(refuted_by_predicate_read(f_, d_));
        return garbage() ? unordered(read_uncommitted) : 0;
      case Kind::g1a:
        if (kind == HistoryKind::counters) return refuted_by_total(f_, d_);
        if (kind == HistoryKind::predicates) return with_memory(refuted_by_predicate_read(f_, d_));
        return aborted_read() ? unordered(read_committed) : 0;
      case Kind::duplicate_elements:
        return duplicate() ? unordered(read_uncommitted) : 0;
      case Kind::g1b:
        return intermediate_read() ? serial(read_committed) : 0;
      case Kind::reordered_writes:
        return reordered() ? serial(read_uncommitted) | failing_with(monotonic_writes) : 0;
      case Kind::internal:
        return internal() ? serial(read_atomic) : 0;
      case Kind::non_repeatable_read:
        return unrepeatable() ? failing_with(item_cut_isolation) : 0;
      case Kind::future_read:
        return future_read() ? unordered(read_committed) : 0;
      case Kind::dirty_update:
        return dirty_update() ? failing_with(read_committed) : 0;
      case Kind::incompatible_order:
        return incompatible()
                   ? serial(read_committed) | failing_with(sequential) | failing_with(per_key_linearizable)
                   : 0;
      case Kind::lost_update:
        return lost_update()
                   ? serial(cursor_stability) | failing_with(update_atomic) | failing_with(consistent_view)
                   : 0;
      case Kind::predicate_future_read:
        return future_read() ? serial(read_committed) : 0;
      case Kind::predicate_read_miss:
      case Kind::predicate_g1a:
        return kind == HistoryKind::predicates ? refuted_by_predicate_read(f_, d_) : 0;
      case Kind::stale_read:
      case Kind::session_stale_read:
        return kind == HistoryKind::counters ? refuted_by_total(f_, d_) : 0;
      case Kind::cyclic_versions:
      case Kind::unseen_overwrite:
      case Kind::lost_write:
        break;  // told as circles, or refute nothing
    }
    return 0;
  }

 private:
  static ModelSet serial(Model m) {
    return failing_with(m) | failing_with(view_serializable) | failing_with(one_copy_serializable);
  }
  // No order of a memory's operations explains the read, either.
  static ModelSet unordered(Model m) {
    return serial(m) | failing_with(pram) | failing_with(per_key_linearizable);
  }
  static ModelSet with_memory(ModelSet found) {
    return found == 0 ? 0 : found | failing_with(pram) | failing_with(per_key_linearizable);
  }

  // Calls fn(value) for what the read shows: each element, or the value.
  template <typename Fn>
  void each_shown(const RawMop& read, Fn&& fn) const {
    if (read.value.is_nil()) return;
    if (f_.registers()) return fn(read.value);
    if (read.value.is_list())
      for (const ValueView one : read.value) fn(one);
  }
  bool shown(const RawMop& read, const ValueView& value) const {
    bool found = false;
    each_shown(read, [&](const ValueView& one) { found = found || one == value; });
    return found;
  }

  bool garbage() {
    const auto r = f_.read(d_.shows);
    if (!r || !(r->key == d_.key)) return false;
    const Facts::KeyFacts& known = f_.of_key(r->key);
    if (known.unnamed) return false;
    std::set<std::string> written;
    for (const auto& [access, value] : known.writes) written.insert(to_edn(value));
    bool found = false;
    each_shown(*r,
               [&](const ValueView& one) { found = found || written.count(to_edn(one.to_value())) == 0; });
    return found;
  }
  // What failed, and nobody else wrote.
  bool aborted(const Access& write) {
    const auto w = f_.write(write);
    if (!w || !f_.failed(write.invoke) || !(w->key == d_.key)) return false;
    const Facts::KeyFacts& known = f_.of_key(w->key);
    return !known.unnamed && std::none_of(known.writes.begin(), known.writes.end(), [&](const auto& other) {
      return !f_.failed(other.first.invoke) && other.second == w->value.to_value();
    });
  }
  bool aborted_read() {
    const auto r = f_.read(d_.shows);
    const auto w = f_.write(d_.other);
    return r && w && r->key == w->key && shown(*r, w->value) && aborted(d_.other);
  }
  bool duplicate() const {
    const auto r = f_.read(d_.shows);
    if (!r || !f_.lists()) return false;
    std::set<std::string> seen;
    bool twice = false;
    each_shown(*r,
               [&](const ValueView& one) { twice = !seen.insert(to_edn(one.to_value())).second || twice; });
    return twice;
  }
  bool intermediate_read() const {
    const auto r = f_.read(d_.shows);
    const auto w = f_.write(d_.other);
    if (!r || !w || !(r->key == w->key) || d_.shows.invoke == d_.other.invoke || f_.failed(d_.other.invoke))
      return false;
    std::optional<ValueView> last;
    each_shown(*r, [&](const ValueView& one) { last = one; });
    return last && *last == w->value && f_.writes(d_.other.invoke, w->key, d_.other.place + 1);
  }
  // Two appends of one transaction: `other` came first in it, and second in a list.
  bool reordered() const {
    const auto later = f_.committed_write(d_.shows);
    const auto earlier = f_.committed_write(d_.other);
    return later && earlier && f_.lists() && later->key == earlier->key &&
           d_.shows.invoke == d_.other.invoke && d_.other.place < d_.shows.place && in_list(*later, *earlier);
  }
  // Whether the witness has the first and not the second before it.
  bool in_list(const RawMop& first, const RawMop& second) const {
    const auto seen = f_.read(d_.witness);
    if (!seen || !(seen->key == first.key)) return false;
    const auto a = place_in(seen->value, first.value);
    const auto b = place_in(seen->value, second.value);
    return a && (!b || *a < *b);
  }
  // Built upon what failed.
  bool dirty_update() {
    const auto mine = f_.committed_write(d_.shows);
    const auto theirs = f_.write(d_.other);
    const auto seen = f_.read(d_.witness);
    return mine && theirs && seen && f_.lists() && mine->key == theirs->key && aborted(d_.other) &&
           in_list(*theirs, *mine) && place_in(seen->value, mine->value);
  }
  bool incompatible() const {
    const auto a = f_.read(d_.shows);
    const auto b = f_.read(d_.witness);
    if (!a || !b || !f_.lists() || !(a->key == b->key) || !a->value.is_list() || !b->value.is_list())
      return false;
    auto one = a->value.begin();
    auto two = b->value.begin();
    for (; one != a->value.end() && two != b->value.end(); ++one, ++two)
      if (!(*one == *two)) return true;
    return false;
  }
  bool future_read() {
    const auto r = f_.read(d_.shows);
    if (!r) return false;
    for (uint32_t place = d_.shows.place + 1; place < f_.size(d_.shows.invoke); ++place) {
      const Access later{d_.shows.invoke, place};
      const auto w = f_.write(later);
      if (!w) continue;
      if (f_.lists() || f_.registers()) {
        if (w->key == r->key && shown(*r, w->value)) return true;
      } else if (by_predicate(f_, *r, w->key) == (d_.kind == Kind::predicate_future_read) &&
                 shows(f_, d_.shows, later) == true) {
        return true;
      }
    }
    return false;
  }
  // Both read one version, which neither had made, and then wrote the key.
  bool lost_update() const {
    const auto a = f_.read(d_.shows);
    const auto b = f_.read(d_.other);
    if (!a || !b || (!f_.lists() && !f_.registers()) || d_.shows.invoke == d_.other.invoke) return false;
    if (!(a->key == b->key) || !same(*a, *b)) return false;
    return overwrote(d_.shows, *a) && overwrote(d_.other, *b);
  }
  bool overwrote(const Access& read, const RawMop& r) const {
    if (f_.writes(read.invoke, r.key, 0, read.place)) return false;
    bool later = false;
    for (uint32_t place = read.place + 1; place < f_.size(read.invoke); ++place) {
      const auto w = f_.write({read.invoke, place});
      if (!w || !(w->key == r.key)) continue;
      if (shown(r, w->value)) return false;
      later = true;
    }
    return later;
  }
  // Nil is the empty list, the empty set and nought; sets have no order.
  bool same(const RawMop& a, const RawMop& b) const {
    if (f_.premises().kind == HistoryKind::counters) {
      const auto total = [](const ValueView& v) { return v.is_integer() ? v.integer() : 0; };
      return total(a.value) == total(b.value);
    }
    if (f_.registers()) return a.value == b.value;
    return elements(a) == elements(b);
  }
  std::vector<std::string> elements(const RawMop& read) const {
    std::vector<std::string> out;
    each_shown(read, [&](const ValueView& one) { out.push_back(to_edn(one.to_value())); });
    if (f_.premises().kind == HistoryKind::sets) std::sort(out.begin(), out.end());
    return out;
  }

  bool unrepeatable() {
    const auto now = f_.read(d_.shows);
    if (!now) return false;
    const bool predicates = f_.premises().kind == HistoryKind::predicates;
    const Value key = predicates ? d_.key : now->key;
    for (uint32_t place = 0; place < f_.size(d_.shows.invoke); ++place) {
      const auto before = f_.read({d_.shows.invoke, place});
      if (!before || place == d_.shows.place) continue;
      const bool written =
          f_.writes(d_.shows.invoke, key, std::min(place, d_.shows.place), std::max(place, d_.shows.place));
      if (predicates) {
        const auto a = state_read(f_, *before, key);
        const auto b = state_read(f_, *now, key);
        if (!written && a && b && !(*a == *b)) return true;
      } else if (before->key == key &&
                 (f_.premises().kind == HistoryKind::sets ? element_changed(place, *before, *now)
                                                          : !written && !same(*before, *now))) {
        return true;
      }
    }
    return false;
  }
  // Some element is in one of two reads of a set, and the transaction did not add it between them.
  bool element_changed(uint32_t place, const RawMop& other, const RawMop& now) const {
    std::set<std::string> added;
    for (uint32_t between = std::min(place, d_.shows.place) + 1; between < std::max(place, d_.shows.place);
         ++between)
      if (const auto w = f_.write({d_.shows.invoke, between}); w && w->key == now.key)
        added.insert(to_edn(w->value.to_value()));
    const std::vector<std::string> a = elements(other), b = elements(now);
    std::vector<std::string> changed;
    std::set_symmetric_difference(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(changed));
    return std::any_of(changed.begin(), changed.end(),
                       [&](const std::string& e) { return added.count(e) == 0; });
  }

  // What the transaction's earlier accesses of the key leave is not what the read shows (Cerone, Bernardi and
  // Gotsman 2015: INT).
  bool internal() {
    const auto r = f_.read(d_.shows);
    if (!r) return false;
    if (f_.premises().kind == HistoryKind::counters || f_.premises().kind == HistoryKind::predicates)
      return contradicts_writes() || (f_.premises().kind == HistoryKind::counters && wrong_total(*r));
    std::vector<std::string> expected;
    bool known = false;
    bool wrote = false;
    for (uint32_t place = 0; place < d_.shows.place; ++place) {
      const auto m = f_.mop({d_.shows.invoke, place});
      if (!m || !(m->key == r->key)) continue;
      if (m->does == RawMop::Does::writes) {
        if (f_.registers()) expected.clear(), known = true;
        expected.push_back(to_edn(m->value.to_value()));
        wrote = true;
      } else {
        expected = elements(*m);
        known = true;
        wrote = false;
      }
    }
    std::vector<std::string> seen = elements(*r);
    if (f_.premises().kind == HistoryKind::sets) {
      std::sort(expected.begin(), expected.end());
      expected.erase(std::unique(expected.begin(), expected.end()), expected.end());
      seen.erase(std::unique(seen.begin(), seen.end()), seen.end());
      return known ? seen != expected
                   : !std::includes(seen.begin(), seen.end(), expected.begin(), expected.end());
    }
    if (known) return seen != expected;
    return wrote &&
           (seen.size() < expected.size() || !std::equal(expected.rbegin(), expected.rend(), seen.rbegin()));
  }
  bool wrong_total(const RawMop& read) const {
    std::optional<int64_t> expected;
    const auto total = [](const ValueView& v) { return v.is_integer() ? v.integer() : 0; };
    for (uint32_t place = 0; place < d_.shows.place; ++place) {
      const auto m = f_.mop({d_.shows.invoke, place});
      if (!m || !(m->key == read.key)) continue;
      if (m->does != RawMop::Does::writes)
        expected = total(m->value);
      else if (expected)
        *expected += total(m->value);
    }
    return expected && *expected != total(read.value);
  }
  // Of a write it tells otherwise than the transaction's own write, or an earlier read, does.
  bool contradicts_writes() {
    for (const auto& [access, value] : std::vector(f_.of_key(d_.key).writes)) {
      const auto now = shows(f_, d_.shows, access);
      if (!now) continue;
      if (access.invoke == d_.shows.invoke && access.place < d_.shows.place && !*now) return true;
      for (uint32_t place = 0; place < d_.shows.place; ++place) {
        if (access.invoke == d_.shows.invoke && access.place >= place && access.place < d_.shows.place)
          continue;  // the write lies between
        const auto before = shows(f_, {d_.shows.invoke, place}, access);
        if (before && *before != *now) return true;
      }
    }
    return false;
  }

  Facts& f_;
  const Direct& d_;
};

}  // namespace

ModelSet refuted_by_direct(Facts& facts, const Direct& direct, std::string& why_not) {
  const ModelSet out = DirectCheck(facts, direct).run();
  if (out == 0) why_not = "the anomaly is not there";
  return out;
}

}  // namespace riven::checkers::isolation
