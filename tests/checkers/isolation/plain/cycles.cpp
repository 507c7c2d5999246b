#include "tests/checkers/isolation/plain/cycles.h"

#include <algorithm>

namespace riven::checkers::isolation::plain {

namespace {

/// Walks over some edges, and which of them pass an edge of the order that the class demands.
struct Walks {
  Relation any;     ///< none or more edges
  Relation marked;  ///< at least the demanded one

  Walks(const Relation& edges, const Relation& demanded, bool demand)
      : any(maybe(transitive(edges))), marked(any) {
    if (demand) marked = then(then(any, demanded), any);
  }
};

/// Dependencies on the next version alone.
struct Next {
  Relation ww, rw;
};
Next next_versions(const Dependencies& d) {
  Next out{Relation(d.txns.size()), Relation(d.txns.size())};
  for (const auto& accesses : d.of) {
    for (const Access& a : accesses) {
      const auto& writes = d.writes[static_cast<size_t>(a.key)];
      for (const Access& w : writes) {
        if (w.txn == a.txn || !d.before(a, w)) continue;
        const bool next = std::none_of(writes.begin(), writes.end(),
                                       [&](const Access& x) { return d.before(a, x) && d.before(x, w); });
        if (next) (a.write ? out.ww : out.rw).add(a.txn, w.txn);
      }
    }
  }
  return out;
}

/// Whether `edge` can be closed to a circle by a walk.
bool closes(const Relation& edge, const Relation& walk) { return reflexive_somewhere(then(edge, walk)); }

}  // namespace

CycleSet closed_walks(const Dependencies& d) {
  CycleSet out;
  const Next next = next_versions(d);
  const Relation none(d.txns.size());
  const Relation* orders[] = {&none, &d.so, &d.rt};
  for (int o = 0; o < 3; ++o) {
    const Relation& order = *orders[o];
    const bool demand = o > 0;
    const auto add = [&](int shape, bool is) {
      if (is) out.emplace(shape, o);
    };
    const Walks overwriting(next.ww | order, order, demand);
    add(0, closes(next.ww, overwriting.marked));
    const Relation base = next.ww | d.wr | order;
    const Walks depending(base, order, demand);
    add(1, closes(d.wr, depending.marked));
    add(2, closes(next.rw, depending.marked));
    // Two anti-dependencies or more, with something else between each and the next.
    const Relation some = transitive(base);
    const Relation step = then(next.rw, some);
    const Relation marked_step = demand ? then(next.rw, depending.marked) : step;
    add(3, closes(marked_step, transitive(step)));
    const Walks all(base | next.rw, order, demand);
    add(4, closes(then(next.rw, next.rw), all.marked));
  }
  return out;
}

CycleSet worst(const CycleSet& set) {
  CycleSet out;
  for (const CycleKind& kind : set) {
    const bool beaten = std::any_of(set.begin(), set.end(), [&](const CycleKind& other) {
      return other != kind && other.first <= kind.first && other.second <= kind.second;
    });
    if (!beaten) out.insert(kind);
  }
  return out;
}

}  // namespace riven::checkers::isolation::plain
