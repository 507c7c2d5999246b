// The oracle's facts and its choices.
#include "tests/checkers/isolation/oracle.h"

#include <algorithm>

#include "harness/core/check.h"
#include "tests/checkers/isolation/oracle_world.h"

namespace riven::checkers::isolation {

namespace oracle {

Facts::Facts(const TinyHistory& history, const Assumed& a)
    : h(history), assumed(a), txns(history.txns.size()) {
  RIVEN_CHECK(txns <= kTxns, "too many transactions for brute force");
  for (size_t t = 0; t < txns; ++t) {
    const TinyTxn& txn = h.txns[t];
    if (txn.type == OpType::ok) ok |= one(t);
    if (txn.type == OpType::fail) failed |= one(t);
    first[t] = events.size();
    for (size_t m = 0; m < txn.mops.size(); ++m) {
      const TinyMop& mop = txn.mops[m];
      keys = std::max(keys, static_cast<size_t>(mop.key) + 1);
      if (!mop.write && txn.type != OpType::ok) continue;
      events.push_back({t, m, static_cast<size_t>(mop.key), mop.write, &mop});
    }
    for (size_t later = t + 1; later < txns && txn.type == OpType::ok; ++later) {
      if (txn.session == h.txns[later].session) sessions.add(t, later);
      if (txn.returned < h.txns[later].invoked) real_time.add(t, later);
    }
  }
  first[txns] = events.size();
  RIVEN_CHECK(events.size() <= kEvents && keys <= kKeys, "too many micro-operations for brute force");
  for (Event& e : events) {
    if (e.write || e.what->elements.empty()) continue;
    for (size_t w = 0; w < events.size(); ++w)
      if (events[w].write && events[w].key == e.key && events[w].what->value == e.what->elements.back())
        e.source = static_cast<int>(w);
    RIVEN_CHECK(e.source >= 0 && e.what->elements.back() < 32, "a value that nobody wrote, or too large");
  }
}

bool Facts::wrote_before(const Event& e) const {
  for (size_t other = first[e.txn]; other < first[e.txn + 1]; ++other)
    if (events[other].mop < e.mop && events[other].write && events[other].key == e.key) return true;
  return false;
}
int Facts::number(const Event& e) const { return has(ok, e.txn) ? e.what->number : 0; }
bool Facts::aborted_read() const {
  return std::any_of(events.begin(), events.end(), [&](const Event& e) {
    if (e.write) return false;
    return std::any_of(events.begin(), events.end(), [&](const Event& w) {
      const std::vector<int>& seen = e.what->elements;
      return w.write && w.key == e.key && has(failed, w.txn) &&
             std::find(seen.begin(), seen.end(), w.what->value) != seen.end();
    });
  });
}
bool Facts::intermediate_read() const {
  return std::any_of(events.begin(), events.end(), [&](const Event& e) {
    if (e.write || e.source < 0) return false;
    const Event& seen = events[static_cast<size_t>(e.source)];
    return seen.txn != e.txn && std::any_of(events.begin(), events.end(), [&](const Event& w) {
             return w.write && w.txn == seen.txn && w.key == seen.key && w.mop > seen.mop;
           });
  });
}
bool Facts::future_read() const {
  return std::any_of(events.begin(), events.end(), [&](const Event& e) {
    return !e.write && std::any_of(events.begin(), events.end(), [&](const Event& w) {
      const std::vector<int>& seen = e.what->elements;
      return w.write && w.txn == e.txn && w.key == e.key && w.mop > e.mop &&
             std::find(seen.begin(), seen.end(), w.what->value) != seen.end();
    });
  });
}
bool Facts::repeatable() const {
  for (size_t a = 0; a < events.size(); ++a)
    for (size_t b = a + 1; b < events.size(); ++b) {
      const Event &x = events[a], &y = events[b];
      if (x.write || y.write || x.txn != y.txn || x.key != y.key || x.what->elements == y.what->elements)
        continue;
      bool written = false;
      for (size_t between = a; between < b; ++between)
        written = written || (events[between].write && events[between].key == x.key);
      if (!written) return false;
    }
  return true;
}
// A read after an access of the same key returns what that access left.
bool Facts::internally_consistent() const {
  for (const Event& read : events) {
    if (read.write) continue;
    std::vector<int> expected;
    bool known = false;  // whether everything below the own appends is known
    bool wrote = false;
    for (size_t i = first[read.txn]; events[i].mop < read.mop; ++i) {
      const Event& e = events[i];
      if (e.key != read.key) continue;
      if (!e.write) {
        expected = e.what->elements;
        known = true;
        continue;
      }
      wrote = true;
      if (h.registers) expected.clear(), known = true;
      expected.push_back(e.what->value);
    }
    const std::vector<int>& seen = read.what->elements;
    if (known && seen != expected) return false;
    if (!known && wrote &&
        (seen.size() < expected.size() || !std::equal(expected.rbegin(), expected.rend(), seen.rbegin())))
      return false;
  }
  return true;
}

void World::number() {
  for (size_t k = 0; k < f.keys; ++k)
    for (size_t p = 0; p < length[k]; ++p) version[order[k][p]] = static_cast<int>(p) + 1;
  for (size_t e = 0; e < f.events.size(); ++e) {
    const Event& read = f.events[e];
    if (!read.write) version[e] = read.source < 0 ? 0 : version[static_cast<size_t>(read.source)];
  }
}

int World::foreign(const Event& read, int p) const {
  if (f.h.registers) return p > 0 && writer(read.key, p) == static_cast<int>(read.txn) ? -1 : p;
  while (p > 0 && writer(read.key, p) == static_cast<int>(read.txn)) --p;
  return p;
}

void World::grant() {
  granted = Relation();
  contradiction = false;
  if (!f.h.registers) return;
  const auto first_then = [&](int a, int b) {  // writes, or -1: nil
    if (a == b || a < 0) return;
    if (b < 0)
      contradiction = true;
    else
      granted.add(static_cast<size_t>(a), static_cast<size_t>(b));
  };
  // The version (a write) that an event saw or made; reads of what failed show none.
  const auto version_of = [&](size_t e) {
    return f.events[e].write ? static_cast<int>(e) : f.events[e].source;
  };
  const auto counts = [&](size_t e) {
    const int v = version_of(e);
    return is_in(f.events[e]) && (v < 0 || is_in(f.events[static_cast<size_t>(v)]));
  };
  for (size_t b = 0; b < f.events.size(); ++b)
    for (size_t a = 0; a < f.events.size(); ++a) {
      const Event &x = f.events[a], &y = f.events[b];
      if (x.key != y.key || !counts(a) || !counts(b)) continue;
      const bool inside = x.txn == y.txn && a < b;
      const bool outside = !x.write && (x.source < 0 || f.events[static_cast<size_t>(x.source)].txn != x.txn);
      const bool follows = f.assumed.write_follows_read && inside && outside && y.write;
      const bool session = f.assumed.sequential_keys && (inside || has(f.sessions.before[y.txn], x.txn));
      const bool both = f.assumed.numbers && f.number(x) != 0 && f.number(y) != 0;
      const bool numbered = both && f.number(x) < f.number(y);
      if (both && f.number(x) == f.number(y) && version_of(a) != version_of(b)) contradiction = true;
      const bool time = f.assumed.linearizable_keys && (inside || has(f.real_time.before[y.txn], x.txn));
      if ((inside && x.write && y.write) || follows || session || numbered || time)
        first_then(version_of(a), version_of(b));
    }
  contradiction = contradiction || !acyclic(granted, f.events.size());
}

bool World::possible(size_t key, bool complete) const {
  Set done = 0;
  for (size_t p = 0; p < length[key]; ++p) {
    const size_t w = order[key][p];
    if ((granted.before[w] & ~done) != 0) return false;
    done |= one(w);
  }
  if (f.h.registers) return true;
  return std::all_of(f.events.begin(), f.events.end(), [&](const Event& e) {
    if (e.write || e.key != key) return true;
    const std::vector<int>& seen = e.what->elements;
    if (complete && seen.size() > length[key]) return false;
    for (size_t i = 0; i < std::min(seen.size(), length[key]); ++i)
      if (f.events[order[key][i]].what->value != seen[i]) return false;
    return true;
  });
}

namespace {

/// What by_cycles and by_guarantees judge.
constexpr ModelSet kByCycles =
    bit(Model::read_uncommitted) | bit(Model::strong_session_read_uncommitted) |
    bit(Model::strong_read_uncommitted) | bit(Model::strong_session_read_committed) |
    bit(Model::strong_read_committed) | bit(Model::read_committed) | bit(Model::repeatable_read) |
    bit(Model::cursor_stability) | bit(Model::consistent_view) | bit(Model::forward_consistent_view) |
    bit(Model::monotonic_view) | bit(Model::update_serializable);
constexpr ModelSet kByGuarantees = bit(Model::monotonic_reads) | bit(Model::read_your_writes) |
                                   bit(Model::monotonic_writes) | bit(Model::writes_follow_reads) |
                                   bit(Model::pram) | bit(Model::causal);

/// Tries every choice.
class Force {
 public:
  Force(const TinyHistory& h, const Assumed& assumed) : f_(h, assumed), w_(f_) {}

