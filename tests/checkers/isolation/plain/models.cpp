#include "tests/checkers/isolation/plain/models.h"

#include "tests/checkers/isolation/plain/digraph.h"

namespace riven::checkers::isolation::plain {

namespace {

using enum Model;

/// Monotonic atomic view (Bailis et al., VLDB'14): who saw something of a transaction misses nothing of it
/// from then on.
bool observes_and_misses(const Dependencies& d) {
  for (const auto& accesses : d.of) {
    std::vector<bool> seen(d.txns.size(), false);
    for (const Access& a : accesses) {
      if (a.write) continue;
      bool missed = false;
      d.each_overwriter(a, [&](const Access& w) { missed |= seen[w.txn]; });
      if (missed) return true;
      if (const Access* from = d.source_beyond_own(a); from != nullptr) seen[from->txn] = true;
    }
  }
  return false;
}

/// G-monotonic (Adya's thesis, 4.2.1): with a transaction's accesses as vertices of their own, in a row, a
/// cycle with one anti-dependency, from a read, all else dependencies and the row. Without G1 such a cycle
/// comes back to the transaction once.
bool g_monotonic(const Dependencies& d) {
  const Relation past = maybe(transitive(transposed(d.ww | d.wr)));
  for (size_t t = 0; t < d.of.size(); ++t) {
    Relation known(d.txns.size());  // row 0: what the accesses so far depend on
    for (const Access& a : d.of[t]) {
      bool missed = false;
      if (!a.write) d.each_overwriter(a, [&](const Access& w) { missed |= known.has(0, w.txn); });
      if (missed) return true;
      if (!a.write) {
        if (const Access* from = d.source_beyond_own(a); from != nullptr) known.add_row(0, past, from->txn);
        continue;
      }
      for (const Access& w : d.writes[static_cast<size_t>(a.key)]) {
        if (w.txn != t && d.before(w, a)) known.add_row(0, past, w.txn);
      }
    }
  }
  return false;
}

/// Monotonic snapshot reads (Adya's thesis, 4.2.2, as statements of Oracle's read committed have it): there
/// is one order of commits, and in it a point for each read, in the order of the transaction and before its
/// commit, whose state it saw.
bool no_snapshot_for_each_read(const Dependencies& d) {
  Digraph events(d.txns.size());
  for (size_t t = 0; t < d.of.size(); ++t) {
    d.ww.each(t, [&](size_t later) { events.add(t, later); });
    size_t before = Digraph::kNone;
    for (const Access& a : d.of[t]) {
      if (a.write) continue;
      const size_t read = events.vertex();
      if (before != Digraph::kNone) events.add(before, read);
      before = read;
      if (const Access* from = d.source_beyond_own(a); from != nullptr) events.add(from->txn, read);
      d.each_overwriter(a, [&](const Access& w) { events.add(read, w.txn); });
    }
    if (before != Digraph::kNone) events.add(before, t);
  }
  return !events.acyclic();
}

/// G-cursor (Adya's thesis, 4.2.3): a cycle with an anti-dependency and dependencies of writes, all of one
/// key.
bool g_cursor(const Dependencies& d) {
  for (const auto& accesses : d.of) {
    for (const Access& r : accesses) {
      if (r.write) continue;
      for (const Access& own : accesses) {
        if (!own.write || own.key != r.key) continue;
        bool between = false;
        d.each_overwriter(r, [&](const Access& w) { between |= d.before(w, own); });
        if (between) return true;
      }
    }
  }
  return false;
}

/// G-update (Adya's thesis, 4.2.4): a cycle among the transactions that write and one that only reads.
bool g_update(const Dependencies& d) {
  const Relation all = d.ww | d.wr | d.rw;
  std::vector<bool> writes(d.txns.size(), false);
  for (size_t t = 0; t < d.of.size(); ++t) {
    for (const Access& a : d.of[t]) writes[t] = writes[t] || a.write;
  }
  Relation updates(d.txns.size());
  for (size_t t = 0; t < writes.size(); ++t) {
    if (writes[t])
      all.each(t, [&](size_t to) {
        if (writes[to]) updates.add(t, to);
      });
  }
  const Relation path = maybe(transitive(updates));
  if (!acyclic(updates)) return true;
  for (size_t t = 0; t < writes.size(); ++t) {
    if (writes[t]) continue;
    bool back = false;
    all.each(t, [&](size_t first) {
      if (writes[first]) path.each(first, [&](size_t last) { back |= all.has(last, t); });
    });
    if (back) return true;
  }
  return false;
}

}  // namespace

bool breaks(Rule rule, const Dependencies& d, const Relation& order) {
  const Relation sees = d.wr | order, keeps = sees | d.ww;
  switch (rule) {
    case Rule::monotonic_view:
      return g_monotonic(d);
    case Rule::snapshot_reads:
      return no_snapshot_for_each_read(d);
    case Rule::cursor:
      return g_cursor(d);
    case Rule::parallel:
      return reflexive_somewhere(then(transitive(keeps), maybe(d.rw)));
    case Rule::updates:
      return g_update(d);
    case Rule::serial:
      return !acyclic(keeps | d.rw);
    case Rule::atomic_update:
      return reflexive_somewhere(then(d.rw, d.wr | d.ww));
    case Rule::prefix:
      return !acyclic(then(sees, maybe(d.rw)) | d.ww);
    case Rule::snapshot:
      return !acyclic(then(keeps, maybe(d.rw)));
  }
  return false;
}

namespace {

class Breaking {
 public:
  Breaking(const Dependencies& d, const Flaws& flaws) : d_(d), flaws_(flaws) {}

