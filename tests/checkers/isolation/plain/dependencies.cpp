#include "tests/checkers/isolation/plain/dependencies.h"

#include <algorithm>

namespace riven::checkers::isolation::plain {

namespace {

void add_accesses(const World& world, Dependencies& d) {
  d.writes.resize(world.keys.size());
  for (const Txn& txn : world.txns) {
    if (!txn.committed()) continue;
    const size_t number = d.txns.size();
    d.txns.push_back(&txn);
    auto& accesses = d.of.emplace_back();
    for (size_t s = 0; s < txn.steps.size(); ++s) {
      const Step& step = txn.steps[s];
      if (!step.reads_version() && !step.makes_version()) continue;
      accesses.push_back({number, s, step.write, step.key, step.version});
      if (step.write) d.writes[static_cast<size_t>(step.key)].push_back(accesses.back());
    }
  }
  for (auto& writes : d.writes) {
    std::stable_sort(writes.begin(), writes.end(),
                     [](const Access& a, const Access& b) { return a.version < b.version; });
  }
}

/// A list shows every append in it: its versions have their order, those of what was read from 1 on.
void add_shown(Dependencies& d, const Access& read) {
  for (const Access& w : d.writes[static_cast<size_t>(read.key)]) {
    if (w.version <= read.version && w.txn != read.txn) d.shown.add(w.txn, read.txn);
  }
}

void add_orders(Dependencies& d) {
  for (size_t a = 0; a < d.txns.size(); ++a) {
    for (size_t b = 0; b < d.txns.size(); ++b) {
      if (d.txns[a]->returned >= d.txns[b]->invoked) continue;
      d.rt.add(a, b);
      if (d.txns[a]->session == d.txns[b]->session) d.so.add(a, b);
    }
  }
}

}  // namespace

const Access* Dependencies::source(const Access& read) const {
  for (const Access& w : writes[static_cast<size_t>(read.key)]) {
    if (w.version == read.version) return &w;
  }
  return nullptr;
}

const Access* Dependencies::source_beyond_own(const Access& read) const {
  const Access* last = source(read);
  const auto& all = writes[static_cast<size_t>(read.key)];
  while (lists && last != nullptr && last->txn == read.txn) {
    const Access* below = nullptr;
    if (last != all.data() && (last - 1)->version == last->version - 1) below = last - 1;
    last = below;
  }
  return last != nullptr && last->txn == read.txn ? nullptr : last;
}

void Dependencies::put_in_order(std::vector<Relation> known) {
  orders = std::move(known);
  ww = rw = Relation(txns.size());
  for (const auto& accesses : of) {
    for (const Access& a : accesses) {
      Relation& later = a.write ? ww : rw;
      for (const Access& w : writes[static_cast<size_t>(a.key)]) {
        if (w.txn != a.txn && before(a, w)) later.add(a.txn, w.txn);
      }
    }
  }
}

Dependencies dependencies(const World& world) { return dependencies(world, {}); }

Dependencies dependencies(const World& world, std::vector<Relation> orders) {
  Dependencies d;
  d.lists = world.lists;
  add_accesses(world, d);
  for (Relation* r : {&d.wr, &d.shown, &d.so, &d.rt}) *r = Relation(d.txns.size());
  for (const auto& accesses : d.of) {
    for (const Access& a : accesses) {
      const Access* from = a.write ? nullptr : d.source_beyond_own(a);
      if (from != nullptr) d.wr.add(from->txn, a.txn);
      if (d.lists && !a.write) add_shown(d, a);
    }
  }
  d.shown = d.shown | d.wr;
  add_orders(d);
  d.put_in_order(std::move(orders));
  return d;
}

}  // namespace riven::checkers::isolation::plain