  Judgement run() {
    // Whose writes were read did commit.
    Set seen = f_.ok;
    for (const Event& e : f_.events)
      if (e.write && has(everything_read(e.key), static_cast<size_t>(e.what->value))) seen |= one(e.txn);
    seen &= ~f_.failed;
    const Set open = ((one(f_.txns) - 1) & ~seen & ~f_.failed);
    out_.contradiction = true;
    clean_ = !f_.aborted_read() && !f_.intermediate_read() && !f_.future_read();
    for (Set some = open;; some = (some - 1) & open) {
      w_.in = seen | some;
      fate();
      if (some == 0) break;
    }
    if (f_.repeatable()) out_.holding |= bit(Model::item_cut_isolation);
    return out_;
  }

 private:
  // The values of `key` that some read shows.
  Set everything_read(size_t key) const {
    Set out = 0;
    for (const Event& e : f_.events)
      if (!e.write && e.key == key)
        for (const int value : e.what->elements) out |= one(static_cast<size_t>(value));
    return out;
  }

  void fate() {
    w_.grant();
    if (w_.contradiction) return;
    out_.contradiction = false;
    if (!f_.aborted_read()) out_.holding |= by_interleaving(w_);
    version_orders(0);
    if (clean_) commit_orders();
  }

  // Every order of the versions of key k and of those behind it. What failed is a version where it was read.
  void version_orders(size_t k) {
    if (k == f_.keys) {
      w_.number();
      if (!all_hold(kByCycles)) out_.holding |= by_cycles(w_);
      if (!all_hold(kByGuarantees)) out_.holding |= by_guarantees(w_);
      return;
    }
    Set writes = 0;
    const Set read = everything_read(k);
    for (size_t e = 0; e < f_.events.size(); ++e) {
      const Event& event = f_.events[e];
      if (event.write && event.key == k &&
          (w_.is_in(event) ||
           (has(f_.failed, event.txn) && has(read, static_cast<size_t>(event.what->value)))))
        writes |= one(e);
    }
    w_.length[k] = 0;
    append_each(k, writes);
  }
  void append_each(size_t k, Set left) {
    if (!w_.possible(k, left == 0)) return;
    if (left == 0) return version_orders(k + 1);
    each(left, [&](size_t e) {
      w_.order[k][w_.length[k]++] = e;
      append_each(k, left & ~one(e));
      --w_.length[k];
    });
  }

  void commit_orders() {
    std::vector<size_t> co;
    each(w_.in, [&](size_t t) { co.push_back(t); });
    do {
      std::array<size_t, kTxns> place{};
      w_.length.fill(0);
      for (size_t i = 0; i < co.size(); ++i) {
        place[co[i]] = i;
        for (size_t e = f_.first[co[i]]; e < f_.first[co[i] + 1]; ++e) {
          const size_t key = f_.events[e].key;
          if (f_.events[e].write) w_.order[key][w_.length[key]++] = e;
        }
      }
      bool possible = true;
      for (size_t k = 0; k < f_.keys; ++k) possible = possible && w_.possible(k, true);
      if (!possible) continue;
      w_.number();
      out_.holding |= by_commit_order(w_, place);
    } while (std::next_permutation(co.begin(), co.end()));
  }

  // What another choice cannot add to.
  bool all_hold(ModelSet models) const { return (models & ~out_.holding) == 0; }

  Facts f_;
  World w_;
  bool clean_ = false;
  Judgement out_;
};

}  // namespace

}  // namespace oracle

Judgement judge_by_force(const TinyHistory& tiny, const Assumed& assumed) {
  return oracle::Force(tiny, assumed).run();
}

}  // namespace riven::checkers::isolation
