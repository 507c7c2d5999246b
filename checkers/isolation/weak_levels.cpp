#include "checkers/isolation/weak_levels.h"

#include <algorithm>
#include <limits>
#include <optional>

#include "checkers/isolation/forced.h"
#include "checkers/isolation/graph.h"

namespace riven::checkers::isolation {

namespace {

using enum Model;

/// A closed walk in a graph: from each vertex an edge of the label to the next, the last to the first.
using Walk = std::vector<std::pair<uint32_t, uint8_t>>;

/// The shortest cycle through one of the first vertices of a small component.
Walk short_cycle(const Graph& g, const Components& c) {
  constexpr size_t kStarts = 64;
  std::vector<uint32_t> sizes(c.count, 0);
  for (const uint32_t component : c.of) ++sizes[component];
  uint32_t chosen = kNone;
  for (uint32_t i = 0; i < c.count; ++i)
    if (sizes[i] > 1 && (chosen == kNone || sizes[i] < sizes[chosen])) chosen = i;
  std::vector<uint32_t> distance(g.size(), kNone);
  std::vector<uint32_t> parent(g.size(), kNone);
  std::vector<uint8_t> via(g.size(), 0);
  Walk best;
  size_t starts = 0;
  std::vector<uint32_t> queue;
  for (uint32_t start = 0; start < g.size() && starts < kStarts; ++start) {
    if (c.of[start] != chosen) continue;
    ++starts;
    queue.assign(1, start);
    std::vector<uint32_t> touched{start};
    distance[start] = 0;
    uint32_t closing = kNone;
    uint8_t closing_label = 0;
    for (size_t i = 0; i < queue.size() && closing == kNone; ++i) {
      const uint32_t v = queue[i];
      if (!best.empty() && distance[v] + 1 >= best.size()) break;
      for (uint32_t edge = g.begin[v]; edge < g.begin[v + 1]; ++edge) {
        const uint32_t w = g.targets[edge];
        if (w == start && v != start) {
          closing = v;
          closing_label = g.labels[edge];
          break;
        }
        if (c.of[w] != chosen || distance[w] != kNone) continue;
        distance[w] = distance[v] + 1;
        parent[w] = v;
        via[w] = g.labels[edge];
        touched.push_back(w);
        queue.push_back(w);
      }
    }
    if (closing != kNone) {
      Walk walk;
      uint8_t label = closing_label;
      for (uint32_t v = closing; v != start; v = parent[v]) {
        walk.emplace_back(v, label);
        label = via[v];
      }
      walk.emplace_back(start, label);
      std::reverse(walk.begin(), walk.end());
      best = std::move(walk);
    }
    for (const uint32_t v : touched) distance[v] = kNone;
  }
  return best;
}

class WeakJudge {
 public:
  WeakJudge(const Transactions& t, const VersionOrders& orders, const std::vector<Edge>& certain,
            bool beyond_causality, ModelSet known, uint64_t work, unsigned threads)
      : t_(t),
        orders_(orders),
        beyond_causality_(beyond_causality),
        known_(known),
        work_(work > std::numeric_limits<uint64_t>::max() / 8 ? work : 8 * work),
        threads_(threads),
        events_(list_events(t, orders, false)),
        writers_(writers_by_key(events_, t.keys.size())) {
    for (const Edge& e : certain)
      if (e.label == kWw) versions_.push_back(e);
  }

  WeakLevels run() {
    with_sessions();
    without_sessions();
    if (pending(causal)) single_operations();
    return std::move(result_);
  }

 private:
  bool pending(Model m) const {
    return ((known_ | result_.refuted | result_.holds | result_.open) & bit(m)) == 0;
  }
  void hold(Model m) { result_.holds |= implied_by(m); }
  void refute(Model m) { result_.refuted |= failing_with(m); }

  /// Whether the level with these edges beside reads-from (and sessions) and the certain orders holds.
  bool decide(Model m, bool sessions, const std::vector<Edge>& forced) {
    std::vector<Edge> edges = versions_;
    add_seen_edges(events_, sessions, edges);
    edges.insert(edges.end(), forced.begin(), forced.end());
    const Graph g = make_graph(events_.size() + 1, edges);
    const Components c = components(g, 0xff);
    if (c.acyclic()) {
      hold(m);
      return true;
    }
    refute(m);
    if (!result_.cycles.empty() && (failing_with(m) & bit(result_.cycles.back().model)) != 0)
      result_.cycles.pop_back();                                      // the weaker model's says more
    if (m != read_committed && m != strong_session_read_committed) {  // those are G1c
      WeakCycle cycle{m, {}};
      for (const auto& [v, label] : short_cycle(g, c))
        cycle.steps.push_back({v == events_.initial() ? kNone : v, label, kNone, kNone, kNone, {}});
      for (size_t i = 0; i < cycle.steps.size(); ++i)
        if (cycle.steps[i].label == kWwForced)
          find_reader(m, cycle.steps[(i + 1) % cycle.steps.size()].txn, cycle.steps[i]);
      result_.cycles.push_back(std::move(cycle));
    }
    if (m == strong_session_causal) find_causal_suspects(g, c);
    return false;
  }

