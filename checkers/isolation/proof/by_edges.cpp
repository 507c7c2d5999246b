// Cycles of edges that a model forbids.
#include <algorithm>

#include "checkers/isolation/proof/prove.h"

namespace riven::checkers::isolation {

namespace {

constexpr uint8_t kDependencies = kWw | kWr | kRw;

class EdgeProver {
 public:
  explicit EdgeProver(const Judged& judged) : j_(judged), g_(judged.suspect.graph) {}

  std::vector<Cycle::Step> run(Model model) {
    using enum Model;
    switch (model) {
      case read_uncommitted:
        return circle(kWw);
      case strong_session_read_uncommitted:
        return circle(kWw | kProcess);
      case strong_read_uncommitted:
        return against_time(g_, kWw, 1);
      case read_committed:
        return circle(kWw | kWr);
      case strong_session_read_committed:
        return circle(kWw | kWr | kProcess);
      case strong_read_committed:
        return against_time(g_, kWw | kWr, 1);
      case cursor_stability:
      case update_atomic:
      case consistent_view:
        return circle(kWw | kWr | kWwForced);
      case snapshot_isolation:
        return circle(product(g_, kDependencies | kWwForced, snapshot_step));
      case strong_session_snapshot_isolation:
        return circle(product(g_, kDependencies | kWwForced | kProcess, snapshot_step));
      case strong_snapshot_isolation:
        return against_time(product(g_, kDependencies | kWwForced, snapshot_step), 0xff, 2);
      case prefix:
        return circle(product(g_, kDependencies, prefix_step));
      case strong_session_prefix:
        return circle(product(g_, kDependencies | kProcess, prefix_step));
      case repeatable_read:
      case serializable:
      case view_serializable:
      case one_copy_serializable:
        return circle(kDependencies);
      case strong_session_serializable:
      case session_serializable:
        return circle(kDependencies | kProcess);
      case strict_serializable:
        return against_time(g_, kDependencies, 1);
      case monotonic_snapshot_read:
        return snapshots_of_reads();
      default:
        return {};
    }
  }

 private:
  uint32_t txn(uint32_t v) const { return j_.suspect.txns[v]; }

  std::vector<Cycle::Step> circle(uint8_t mask) const {
    std::vector<Cycle::Step> out;
    for (const auto& [v, label] : short_cycle(g_, components(g_, mask), mask)) out.push_back({txn(v), label});
    return out;
  }
  // Of a product: two vertices for each transaction.
  std::vector<Cycle::Step> circle(const Graph& twice) const {
    std::vector<Cycle::Step> out;
    for (const auto& [v, label] : short_cycle(twice, components(twice, 0xff), 0xff))
      out.push_back({txn(v / 2), label});
    return out;
  }

  // A walk from a transaction to one that returned before it was invoked.
  std::vector<Cycle::Step> against_time(const Graph& g, uint8_t mask, uint32_t width) const {
    const uint32_t start = late_start(g, mask, width);
    if (start == kNone) return {};
    std::vector<uint32_t> parent(g.size(), kNone);
    std::vector<uint8_t> via(g.size(), 0);
    std::vector<uint32_t> queue{start};
    parent[start] = start;
    for (size_t i = 0; i < queue.size(); ++i) {
      const uint32_t v = queue[i];
      if (j_.t.returned(txn(v / width)) < j_.t.invoke[txn(start / width)]) {
        std::vector<Cycle::Step> out{{txn(v / width), kRealtime}};
        for (uint32_t at = v; at != start; at = parent[at]) out.push_back({txn(parent[at] / width), via[at]});
        std::reverse(out.begin(), out.end());
        return out;
      }
      for (uint32_t e = g.begin[v]; e < g.begin[v + 1]; ++e) {
        const uint32_t w = g.targets[e];
        if ((g.labels[e] & mask) == 0 || parent[w] != kNone) continue;
        parent[w] = v;
        via[w] = g.labels[e];
        queue.push_back(w);
      }
    }
    return {};
  }
  uint32_t late_start(const Graph& g, uint8_t mask, uint32_t width) const {
    const Components c = components(g, mask);
    std::vector<std::pair<uint32_t, uint32_t>> order;  // successors first
    for (uint32_t v = 0; v < g.size(); ++v) order.emplace_back(c.of[v], v);
    std::sort(order.begin(), order.end());
    std::vector<uint32_t> first_return(c.count, kNone);
    for (const auto& [number, v] : order) {
      first_return[number] = std::min(first_return[number], j_.t.returned(txn(v / width)));
      for (uint32_t e = g.begin[v]; e < g.begin[v + 1]; ++e)
        if ((g.labels[e] & mask) != 0)
          first_return[number] = std::min(first_return[number], first_return[c.of[g.targets[e]]]);
    }
    for (uint32_t v = 0; v < g.size(); v += width)
      if (first_return[c.of[v]] < j_.t.invoke[txn(v / width)]) return v;
    return kNone;
  }

  // PL-MSR: a vertex for each commit and for each read of others' versions (see criteria.cpp).
  std::vector<Cycle::Step> snapshots_of_reads() {
    std::vector<Edge> edges;
    for (uint32_t v = 0; v < g_.size(); ++v)
      for (uint32_t e = g_.begin[v]; e < g_.begin[v + 1]; ++e)
        if (g_.labels[e] == kWw) edges.push_back({v, g_.targets[e], kWw});
    const LocalVersions local(j_.t, j_.orders, j_.suspect);
    std::vector<uint32_t> reads(g_.size(), kNone);  // vertex -> micro-operation
    std::vector<uint32_t> of(g_.size());
    for (uint32_t v = 0; v < g_.size(); ++v) of[v] = v;
    for (uint32_t v = 0; v < g_.size(); ++v) {
      uint32_t previous = kNone;
      for (uint32_t m = j_.t.begin_of(txn(v)); m < j_.t.end_of(txn(v)); ++m) {
        const Mop mop = j_.t.mops[m];
        if (j_.t.state[txn(v)] != TxnState::ok || !mop.is_known_read()) continue;
        const uint32_t others = j_.orders.foreign(txn(v), mop.key, mop.version());
        if (!j_.orders.lists && others != mop.version()) continue;
        const auto point = static_cast<uint32_t>(of.size());
        of.push_back(v);
        reads.push_back(m);
        if (previous != kNone) edges.push_back({previous, point, kProcess});
        previous = point;
        if (const uint32_t writer = local.writer(mop.key, others); writer != kNone && writer != v)
          edges.push_back({writer, point, kWr});
        local.for_each_next(mop.key, mop.version(), [&](uint32_t next) {
          if (next != v) edges.push_back({point, next, kRw});
        });
      }
      if (previous != kNone) edges.push_back({previous, v, kProcess});
    }
    const Graph points = make_graph(static_cast<uint32_t>(of.size()), edges);
    const Walk walk = short_cycle(points, components(points, 0xff), 0xff);
    std::vector<Cycle::Step> out;
    for (size_t i = 0; i < walk.size(); ++i) {
      const auto& [v, label] = walk[i];
      const uint32_t next = walk[(i + 1) % walk.size()].first;
      if (label != kProcess)  // else the order within one transaction
        out.push_back(
            {txn(of[v]), label, label == kRw ? reads[v] : kNone, label == kWr ? reads[next] : kNone});
    }
    return out;
  }

  const Judged& j_;
  const Graph& g_;
};

}  // namespace

std::vector<Cycle::Step> prove_by_edges(const Judged& judged, Model model) {
  return EdgeProver(judged).run(model);
}

}  // namespace riven::checkers::isolation
