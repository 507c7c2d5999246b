// The orders of versions of registers: what is certain, and which there may be.
#include <algorithm>
#include "tests/checkers/isolation/plain/closings.h"
#include "tests/checkers/isolation/plain/registers.h"

namespace riven::checkers::isolation::plain {

namespace {

bool is_own(const World& world, const Txn& txn, const Step& read) {
  if (read.value == Step::kNothing) return false;
  const int writer = world.writers[static_cast<size_t>(read.key)][static_cast<size_t>(read.value)].txn;
  return &world.txns[static_cast<size_t>(writer)] == &txn;
}

}  // namespace

Orders certain_orders(const World& world) {
  Orders out;
  for (const auto& writers : world.writers) out.emplace_back(writers.size() + 1);
  for (const Txn& txn : world.txns) {
    if (!txn.committed()) continue;
    for (size_t s = 0; s < txn.steps.size(); ++s) {
      const Step& write = txn.steps[s];
      if (!write.makes_version()) continue;
      Relation& order = out[static_cast<size_t>(write.key)];
      const auto version = static_cast<size_t>(write.version);
      order.add(0, version);
      for (size_t e = 0; e < s; ++e) {
        const Step& earlier = txn.steps[e];
        if (earlier.key != write.key || earlier.version == write.version) continue;
        if (earlier.makes_version() || (earlier.reads_version() && !is_own(world, txn, earlier)))
          order.add(static_cast<size_t>(earlier.version), version);
      }
    }
  }
  for (Relation& order : out) order = transitive(order);
  return out;
}

bool contradictory(const Orders& orders) {
  return std::any_of(orders.begin(), orders.end(), reflexive_somewhere);
}

namespace {

using Writers = std::vector<std::vector<size_t>>;

/// Of a key, whose write comes before whose.
Relation known_pairs(const Dependencies& d, size_t key) {
  Relation out(d.txns.size());
  for (const Access& x : d.writes[key]) {
    for (const Access& y : d.writes[key]) {
      if (x.txn != y.txn && d.before(x, y)) out.add(x.txn, y.txn);
    }
  }
  return out;
}

/// Of each key and transaction, the reads by others of what it wrote.
using Readers = std::vector<std::vector<std::vector<const Access*>>>;
Readers readers_of(const Dependencies& d) {
  Readers out(d.writes.size(), std::vector<std::vector<const Access*>>(d.txns.size()));
  for (const auto& accesses : d.of) {
    for (const Access& r : accesses) {
      const Access* from = r.write ? nullptr : d.source(r);
      if (from != nullptr && from->txn != r.txn) out[static_cast<size_t>(r.key)][from->txn].push_back(&r);
    }
  }
  return out;
}

Writers writers_of(const Dependencies& d) {
  Writers out(d.writes.size());
  for (size_t k = 0; k < out.size(); ++k) {
    for (const Access& w : d.writes[k]) {
      if (std::find(out[k].begin(), out[k].end(), w.txn) == out[k].end()) out[k].push_back(w.txn);
    }
  }
  return out;
}

void put_before(const Dependencies& d, Orders& orders, size_t key, size_t a, size_t b) {
  for (const Access& x : d.writes[key]) {
    for (const Access& y : d.writes[key]) {
      if (x.txn == a && y.txn == b)
        orders[key].add(static_cast<size_t>(x.version), static_cast<size_t>(y.version));
    }
  }
}

}  // namespace

OrderSearch::Saturated OrderSearch::saturate(Orders& orders, Pair& open) const {
  for (;;) {
    for (Relation& order : orders) order = transitive(order);
    if (contradictory(orders)) return Saturated::impossible;
    Dependencies d = base_;
    d.put_in_order(orders);
    if (breaks(rule_, d, order_) || !acyclic(d.ww | d.wr)) return Saturated::impossible;
    const Closing bad = closing(rule_, d, order_);
    const Readers readers = readers_of(d);
    const auto impossible = [&](size_t key, size_t a, size_t b) {
      return bad.ww(key, a, b) || std::any_of(readers[key][a].begin(), readers[key][a].end(),
                                              [&](const Access* r) { return r->txn != b && bad.rw(*r, b); });
    };
    bool changed = false, total = true;
    const Writers writers = writers_of(d);
    for (size_t key = 0; key < writers.size(); ++key) {
      const Relation known = known_pairs(d, key);
      for (size_t i = 0; i < writers[key].size(); ++i) {
        for (size_t j = 0; j < i; ++j) {
          const size_t a = writers[key][i], b = writers[key][j];
          if (known.has(a, b) || known.has(b, a)) continue;
          const bool not_ab = impossible(key, a, b), not_ba = impossible(key, b, a);
          if (not_ab && not_ba) return Saturated::impossible;
          if (not_ab) put_before(d, orders, key, b, a);
          if (not_ba) put_before(d, orders, key, a, b);
          changed = changed || not_ab || not_ba;
          if (!not_ab && !not_ba) total = false, open = {key, a, b};
        }
      }
    }
    if (!changed) return total ? Saturated::total : Saturated::open;
  }
}

/// Puts the rest in the order of transactions that what is known suggests.
bool OrderSearch::complete(const Dependencies& d, const Orders& orders) {
  for (const Relation& hint : {d.ww | d.wr | d.rw | order_, d.ww | d.wr | order_}) {
    const std::vector<size_t> order = topological(hint);
    if (order.size() < hint.size()) continue;
    std::vector<size_t> rank(order.size());
    for (size_t i = 0; i < order.size(); ++i) rank[order[i]] = i;
    Orders total = ordered_by(d, orders, rank);
    for (Relation& o : total) o = transitive(o);
    if (contradictory(total)) continue;
    Dependencies whole = base_;
    whole.put_in_order(total);
    if (breaks(rule_, whole, order_) || !acyclic(whole.ww | whole.wr)) continue;
    found_ = std::move(total);
    return true;
  }
  return false;
}

OrderSearch::Outcome OrderSearch::search(Orders orders) {
  if (left_ == 0) return Outcome::too_long;
  --left_;
  Pair open{};
  switch (saturate(orders, open)) {
    case Saturated::impossible:
      return Outcome::none;
    case Saturated::total:
      found_ = std::move(orders);
      return Outcome::found;
    case Saturated::open:
      break;
  }
  Dependencies d = base_;
  d.put_in_order(orders);
  if (complete(d, orders)) return Outcome::found;
  bool all = true;
  for (const bool reversed : {false, true}) {
    Orders next = orders;
    put_before(d, next, open.key, reversed ? open.a : open.b, reversed ? open.b : open.a);
    const Outcome outcome = search(std::move(next));
    if (outcome == Outcome::found) return outcome;
    all = all && outcome == Outcome::none;
  }
  return all ? Outcome::none : Outcome::too_long;
}

OrderSearch::Outcome OrderSearch::run(const Orders& certain) { return search(certain); }

Orders ordered_by(const Dependencies& d, const Orders& certain, const std::vector<size_t>& rank) {
  Orders out = certain;
  for (size_t key = 0; key < out.size(); ++key) {
    std::vector<Access> writes = d.writes[key];
    std::stable_sort(writes.begin(), writes.end(),
                     [&](const Access& a, const Access& b) { return rank[a.txn] < rank[b.txn]; });
    // The lowest in rank of those that nothing has to come before.
    std::vector<Access> placed;
    while (!writes.empty()) {
      const auto next = std::find_if(writes.begin(), writes.end(), [&](const Access& w) {
        return std::none_of(writes.begin(), writes.end(),
                            [&](const Access& other) { return d.before(other, w); });
      });
      for (const Access& earlier : placed)
        out[key].add(static_cast<size_t>(earlier.version), static_cast<size_t>(next->version));
      placed.push_back(*next);
      writes.erase(next);
    }
  }
  return out;
}

}  // namespace riven::checkers::isolation::plain