  // Who may stand in a contradiction to causality with or without sessions: the members of cyclic parts, and
  // where somebody comes before the initial state, all that do. Only the last writers of a session have that
  // edge, those before them imply it.
  void find_causal_suspects(const Graph& g, const Components& c) {
    std::vector<uint32_t> sizes(c.count, 0);
    for (const uint32_t component : c.of) ++sizes[component];
    const uint32_t initial = c.of[events_.initial()];
    std::vector<bool> suspect(c.count, false);
    for (uint32_t i = 0; i < c.count; ++i) suspect[i] = sizes[i] > 1;
    if (suspect[initial]) {
      std::vector<std::pair<uint32_t, uint32_t>> sinks_first;  // component, event
      for (uint32_t v = 0; v < g.size(); ++v) sinks_first.emplace_back(c.of[v], v);
      std::sort(sinks_first.begin(), sinks_first.end());
      std::vector<bool> before(c.count, false);
      before[initial] = true;
      for (const auto& [component, v] : sinks_first)
        for (uint32_t e = g.begin[v]; e < g.begin[v + 1] && !before[component]; ++e)
          before[component] = before[c.of[g.targets[e]]];
      for (uint32_t i = 0; i < c.count; ++i) suspect[i] = suspect[i] || before[i];
    }
    causal_suspects_.emplace();
    for (uint32_t v = 0; v < events_.size(); ++v)
      if (events_.counts(v) && suspect[c.of[v]]) causal_suspects_->push_back(v);
  }

  // Who saw the step's transaction and yet read from `target` what that had written, too.
  void find_reader(Model m, uint32_t target, WeakStep& step) const {
    const bool causality = m == strong_session_causal || m == causal_cerone;
    const bool sessions = m == strong_session_causal || m == strong_session_read_atomic;
    std::vector<Edge> edges;
    add_seen_edges(events_, sessions, edges);
    const Graph g = make_graph(events_.size(), edges);
    std::vector<uint32_t> parent(events_.size(), kNone);
    std::vector<uint32_t> queue{step.txn};
    for (size_t i = 0; i < queue.size() && (causality || i == 0); ++i)
      for (uint32_t e = g.begin[queue[i]]; e < g.begin[queue[i] + 1]; ++e)
        if (const uint32_t w = g.targets[e]; w != step.txn && parent[w] == kNone) {
          parent[w] = queue[i];
          queue.push_back(w);
        }
    if (sessions && !causality)
      for (uint32_t v = 0; v < events_.size(); ++v)
        if (events_.counts(v) && events_.chain[v] == events_.chain[step.txn] &&
            events_.place[v] > events_.place[step.txn] && parent[v] == kNone) {
          parent[v] = step.txn;
          queue.push_back(v);
        }
    const uint32_t wanted = target == kNone ? events_.initial() : target;
    for (size_t i = 1; i < queue.size(); ++i) {
      const uint32_t v = queue[i];
      for (uint32_t r = events_.read_begin[v]; r < events_.read_begin[v + 1]; ++r) {
        const Events::Read& read = events_.reads[r];
        if (read.writer != wanted || !events_.wrote(step.txn, read.key)) continue;
        if (m == monotonic_atomic_view && !read_before(v, step.txn, read.mop)) continue;
        step.key = read.key;
        step.reader = v;
        step.read_mop = read.mop;
        for (uint32_t at = v; at != kNone; at = at == step.txn ? kNone : parent[at]) step.path.push_back(at);
        std::reverse(step.path.begin(), step.path.end());
        return;
      }
    }
  }
  bool read_before(uint32_t event, uint32_t writer, uint32_t mop) const {
    for (uint32_t r = events_.read_begin[event]; r < events_.read_begin[event + 1]; ++r)
      if (events_.reads[r].writer == writer && events_.reads[r].mop < mop) return true;
    return false;
  }

  /// The events, sources first; empty where reads and sessions are cyclic.
  std::vector<uint32_t> sources_first(const Events& e) const {
    std::vector<Edge> edges;
    add_seen_edges(e, true, edges);
    const Components c = components(make_graph(e.size(), edges), 0xff);
    std::vector<uint32_t> order;
    if (!c.acyclic()) return order;
    order.resize(e.size());
    for (uint32_t v = 0; v < e.size(); ++v) order[e.size() - 1 - c.of[v]] = v;
    return order;
  }

  void with_sessions() {
    const bool any = pending(strong_session_causal) || pending(strong_session_read_atomic) ||
                     pending(strong_session_read_committed);
    if (!any) return;
    const std::vector<uint32_t> order = sources_first(events_);
    if (order.empty()) {
      refute(strong_session_read_committed);
      return;
    }
    if (pending(strong_session_causal)) {
      std::vector<Edge> forced;
      if (!forced_by_causality(events_, writers_, order, work_, threads_, forced))
        result_.open |= bit(strong_session_causal);
      else if (decide(strong_session_causal, true, forced))
        return;
    }
    if (pending(strong_session_read_atomic) &&
        decide(strong_session_read_atomic, true, forced_by_atomicity(events_, writers_, true)))
      return;
    if (pending(strong_session_read_committed)) decide(strong_session_read_committed, true, {});
  }

