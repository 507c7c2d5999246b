#include "tests/checkers/isolation/plain/closings.h"

#include <algorithm>
#include <memory>

namespace riven::checkers::isolation::plain {

namespace {

using Test = std::function<bool(size_t, size_t, size_t)>;
using ReadTest = std::function<bool(const Access&, size_t)>;

/// (a, b) of `bad` for writes, (the reader, b) of `bad_reads` for reads.
Closing by_transactions(Relation bad, Relation bad_reads) {
  return {[bad = std::move(bad)](size_t, size_t a, size_t b) { return bad.has(a, b); },
          [bad_reads = std::move(bad_reads)](const Access& r, size_t b) { return bad_reads.has(r.txn, b); }};
}

/// Rules about cycles of events: a transaction's start is t, its commit n + t.
Closing by_events(const Dependencies& d, const Relation& order, bool prefix) {
  const size_t n = d.txns.size();
  Relation events(2 * n);
  const Relation sees = d.wr | order;
  for (size_t t = 0; t < n; ++t) {
    events.add(t, n + t);
    sees.each(t, [&](size_t u) { events.add(n + t, u); });
    d.ww.each(t, [&](size_t u) { events.add(n + t, prefix ? n + u : u); });
    d.rw.each(t, [&](size_t u) { events.add(t, n + u); });
  }
  events = transitive(events);
  Relation ww(n), rw(n);
  for (size_t a = 0; a < n; ++a) {
    for (size_t b = 0; b < n; ++b) {
      if (events.has(prefix ? n + b : b, n + a)) ww.add(a, b);
      if (events.has(n + b, a)) rw.add(a, b);
    }
  }
  return by_transactions(std::move(ww), std::move(rw));
}

/// Rules that forbid cycles of dependencies, and those with one anti-dependency.
Closing by_dependencies(const Dependencies& d, const Relation& order) {
  const Relation depends = transitive(d.ww | d.wr | order), path = maybe(depends);
  return by_transactions(transposed(depends | then(then(path, d.rw), path)), transposed(depends));
}

Closing by_updates(const Dependencies& d) {
  const Relation all = d.ww | d.wr | d.rw;
  std::vector<bool> writes(d.txns.size(), false);
  for (size_t t = 0; t < d.of.size(); ++t)
    writes[t] = std::any_of(d.of[t].begin(), d.of[t].end(), [](const Access& a) { return a.write; });
  Relation updates(d.txns.size()), to_reader(d.txns.size()), from_reader(d.txns.size());
  for (size_t t = 0; t < d.txns.size(); ++t) {
    all.each(t, [&](size_t u) {
      if (writes[t] && writes[u])
        updates.add(t, u);
      else if (writes[t])
        to_reader.add(t, u);
      else if (writes[u])
        from_reader.add(t, u);
    });
  }
  const Relation path = maybe(transitive(updates));
  const Relation through = then(then(path, then(to_reader, from_reader)), path);
  return by_transactions(transposed(path | through), transposed(path | then(path, to_reader)));
}

/// Nobody writes between a version and what was written by who read it.
Closing by_cursors(const Dependencies& d) {
  struct Update {
    size_t key;
    const Access *from, *write;
  };
  std::vector<Update> updates;
  for (const auto& accesses : d.of) {
    for (const Access& r : accesses) {
      if (r.write) continue;
      for (const Access& w : accesses) {
        if (w.write && w.key == r.key) updates.push_back({static_cast<size_t>(r.key), d.source(r), &w});
      }
    }
  }
  const Relation back = transposed(transitive(d.ww | d.wr));
  const auto before = [&d](size_t key, size_t a, size_t b) {
    return std::any_of(d.writes[key].begin(), d.writes[key].end(), [&](const Access& x) {
      return x.txn == a && std::any_of(d.writes[key].begin(), d.writes[key].end(),
                                       [&](const Access& y) { return y.txn == b && d.before(x, y); });
    });
  };
  const Test between = [=](size_t key, size_t a, size_t b) {
    return back.has(a, b) || std::any_of(updates.begin(), updates.end(), [&](const Update& u) {
             if (u.key != key || u.write->txn == a) return false;
             const bool from_a = u.from != nullptr && u.from->txn == a;
             if (from_a && u.write->txn != b && before(key, b, u.write->txn)) return true;
             return u.write->txn == b && !from_a && (u.from == nullptr || before(key, u.from->txn, a));
           });
  };
  return {between, [](const Access&, size_t) { return false; }};
}

/// Snapshots for reads: commits are 0 to n, reads behind them.
Closing by_snapshots(const Dependencies& d) {
  const size_t n = d.txns.size();
  std::vector<std::vector<size_t>> number(n);
  size_t vertices = n;
  for (size_t t = 0; t < n; ++t) {
    for (const Access& a : d.of[t]) {
      number[t].resize(a.step + 1);
      if (!a.write) number[t][a.step] = vertices++;
    }
  }
  Relation events(vertices);
  for (size_t t = 0; t < n; ++t) {
    d.ww.each(t, [&](size_t u) { events.add(t, u); });
    size_t last = vertices;
    for (const Access& a : d.of[t]) {
      if (a.write) continue;
      const size_t read = number[t][a.step];
      if (last < vertices) events.add(last, read);
      last = read;
      if (const Access* from = d.source_beyond_own(a); from != nullptr) events.add(from->txn, read);
      d.each_overwriter(a, [&](const Access& w) { events.add(read, w.txn); });
    }
    if (last < vertices) events.add(last, t);
  }
  events = transitive(events);
  const auto shared = std::make_shared<const Relation>(std::move(events));
  return {[shared](size_t, size_t a, size_t b) { return shared->has(b, a); },
          [shared, number](const Access& r, size_t b) { return shared->has(b, number[r.txn][r.step]); }};
}

/// G-monotonic: what a read overwrote must not lead to an earlier access of its transaction.
Closing by_views(const Dependencies& d) {
  const Relation depends = transitive(d.ww | d.wr), past = transposed(maybe(depends));
  std::vector<std::vector<Relation>> known(d.txns.size());
  for (size_t t = 0; t < d.of.size(); ++t) {
    Relation so_far(d.txns.size());
    for (const Access& a : d.of[t]) {
      known[t].resize(a.step + 1);
      known[t][a.step] = so_far;
      if (!a.write) {
        if (const Access* from = d.source_beyond_own(a); from != nullptr) so_far.add_row(0, past, from->txn);
        continue;
      }
      for (const Access& w : d.writes[static_cast<size_t>(a.key)]) {
        if (w.txn != t && d.before(w, a)) so_far.add_row(0, past, w.txn);
      }
    }
  }
  const Relation back = transposed(depends);
  return {[back](size_t, size_t a, size_t b) { return back.has(a, b); },
          [known](const Access& r, size_t b) { return known[r.txn][r.step].has(0, b); }};
}

}  // namespace

Closing closing(Rule rule, const Dependencies& d, const Relation& order) {
  const Relation depends = d.ww | d.wr;
  switch (rule) {
    case Rule::serial: {
      const Relation back = transposed(transitive(depends | d.rw | order));
      return by_transactions(back, back);
    }
    case Rule::snapshot:
      return by_events(d, order, false);
    case Rule::prefix:
      return by_events(d, order, true);
    case Rule::parallel:
      return by_dependencies(d, order);
    case Rule::updates:
      return by_updates(d);
    case Rule::atomic_update:
      return by_transactions(transposed(transitive(depends) | d.rw), transposed(depends));
    case Rule::cursor:
      return by_cursors(d);
    case Rule::monotonic_view:
      return by_views(d);
    case Rule::snapshot_reads:
      break;
  }
  return by_snapshots(d);
}

}  // namespace riven::checkers::isolation::plain
