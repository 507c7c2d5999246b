#include "checkers/isolation/weak_levels.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <unordered_map>

#include "checkers/isolation/forced.h"
#include "checkers/isolation/graph.h"

namespace riven::checkers::isolation {

namespace {

using enum Model;

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
      for (const auto& [v, label] : past_initial(short_cycle(g, c, 0xff)))
        cycle.steps.push_back({v == events_.initial() ? kNone : v, label, kNone, kNone, kNone, {}});
      for (size_t i = 0; i < cycle.steps.size(); ++i)
        if (cycle.steps[i].label == kWwForced)
          find_reader(m, cycle.steps[(i + 1) % cycle.steps.size()].txn, cycle.steps[i]);
      result_.cycles.push_back(std::move(cycle));
    }
    if (m == strong_session_causal) find_causal_suspects(g, c);
    return false;
  }

  // What comes after the initial state in a cycle was itself said to come before it.
  Walk past_initial(Walk walk) const {
    for (size_t i = 0; i < walk.size(); ++i) {
      if (walk[i].first != events_.initial()) continue;
      const uint32_t next = walk[(i + 1) % walk.size()].first;
      return {{next, kWwForced}, {events_.initial(), kWw}};
    }
    return walk;
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
    if (order.empty() && e.size() > 0) return refute_by_circle(e);
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
        return refute_overtaken(e, seen, edge);
      }
      if (spent > work_) return;
    }
  }
  // Sessions and reads alone are cyclic. Events are micro-operations here.
  void refute_by_circle(const Events& e) {
    std::vector<Edge> edges;
    add_seen_edges(e, true, edges);
    const Graph g = make_graph(e.size(), edges);
    result_.causal =
        Proof{causal, steps_of(short_cycle(g, components(g, 0xff), 0xff), true), {}, kNone, kNone, {}, {}};
    refute(causal);
  }
  // Somebody whose past has the edge's source read its key from the edge's target, which comes before the
  // source (or is the initial state).
  void refute_overtaken(const Events& e, const Graph& seen, const Edge& edge) {
    refute(causal);
    const Walk to_reader = walk_to(seen, edge.from, [&](uint32_t v) { return read_of(e, v, edge) != kNone; });
    const Walk before =
        edge.to == e.initial() ? Walk() : walk_to(seen, edge.to, [&](uint32_t v) { return v == edge.from; });
    if (to_reader.empty()) return;
    Proof out{causal, {}, steps_of(before, false), kNone, kNone, {}, {}};
    const uint32_t reader = to_reader.back().first;
    out.steps.push_back({t_.txn_of(reader), kOrder, reader, edge.from});
    for (const auto& step : steps_of(to_reader, false)) out.steps.push_back(step);
    result_.causal = std::move(out);
  }
  // What `v` read from the edge's target of a key that its source wrote, or kNone.
  static uint32_t read_of(const Events& e, uint32_t v, const Edge& edge) {
    for (uint32_t r = e.read_begin[v]; r < e.read_begin[v + 1]; ++r)
      if (v != edge.from && e.reads[r].writer == edge.to && e.wrote(edge.from, e.reads[r].key))
        return e.reads[r].mop;
    return kNone;
  }
  /// The shortest walk to a vertex that is wanted, which is the last, its label without meaning.
  template <typename Fn>
  static Walk walk_to(const Graph& g, uint32_t from, Fn&& wanted) {
    std::unordered_map<uint32_t, std::pair<uint32_t, uint8_t>> parent{{from, {from, 0}}};
    std::vector<uint32_t> queue{from};
    for (size_t i = 0; i < queue.size(); ++i) {
      const uint32_t v = queue[i];
      if (wanted(v)) {
        Walk out{{v, 0}};
        for (uint32_t at = v; at != from; at = parent.at(at).first) out.push_back(parent.at(at));
        std::reverse(out.begin(), out.end());
        return out;
      }
      for (uint32_t e = g.begin[v]; e < g.begin[v + 1]; ++e)
        if (parent.try_emplace(g.targets[e], std::pair(v, g.labels[e])).second) queue.push_back(g.targets[e]);
    }
    return {};
  }
  /// Reads, and sessions from one transaction to another; what follows within a transaction needs no step.
  std::vector<Cycle::Step> steps_of(const Walk& walk, bool closed) const {
    std::vector<Cycle::Step> out;
    for (size_t i = 0; i + (closed ? 0 : 1) < walk.size(); ++i) {
      const uint32_t from = walk[i].first;
      const uint32_t to = walk[(i + 1) % walk.size()].first;
      if (walk[i].second == kWr)
        out.push_back({t_.txn_of(from), kOrder, from, to});
      else if (t_.txn_of(from) != t_.txn_of(to))
        out.push_back({t_.txn_of(from), kProcess});
    }
    return out;
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
