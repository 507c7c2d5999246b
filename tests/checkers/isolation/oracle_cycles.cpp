// Adya's levels, by the cycles that each forbids in the direct serialization graph (Adya 1999, chapter 3 and
// 4), and those that are close to them.
#include <algorithm>

#include "tests/checkers/isolation/oracle_world.h"

namespace riven::checkers::isolation::oracle {

namespace {

class Cycles {
 public:
  explicit Cycles(const World& w) : w_(w), f_(w.f), n_(w.f.txns) { relations(); }

  ModelSet run() const {
    using enum Model;
    ModelSet out = 0;
    const auto put = [&](Model m, bool ok) { out |= ok ? bit(m) : 0; };
    if (!own_order()) return 0;
    put(read_uncommitted, acyclic(ww_, n_));
    put(strong_session_read_uncommitted, acyclic(ww_ | f_.sessions, n_));
    put(strong_read_uncommitted, acyclic(ww_ | f_.real_time, n_));
    if (f_.aborted_read() || f_.intermediate_read() || f_.future_read()) return out;
    const Relation dep = ww_ | wr_;
    put(strong_session_read_committed, acyclic(dep | f_.sessions, n_));
    put(strong_read_committed, acyclic(dep | f_.real_time, n_));
    if (!acyclic(dep, n_)) return out;
    put(read_committed, true);
    // Where own writes precede two reads that differ, no cycle tells; repeatable read implies the item cut
    // (Bailis et al. 2013, HAT, figure 2).
    put(repeatable_read, f_.repeatable() && acyclic(dep | rw_, n_));
    put(cursor_stability, !blind_overwrite());
    const bool view = no_single(dep);
    for (const Model m : {consistent_view, forward_consistent_view}) put(m, view);
    put(monotonic_view, !later_read_of_overwritten(dep));
    put(update_serializable, updates_serializable(dep | rw_));
    return out;
  }

 private:
  void relations() {
    for (size_t i = 0; i < f_.events.size(); ++i) {
      const Event& e = f_.events[i];
      if (!w_.is_in(e)) continue;
      const int p = w_.version[i];
      if (e.write) {
        for (int q = 1; q < p; ++q) add(ww_, w_.writer(e.key, q), e.txn);
        continue;
      }
      const int other = w_.foreign(e, p);
      if (other > 0) add(wr_, w_.writer(e.key, other), e.txn);
      for (int q = p + 1; q <= static_cast<int>(w_.length[e.key]); ++q) {
        const int over = w_.writer(e.key, q);
        if (over >= 0) add(rw_, static_cast<int>(e.txn), static_cast<size_t>(over));
      }
    }
  }
  static void add(Relation& into, int a, size_t b) {
    if (a >= 0 && a != static_cast<int>(b)) into.add(static_cast<size_t>(a), b);
  }

  bool own_order() const {
    for (size_t a = 0; a < f_.events.size(); ++a)
      for (size_t b = a + 1; b < f_.events.size(); ++b) {
        const Event &x = f_.events[a], &y = f_.events[b];
        if (w_.is_in(x) && x.write && y.write && x.txn == y.txn && x.key == y.key &&
            w_.version[a] > w_.version[b])
          return false;
      }
    return true;
  }
  // G-single: an anti-dependency from which dependencies lead back.
  bool no_single(const Relation& dep) const {
    const Relation path = closure(dep, n_);
    for (size_t overwriter = 0; overwriter < n_; ++overwriter)
      for (size_t reader = 0; reader < n_; ++reader)
        if (has(rw_.before[overwriter], reader) && has(path.before[reader], overwriter)) return false;
    return true;
  }
  // G-cursor: a transaction read a version of a key, somebody else wrote a later one, and the transaction one
  // after that; the key's own edges make a cycle, whatever came first in the transaction.
  bool blind_overwrite() const {
    for (size_t r = 0; r < f_.events.size(); ++r)
      for (size_t w = f_.first[f_.events[r].txn]; w < f_.first[f_.events[r].txn + 1]; ++w) {
        const Event &read = f_.events[r], &write = f_.events[w];
        if (read.write || !write.write || write.key != read.key) continue;
        for (int q = w_.version[r] + 1; q < w_.version[w]; ++q)
          if (w_.writer(read.key, q) != static_cast<int>(read.txn)) return true;
      }
    return false;
  }
  // G-monotonic (PL-2L): what a transaction accessed before a read depends on the overwriting of what it
  // reads.
  bool later_read_of_overwritten(const Relation& dep) const {
    Relation from = closure(dep, n_);
    for (size_t i = 0; i < n_; ++i) from.add(i, i);
    for (size_t r = 0; r < f_.events.size(); ++r) {
      const Event& read = f_.events[r];
      if (read.write) continue;
      Set sources = 0;
      for (size_t e = f_.first[read.txn]; e < r; ++e) sources |= sources_of(e);
      Set overwriters = 0;
      for (int q = w_.version[r] + 1; q <= static_cast<int>(w_.length[read.key]); ++q)
        if (const int over = w_.writer(read.key, q); over >= 0) overwriters |= one(static_cast<size_t>(over));
      overwriters &= ~one(read.txn);
      bool found = false;
      each(sources & ~one(read.txn),
           [&](size_t source) { found = found || (from.before[source] & overwriters) != 0; });
      if (found) return true;
    }
    return false;
  }
  // The transactions that an event depends on directly.
  Set sources_of(size_t e) const {
    const Event& event = f_.events[e];
    const int top = event.write ? w_.version[e] - 1 : w_.foreign(event, w_.version[e]);
    Set out = 0;
    for (int q = event.write ? 1 : top; q <= top; ++q)
      if (q > 0 && w_.writer(event.key, q) >= 0) out |= one(static_cast<size_t>(w_.writer(event.key, q)));
    return out;
  }

  // PL-3U: those that write, and each single one that only reads beside them.
  bool updates_serializable(const Relation& all) const {
    Set updating = 0;
    for (const Event& e : f_.events)
      if (e.write && w_.is_in(e)) updating |= one(e.txn);
    const auto serializable = [&](Set some) {
      Relation part;
      each(some, [&](size_t t) { part.before[t] = all.before[t] & some; });
      return acyclic(part, n_);
    };
    bool good = serializable(updating);
    each(w_.in & ~updating, [&](size_t reader) { good = good && serializable(updating | one(reader)); });
    return good;
  }

  const World& w_;
  const Facts& f_;
  size_t n_;
  Relation ww_, wr_, rw_;
};

}  // namespace

ModelSet by_cycles(const World& w) { return Cycles(w).run(); }

}  // namespace riven::checkers::isolation::oracle