  ModelSet all() {
    const Relation none(d_.txns.size());
    if (flaws_.unrepeatable) broken_ |= bit(item_cut_isolation);
    uncommitted(none, read_uncommitted, read_committed);
    uncommitted(d_.so, strong_session_read_uncommitted, strong_session_read_committed);
    uncommitted(d_.rt, strong_read_uncommitted, strong_read_committed);
    const bool g1 = (broken_ & bit(read_committed)) != 0;
    say(monotonic_atomic_view, g1 || observes_and_misses(d_));
    say(monotonic_view, g1 || breaks(Rule::monotonic_view, d_, none));
    say(monotonic_snapshot_read, g1 || breaks(Rule::snapshot_reads, d_, none));
    say(cursor_stability, g1 || breaks(Rule::cursor, d_, none));
    // Start points are nobody's knowledge, so they may be chosen: then forward-consistent-view asks no more.
    for (const Model m : {consistent_view, forward_consistent_view})
      say(m, g1 || breaks(Rule::parallel, d_, none));
    say(update_serializable, g1 || breaks(Rule::updates, d_, none));
    const bool g2 = breaks(Rule::serial, d_, none), self = g1 || flaws_.internal;
    // Bailis et al. 2013 (HAT), figure 2: repeatable read includes item cut isolation.
    say(repeatable_read, g1 || g2 || flaws_.unrepeatable);
    for (const Model m : {view_serializable, one_copy_serializable, serializable}) say(m, self || g2);
    say(update_atomic, self || breaks(Rule::atomic_update, d_, none));
    visible(none, read_committed,
            {read_atomic, causal_cerone, parallel_snapshot_isolation, prefix, snapshot_isolation});
    visible(d_.so, strong_session_read_committed,
            {strong_session_read_atomic, strong_session_causal, strong_session_parallel_snapshot_isolation,
             strong_session_prefix, strong_session_snapshot_isolation});
    const bool session_cycle = breaks(Rule::serial, d_, d_.so);
    for (const Model m : {session_serializable, strong_session_serializable}) say(m, self || session_cycle);
    say(strong_snapshot_isolation, self || breaks(Rule::snapshot, d_, d_.rt));
    say(strict_serializable, self || breaks(Rule::serial, d_, d_.rt));
    return broken_;
  }

 private:
  struct Visible {
    Model atomic, causal, parallel, prefix, snapshot;
  };

  void say(Model m, bool broken) {
    if (broken) broken_ |= bit(m);
  }
  /// Adya's PL-1 and PL-2, `order` being an order to keep, too.
  void uncommitted(const Relation& order, Model weaker, Model stronger) {
    say(weaker, flaws_.incoherent || !acyclic(d_.ww | order));
    say(stronger, flaws_.incoherent || flaws_.dirty || !acyclic(d_.ww | d_.wr | order));
  }
  /// Cerone, Bernardi and Gotsman's models (CONCUR'15): what is visible, in an order of commits that contains
  /// it. `order` is visible whatever was read.
  void visible(const Relation& order, Model committed, const Visible& m) {
    const bool bad = flaws_.internal || (broken_ & bit(committed)) != 0;
    const Relation sees = d_.wr | order;
    say(m.atomic, bad || reflexive_somewhere(then(d_.rw, sees)));
    say(m.causal, bad || reflexive_somewhere(then(d_.rw, transitive(d_.shown | order))));
    say(m.parallel, bad || breaks(Rule::parallel, d_, order));
    say(m.prefix, bad || breaks(Rule::prefix, d_, order));
    say(m.snapshot, bad || breaks(Rule::snapshot, d_, order));
  }

  const Dependencies& d_;
  const Flaws& flaws_;
  ModelSet broken_ = 0;
};

}  // namespace

ModelSet broken_transaction_models(const Dependencies& d, const Flaws& flaws) {
  return Breaking(d, flaws).all();
}

}  // namespace riven::checkers::isolation::plain
