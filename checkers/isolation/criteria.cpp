#include "checkers/isolation/criteria.h"

#include <algorithm>
#include <functional>
#include <queue>

#include "checkers/isolation/late_orders.h"
#include "checkers/isolation/past.h"

namespace riven::checkers::isolation {

namespace {

constexpr uint8_t kDependencies = kWw | kWr | kRw;
constexpr uint8_t kAll = 0xff;
constexpr uint8_t kNoLostUpdate = kWwForced;  // beside them where lost updates are forbidden anyway

/// Whether some walk leads from a transaction to one that returned before it was invoked. `g` has `width`
/// vertices for each transaction, walks begin at the first of them.
bool against_time(const Transactions& t, const Suspect& suspect, const Graph& g, uint8_t mask,
                  uint32_t width) {
  const Components c = components(g, mask);
  std::vector<std::pair<uint32_t, uint32_t>> order;  // successors first
  order.reserve(g.size());
  for (uint32_t v = 0; v < g.size(); ++v) order.emplace_back(c.of[v], v);
  std::sort(order.begin(), order.end());
  std::vector<uint32_t> first_return(c.count, kNone);
  for (const auto& [number, v] : order) {
    first_return[number] = std::min(first_return[number], t.returned(suspect.txns[v / width]));
    for (uint32_t e = g.begin[v]; e < g.begin[v + 1]; ++e)
      if ((g.labels[e] & mask) != 0)
        first_return[number] = std::min(first_return[number], first_return[c.of[g.targets[e]]]);
  }
  for (uint32_t v = 0; v < g.size(); v += width)
    if (first_return[c.of[v]] < t.invoke[suspect.txns[v / width]]) return true;
  return false;
}

bool cyclic(const Graph& g, uint8_t mask) { return !components(g, mask).acyclic(); }

/// PL-MSR: a point for each commit and for each read, related by what the reads saw.
bool snapshots_of_reads_clash(const Transactions& t, const VersionOrders& orders, const Suspect& suspect) {
  std::vector<Edge> edges;
  const uint32_t n = suspect.graph.size();
  for (uint32_t v = 0; v < n; ++v)
    for (uint32_t e = suspect.graph.begin[v]; e < suspect.graph.begin[v + 1]; ++e)
      if (suspect.graph.labels[e] == kWw) edges.push_back({v, suspect.graph.targets[e], 1});
  const LocalVersions local(t, orders, suspect);
  uint32_t vertices = n;
  for (uint32_t v = 0; v < n; ++v) {
    const uint32_t txn = suspect.txns[v];
    uint32_t previous = kNone;
    for (uint32_t m = t.begin_of(txn); m < t.end_of(txn); ++m) {
      const Mop mop = t.mops[m];
      if (t.state[txn] != TxnState::ok || !mop.is_known_read()) continue;
      const uint32_t others = orders.foreign(txn, mop.key, mop.version());
      if (!orders.lists && others != mop.version()) continue;  // an own write hides what others wrote
      const uint32_t point = vertices++;
      if (previous != kNone) edges.push_back({previous, point, 1});
      previous = point;
      if (const uint32_t writer = local.writer(mop.key, others); writer != kNone && writer != v)
        edges.push_back({writer, point, 1});
      local.for_each_next(mop.key, mop.version(), [&](uint32_t next) {
        if (next != v) edges.push_back({point, next, 1});
      });
    }
    if (previous != kNone) edges.push_back({previous, v, 1});
  }
  return cyclic(make_graph(vertices, edges), 1);
}

}  // namespace

ModelSet refuted_by_edges(const Transactions& t, const Suspect& suspect, ModelSet known) {
  ModelSet refuted = 0;
  const Graph& g = suspect.graph;
  // A stronger model is not looked at once a weaker one is refuted.
  const auto refute = [&](Model m, auto&& when) {
    if (((known | refuted) & bit(m)) == 0 && when()) refuted |= failing_with(m);
  };
  const auto cycle = [&](uint8_t mask) { return [&g, mask] { return cyclic(g, mask); }; };
  const auto late = [&](uint8_t mask) {
    return [&t, &suspect, &g, mask] { return against_time(t, suspect, g, mask, 1); };
  };
  refute(Model::read_uncommitted, cycle(kWw));
  refute(Model::strong_session_read_uncommitted, cycle(kWw | kProcess));
  refute(Model::strong_read_uncommitted, late(kWw));
  refute(Model::read_committed, cycle(kWw | kWr));
  refute(Model::strong_session_read_committed, cycle(kWw | kWr | kProcess));
  refute(Model::strong_read_committed, late(kWw | kWr));
  const ModelSet no_lost_updates =
      bit(Model::cursor_stability) | bit(Model::update_atomic) | bit(Model::consistent_view);
  if ((no_lost_updates & ~(known | refuted)) != 0 && cyclic(g, kWw | kWr | kNoLostUpdate))
    for (const Model m : members(no_lost_updates)) refuted |= failing_with(m);
  const ModelSet snapshots = bit(Model::snapshot_isolation) | bit(Model::strong_snapshot_isolation);
  if ((snapshots & ~(known | refuted)) != 0) {
    const Graph snapshot = product(g, kDependencies | kNoLostUpdate, snapshot_step);
    refute(Model::snapshot_isolation, [&] { return cyclic(snapshot, kAll); });
    refute(Model::strong_snapshot_isolation, [&] { return against_time(t, suspect, snapshot, kAll, 2); });
  }
  refute(Model::strong_session_snapshot_isolation,
         [&] { return cyclic(product(g, kDependencies | kNoLostUpdate | kProcess, snapshot_step), kAll); });
  refute(Model::prefix, [&] { return cyclic(product(g, kDependencies, prefix_step), kAll); });
  refute(Model::strong_session_prefix,
         [&] { return cyclic(product(g, kDependencies | kProcess, prefix_step), kAll); });
  const ModelSet serial = bit(Model::repeatable_read) | bit(Model::serializable) |
                          bit(Model::view_serializable) | bit(Model::one_copy_serializable);
  if ((serial & ~(known | refuted)) != 0 && cyclic(g, kDependencies))
    for (const Model m : members(serial)) refuted |= failing_with(m);
  const ModelSet sessions = bit(Model::strong_session_serializable) | bit(Model::session_serializable);
  if ((sessions & ~(known | refuted)) != 0 && cyclic(g, kDependencies | kProcess))
    for (const Model m : members(sessions)) refuted |= failing_with(m);
  refute(Model::strict_serializable, late(kDependencies));
  return refuted;
}

Refutations judge_world(const Transactions& t, const VersionOrders& orders, const Suspect& suspect,
                        const LateOrders* late, uint64_t work, ModelSet known) {
  Refutations out;
  out.refuted = refuted_by_edges(t, suspect, known) | known;
  if ((out.refuted & bit(Model::serializable)) != 0 && (known & bit(Model::monotonic_snapshot_read)) == 0 &&
      snapshots_of_reads_clash(t, orders, suspect))
    out.refuted |= failing_with(Model::monotonic_snapshot_read);
  Refutations versions = judge_by_past(t, orders, suspect, out.refuted, late, work);
  out.offences = std::move(versions.offences);
  out.refuted |= versions.refuted;
  out.open = versions.open & ~out.refuted;
  return out;
}

namespace {

/// The place of each vertex in an order that follows the edges in `mask`, and time where these leave a choice
/// or are cyclic.
std::vector<uint32_t> likely_places(const Transactions& t, const Suspect& suspect, uint8_t mask) {
  const Graph& g = suspect.graph;
  std::vector<uint32_t> before(g.size(), 0);
  for (uint32_t v = 0; v < g.size(); ++v)
    for (uint32_t e = g.begin[v]; e < g.begin[v + 1]; ++e)
      if ((g.labels[e] & mask) != 0) ++before[g.targets[e]];
  std::vector<std::pair<uint32_t, uint32_t>> by_time;
  for (uint32_t v = 0; v < g.size(); ++v) by_time.emplace_back(t.returned(suspect.txns[v]), v);
  std::sort(by_time.begin(), by_time.end());
  std::vector<uint32_t> rank(g.size());
  for (uint32_t i = 0; i < g.size(); ++i) rank[by_time[i].second] = i;
  std::priority_queue<uint32_t, std::vector<uint32_t>, std::greater<>> ready;  // ranks
  for (uint32_t v = 0; v < g.size(); ++v)
    if (before[v] == 0) ready.push(rank[v]);
  std::vector<uint32_t> place(g.size(), kNone);
  for (uint32_t next = 0, oldest = 0; next < g.size();) {
    while (ready.empty()) {  // only cycles are left: break one
      if (place[by_time[oldest].second] == kNone) ready.push(oldest);
      ++oldest;
    }
    const uint32_t v = by_time[ready.top()].second;
    ready.pop();
    if (place[v] != kNone) continue;
    place[v] = next++;
    for (uint32_t e = g.begin[v]; e < g.begin[v + 1]; ++e)
      if ((g.labels[e] & mask) != 0 && --before[g.targets[e]] == 0) ready.push(rank[g.targets[e]]);
  }
  return place;
}

/// What fails whatever the order of the versions that nobody saw.
class Worlds {
 public:
  Worlds(const Transactions& t, const VersionOrders& orders, const Suspect& suspect, ModelSet asked,
         uint64_t work, ModelSet known)
      : t_(t), orders_(orders), suspect_(suspect), fails_(asked), work_(work), known_(known) {}