  void without_sessions() {
    if (pending(read_atomic)) decide(read_atomic, false, forced_by_atomicity(events_, writers_, false));
    if (pending(causal_cerone)) causal_without_sessions();
    if (pending(monotonic_atomic_view)) decide(monotonic_atomic_view, false, forced_by_views(events_));
    if (pending(read_committed)) decide(read_committed, false, {});
  }

  void causal_without_sessions() {
    // A contradiction is one with sessions, too: its members are suspects of what was found there.
    std::vector<uint32_t> from;
    if (causal_suspects_)
      from = *causal_suspects_;
    else
      for (uint32_t v = 0; v < events_.size(); ++v)
        if (events_.counts(v)) from.push_back(v);
    std::vector<Edge> seen;
    add_seen_edges(events_, false, seen);
    std::vector<Edge> forced;
    if (forced_by_reads(events_, make_graph(events_.size(), seen), from, work_, forced))
      decide(causal_cerone, false, forced);
    else
      result_.open |= bit(causal_cerone);
  }

  // The same axiom for micro-operations. Orders of versions need agree with it key by key only: where the
  // whole is cyclic, a write that comes between another and its reader still refutes.
  void single_operations() {
    const Events e = list_events(t_, orders_, true);
    const std::vector<uint32_t> order = sources_first(e);
    std::vector<Edge> forced;
    if (order.empty() && e.size() > 0) return refute(causal);
    if (!forced_by_causality(e, writers_by_key(e, t_.keys.size()), order, work_, threads_, forced)) {
      result_.open |= bit(causal);
      return;
    }
    std::vector<Edge> edges;
    add_seen_edges(e, true, edges);
    const Graph seen = make_graph(e.size(), edges);
    edges.insert(edges.end(), forced.begin(), forced.end());
    if (beyond_causality_) add_certain_writes(edges);
    const Components c = components(make_graph(e.size() + 1, edges), 0xff);
    if (c.acyclic()) return hold(causal);
    result_.open |= bit(causal);
    uint64_t spent = 0;
    std::vector<uint32_t> reached_in(e.size() + 1, 0);
    uint32_t search = 0;
    for (const Edge& edge : forced) {
      if (edge.label != kWwForced || c.of[edge.from] != c.of[edge.to]) continue;
      if (edge.to == e.initial() || reaches(seen, c, edge, ++search, reached_in, spent)) {
        result_.open &= ~bit(causal);
        return refute(causal);
      }
      if (spent > work_) return;
    }
  }
  // Version numbers and real time, unlike what else makes an order certain, may go against sessions and
  // reads. Of two transactions that write several keys in common all are taken, although perhaps only one is
  // ordered: at worst something stays open.
  void add_certain_writes(std::vector<Edge>& edges) const {
    for (const Edge& certain : versions_)
      for (uint32_t a = t_.begin_of(certain.from); a < t_.end_of(certain.from); ++a)
        for (uint32_t b = t_.begin_of(certain.to); b < t_.end_of(certain.to); ++b)
          if (t_.mops[a].is_write() && t_.mops[b].is_write() && t_.mops[a].key == t_.mops[b].key)
            edges.push_back({a, b, kWw});
  }
  // Whether the edge's source is reached from its target, inside their component. `search`: a new number.
  static bool reaches(const Graph& g, const Components& c, const Edge& edge, uint32_t search,
                      std::vector<uint32_t>& reached_in, uint64_t& spent) {
    std::vector<uint32_t> queue{edge.to};
    reached_in[edge.to] = search;
    for (size_t i = 0; i < queue.size(); ++i) {
      const uint32_t v = queue[i];
      if (v == edge.from) return true;
      for (uint32_t next = g.begin[v]; next < g.begin[v + 1]; ++next) {
        ++spent;
        const uint32_t w = g.targets[next];
        if (c.of[w] != c.of[edge.to] || reached_in[w] == search) continue;
        reached_in[w] = search;
        queue.push_back(w);
      }
    }
    return false;
  }

  const Transactions& t_;
  const VersionOrders& orders_;
  bool beyond_causality_;
  ModelSet known_;
  uint64_t work_;
  unsigned threads_;
  Events events_;
  KeyWriters writers_;
  std::vector<Edge> versions_;  // the certain orders
  WeakLevels result_;
  std::optional<std::vector<uint32_t>> causal_suspects_;  // ascending; where strong-session-causal is refuted
};

}  // namespace

std::string name_of(const WeakCycle& cycle) {
  const bool causality = cycle.model == strong_session_causal || cycle.model == causal_cerone;
  return causality ? "causality-violation" : "fractured-read";
}

WeakLevels judge_weak_levels(const Transactions& t, const VersionOrders& orders,
                             const std::vector<Edge>& certain, bool beyond_causality, ModelSet known,
                             uint64_t work, unsigned threads) {
  return WeakJudge(t, orders, certain, beyond_causality, known, work, threads).run();
}

}  // namespace riven::checkers::isolation
