#include "checkers/isolation/late_orders.h"

#include <algorithm>

namespace riven::checkers::isolation {

LateOrders late_orders(const Transactions& t, const Suspect& suspect) {
  LateOrders all;
  for (uint32_t v = 0; v < suspect.txns.size(); ++v)
    for (uint32_t m = t.begin_of(suspect.txns[v]); m < t.end_of(suspect.txns[v]); ++m) {
      const Mop mop = t.mops[m];
      if (!mop.is_write() || mop.version() != Mop::kUnobserved) continue;
      auto& late = all[mop.key];
      if (late.empty() || late.back() != v) late.push_back(v);
    }
  std::erase_if(all, [](const auto& entry) { return entry.second.size() < 2; });
  return all;
}

Suspect with_late_order(const Suspect& suspect, const LateOrders& late) {
  std::vector<Edge> edges;
  const Graph& g = suspect.graph;
  for (uint32_t v = 0; v < g.size(); ++v)
    for (uint32_t e = g.begin[v]; e < g.begin[v + 1]; ++e) edges.push_back({v, g.targets[e], g.labels[e]});
  for (const auto& [key, order] : late)
    for (size_t i = 1; i < order.size(); ++i) edges.push_back({order[i - 1], order[i], kWw});
  return {suspect.txns, make_graph(g.size(), edges)};
}

bool next_orders(LateOrders& late) {
  for (auto& [key, order] : late)
    if (std::next_permutation(order.begin(), order.end())) return true;
  return false;
}

}  // namespace riven::checkers::isolation