  /// False: nothing fails any more.
  bool attempt(const LateOrders& late) {
    const Refutations world = judge_world(t_, orders_, with_late_order(suspect_, late), &late, work_, known_);
    fails_ &= world.refuted | world.open;
    open_ |= world.open;
    return fails_ != 0;
  }
  ModelSet fails() const { return fails_; }
  ModelSet open() const { return fails_ & open_; }

 private:
  const Transactions& t_;
  const VersionOrders& orders_;
  const Suspect& suspect_;
  ModelSet fails_;
  ModelSet open_ = 0;
  uint64_t work_;
  ModelSet known_;
};

/// What the models that no order of unseen versions changes settle: they hold, and so does all they imply.
ModelSet settled(const Refutations& r) {
  ModelSet out = 0;
  for (const Model m : members(failing_with(Model::repeatable_read) & ~r.refuted & ~r.open))
    out |= implied_by(m);
  return out;
}

}  // namespace

Refutations judge_suspect(const Transactions& t, const VersionOrders& orders, const Suspect& suspect,
                          uint64_t work, ModelSet known) {
  Refutations out = judge_world(t, orders, suspect, nullptr, work, known);
  const ModelSet sure = settled(out);
  out.open &= ~sure;
  LateOrders late = late_orders(t, suspect);
  // The others hold with every order that is topological in the graph of their own criterion.
  ModelSet sensitive = bit(Model::monotonic_view);
  for (const Model m : {Model::cursor_stability, Model::update_atomic, Model::consistent_view})
    sensitive |= failing_with(m);
  sensitive &= ~failing_with(Model::repeatable_read) & ~sure;
  if (late.empty() || (out.refuted & sensitive) == sensitive) return out;
  // A model holds if it does under one order of the versions that nobody saw. First those that a database
  // would have made.
  Worlds worlds(t, orders, suspect, sensitive & ~out.refuted, work, known);
  for (const int mask : {kWw | kWr | kWwForced | kProcess, kWw | kWr | kWwForced, kWw | kWr, 0xff}) {
    const std::vector<uint32_t> place = likely_places(t, suspect, static_cast<uint8_t>(mask));
    LateOrders likely = late;
    for (auto& [key, order] : likely)
      std::sort(order.begin(), order.end(), [&](uint32_t a, uint32_t b) { return place[a] < place[b]; });
    if (!worlds.attempt(likely)) return out;
  }
  constexpr size_t kMostWorlds = 24;
  const uint64_t cost = 1 + 64 * (suspect.graph.edge_count() + suspect.txns.size());
  const size_t affordable = std::max<size_t>(1, std::min<uint64_t>(kMostWorlds, work / cost));
  double all = 1;
  for (const auto& [key, order] : late)
    for (size_t i = 2; i <= order.size(); ++i) all *= static_cast<double>(i);
  for (size_t tried = 0; tried < affordable; ++tried)
    if (!worlds.attempt(late) || !next_orders(late)) break;
  if (all <= static_cast<double>(affordable)) {
    out.refuted |= worlds.fails() & ~worlds.open();
    out.open = (out.open | worlds.open()) & ~out.refuted;
  } else {
    out.open |= worlds.fails();
  }
  return out;
}

}  // namespace riven::checkers::isolation
