// Accesses that come too late, or too early, for a shared memory.
#include <algorithm>
#include <unordered_map>

#include "checkers/isolation/proof/prove.h"

namespace riven::checkers::isolation {

namespace {

using enum Model;
using Steps = std::vector<Cycle::Step>;

class MemoryProver {
 public:
  explicit MemoryProver(const Judged& judged) : j_(judged), t_(judged.t) { list_events(); }

  Steps run(Model model) {
    if (model == sequential || model == linearizable) return in_order(model);
    if (model == per_key_linearizable) return one_key();
    for (const Offence& offence : j_.offences) {
      if (offence.model != model) continue;
      if (offence.mop == kNone) return model == causal ? causal_circle() : Steps{};
      const auto at = event_of_.find(offence.mop);
      return at == event_of_.end() ? Steps{} : against(model, at->second);
    }
    return {};
  }

 private:
  struct Event {
    uint32_t txn, mop, key, version;
    bool write;
    uint32_t previous;        // in its session
    uint32_t source = kNone;  // of a read: who wrote what it saw, of a list last; of an append the one below
  };

  void list_events() {
    std::unordered_map<uint32_t, uint32_t> last;  // session -> event
    for (const uint32_t txn : j_.suspect.txns) {
      if (!committed(t_.state[txn])) continue;
      const auto before = last.find(t_.session[txn]);
      uint32_t previous = before == last.end() ? kNone : before->second;
      for (uint32_t m = t_.begin_of(txn); m < t_.end_of(txn); ++m) {
        const Mop mop = t_.mops[m];
        if (!mop.is_write() && (t_.state[txn] != TxnState::ok || !mop.is_known_read())) continue;
        event_of_[m] = static_cast<uint32_t>(events_.size());
        events_.push_back({txn, m, mop.key, mop.version(), mop.is_write(), previous});
        previous = event_of_[m];
      }
      if (t_.state[txn] == TxnState::ok && previous != kNone) last[t_.session[txn]] = previous;
    }
    uint32_t writer = kNone;
    for (const uint32_t e : by_rank()) {
      if (writer != kNone && events_[writer].key != events_[e].key) writer = kNone;
      const bool shown = writer != kNone && (lists() || events_[writer].version == events_[e].version);
      if (shown && (lists() || !events_[e].write)) events_[e].source = writer;
      if (events_[e].write) writer = e;
    }
  }
  bool lists() const { return t_.workload == Workload::list_append; }
  // Calls fn(write) for each write that a read shows, the last of a list first, until it returns true.
  template <typename Fn>
  bool each_source(uint32_t e, Fn&& fn) const {
    if (events_[e].write) return false;
    for (uint32_t w = events_[e].source; w != kNone; w = lists() ? events_[w].source : kNone)
      if (fn(w)) return true;
    return false;
  }

  // From x to a later access of its session; within a transaction that needs no step.
  void then(Steps& out, uint32_t x, uint32_t later) const {
    if (events_[x].txn != events_[later].txn) out.push_back({events_[x].txn, kProcess});
  }
  Cycle::Step order(uint32_t from, uint32_t to) const {
    return {events_[from].txn, kOrder, events_[from].mop, events_[to].mop};
  }
  template <typename Fn>
  uint32_t before(uint32_t e, Fn&& fits) const {
    for (uint32_t x = events_[e].previous; x != kNone; x = events_[x].previous)
      if (fits(events_[x])) return x;
    return kNone;
  }

  // e, which saw or made too early a version.
  Steps against(Model model, uint32_t e) const {
    const Event& event = events_[e];
    const auto newer = [&](bool writes, bool reads) {
      return [&event, writes, reads](const Event& x) {
        return x.key == event.key && x.version > event.version && (x.write ? writes : reads);
      };
    };
    switch (model) {
      case monotonic_reads:
        return of_session(e, before(e, newer(false, true)));
      case read_your_writes:
        return of_session(e, before(e, newer(true, false)));
      case monotonic_writes:
        return event.write ? of_session(e, before(e, newer(true, false)))
                           : through_source(e, newer(true, false), true);
      case writes_follow_reads:
        if (!event.write) return through_source(e, newer(false, true), true);
        return of_session(e, before(e, [&](const Event& x) {
                            return x.key == event.key && !x.write && x.version >= event.version;
                          }));
      case pram:
        return against_pram(e);
      case causal:
        return through_past(e);
      default:
        return {};
    }
  }
  Steps of_session(uint32_t e, uint32_t x) const {
    if (x == kNone) return {};
    Steps out{order(e, x)};
    then(out, x, e);
    return out;
  }
  // A read before e, of its transaction or session, saw a write whose session had done x before.
  template <typename Fn>
  Steps through_source(uint32_t e, Fn&& fits, bool same_txn) const {
    Steps out;
    for (uint32_t r = events_[e].previous; r != kNone && out.empty(); r = events_[r].previous) {
      if (same_txn && events_[r].txn != events_[e].txn) break;
      each_source(r, [&](uint32_t w) {
        const uint32_t x = !same_txn && fits(events_[w]) ? w : before(w, fits);
        if (x == kNone) return false;
        out.push_back(order(e, x));
        if (x != w) then(out, x, w);
        out.push_back(order(w, r));
        then(out, r, e);
        return true;
      });
    }
    return out;
  }
  Steps against_pram(uint32_t e) const {
    const Event& event = events_[e];
    const auto newer = [&](const Event& x) { return x.key == event.key && x.version > event.version; };
    if (event.write)
      return of_session(e, before(e, [&](const Event& x) {
                          return x.key == event.key && (x.write ? newer(x) : x.version >= event.version);
                        }));
    if (const uint32_t x = before(e, newer); x != kNone) return of_session(e, x);
    Steps out = through_source(
        e, [&](const Event& x) { return x.write && newer(x); }, false);
    if (!out.empty() || event.source == kNone) return out;
    out.push_back(order(event.source, e));
    then(out, e, event.source);
    return out;
  }

  // x is in the causal past of e, and newer.
  Steps through_past(uint32_t e) const {
    const Event& event = events_[e];
    std::vector<uint32_t> next(events_.size(), kNone);
    std::vector<char> listed(events_.size(), 0);  // appends that some list looked at shows
    std::vector<uint32_t> queue{e};
    next[e] = e;
    for (size_t i = 0; i < queue.size(); ++i) {
      const uint32_t v = queue[i];
      const Event& x = events_[v];
      const bool newer = x.version > event.version || (event.write && !x.write && x.version == event.version);
      if (v != e && x.key == event.key && newer) {
        Steps out{order(e, v)};
        for (uint32_t at = v; at != e; at = next[at]) step(out, at, next[at]);
        return out;
      }
      const auto go_on = [&](uint32_t w) {
        if (w == kNone || next[w] != kNone) return;
        next[w] = v;
        queue.push_back(w);
      };
      go_on(x.previous);
      each_source(v, [&](uint32_t w) {
        if (listed[w] != 0) return true;
        listed[w] = 1;
        go_on(w);
        return false;
      });
    }
    return {};
  }
  // From an event to one that follows it in its session or read it.
  void step(Steps& out, uint32_t from, uint32_t to) const {
    const bool read = each_source(to, [&](uint32_t w) { return w == from; });
    if (read)
      out.push_back(order(from, to));
    else
      then(out, from, to);
  }
  // Sessions and reads are cyclic. Vertex n + w stands for a list up to the append w.
  Steps causal_circle() const {
    std::vector<Edge> edges;
    const auto n = static_cast<uint32_t>(events_.size());
    std::vector<uint32_t> events(2 * n, kNone);
    for (uint32_t e = 0; e < n; ++e) {
      events[e] = e;
      if (events_[e].previous != kNone) edges.push_back({events_[e].previous, e, kProcess});
      if (events_[e].write) edges.push_back({e, n + e, kWr});
      if (events_[e].source != kNone)
        edges.push_back({n + events_[e].source, events_[e].write ? n + e : e, kWr});
    }
    const Graph g = make_graph(2 * n, edges);
    std::vector<uint32_t> walk;
    for (const auto& [v, label] : short_cycle(g, components(g, 0xff), 0xff)) walk.push_back(v);
    return steps_of(walk, events, true);
  }

  // The place of an event in its key's history: version p is written at 2p and read at 2p + 1.
  uint64_t rank(uint32_t e) const { return uint64_t{2} * events_[e].version + (events_[e].write ? 0 : 1); }
  std::vector<uint32_t> by_rank() const {
    std::vector<uint32_t> out(events_.size());
    for (uint32_t e = 0; e < out.size(); ++e) out[e] = e;
    std::stable_sort(out.begin(), out.end(), [&](uint32_t a, uint32_t b) {
      return std::pair(events_[a].key, rank(a)) < std::pair(events_[b].key, rank(b));
    });
    return out;
  }

  // Each key's events in the order of their ranks, a vertex between each two groups of equal ones.
  Graph orders(bool sessions, std::vector<uint32_t>& events) const {
    std::vector<Edge> edges;
    auto vertices = static_cast<uint32_t>(events_.size());
    const std::vector<uint32_t> ranked = by_rank();
    const auto same_group = [&](size_t a, size_t b) {
      return events_[ranked[a]].key == events_[ranked[b]].key && rank(ranked[a]) == rank(ranked[b]);
    };
    uint32_t between = kNone;  // into the current group
    for (size_t i = 0; i < ranked.size();) {
      size_t end = i;
      while (end < ranked.size() && same_group(i, end)) ++end;
      const bool more = end < ranked.size() && events_[ranked[end]].key == events_[ranked[i]].key;
      for (size_t a = i; a < end; ++a) {
        if (between != kNone) edges.push_back({between, ranked[a], kOrder});
        if (more) edges.push_back({ranked[a], vertices, kOrder});
      }
      between = more ? vertices++ : kNone;
      i = end;
    }
    for (uint32_t e = 0; e < events_.size(); ++e) {
      const uint32_t x = events_[e].previous;
      if (x != kNone && (sessions || events_[x].txn == events_[e].txn)) edges.push_back({x, e, kProcess});
    }
    events.resize(vertices, kNone);
    for (uint32_t e = 0; e < events_.size(); ++e) events[e] = e;
    return make_graph(vertices, edges);
  }
  // Vertices to steps: what lies between two events is their order.
  Steps steps_of(const std::vector<uint32_t>& walk, const std::vector<uint32_t>& events, bool closed) const {
    std::vector<uint32_t> path;
    std::vector<char> ordered;  // whether the vertex is reached over one that lies between
    bool over = false;
    for (const uint32_t v : walk) {
      if (events[v] == kNone) {
        over = true;
        continue;
      }
      path.push_back(v);
      ordered.push_back(over);
      over = false;
    }
    if (closed && !ordered.empty()) ordered[0] = ordered[0] || over;
    Steps out;
    for (size_t i = 0; i + (closed ? 0 : 1) < path.size(); ++i) {
      const size_t to = (i + 1) % path.size();
      if (ordered[to])
        out.push_back(order(path[i], path[to]));
      else
        then(out, path[i], path[to]);
    }
    return out;
  }
  Steps in_order(Model model) const {
    std::vector<uint32_t> events;
    const Graph g = orders(model == sequential, events);
    const Components c = components(g, 0xff);
    if (!c.acyclic()) {
      std::vector<uint32_t> walk;
      for (const auto& [v, label] : short_cycle(g, c, 0xff)) walk.push_back(v);
      return steps_of(walk, events, true);
    }
    return model == linearizable ? against_time(g, c, events) : Steps{};
  }
  Steps against_time(const Graph& g, const Components& c, const std::vector<uint32_t>& events) const {
    std::vector<uint32_t> order_of(g.size());  // successors first
    for (uint32_t v = 0; v < g.size(); ++v) order_of[c.of[v]] = v;
    std::vector<uint32_t> first_return(g.size(), kNone);
    std::vector<uint32_t> next(g.size(), kNone);  // towards whoever returns first
    for (const uint32_t v : order_of) {
      if (events[v] != kNone) first_return[v] = t_.returned(events_[v].txn);
      for (uint32_t e = g.begin[v]; e < g.begin[v + 1]; ++e)
        if (first_return[g.targets[e]] < first_return[v]) {
          first_return[v] = first_return[g.targets[e]];
          next[v] = g.targets[e];
        }
      if (events[v] == kNone || first_return[v] >= t_.invoke[events_[v].txn]) continue;
      std::vector<uint32_t> walk{v};
      while (next[walk.back()] != kNone) walk.push_back(next[walk.back()]);
      Steps out = steps_of(walk, events, false);
      out.push_back({events_[walk.back()].txn, kRealtime});
      return out;
    }
    return {};
  }

  // A later version of a key was accessed before: by a transaction that had returned, or by the same one.
  Steps one_key() const {
    const std::vector<uint32_t> ranked = by_rank();
    for (size_t i = 0; i < ranked.size();) {
      size_t end = i;
      while (end < ranked.size() && events_[ranked[end]].key == events_[ranked[i]].key) ++end;
      uint32_t first = kNone;                           // of the events of higher ranks, who returned first
      std::unordered_map<uint32_t, uint32_t> earliest;  // transaction -> its first event of higher rank
      for (size_t high = end; high > i;) {
        size_t low = high;
        while (low > i && rank(ranked[low - 1]) == rank(ranked[high - 1])) {
          const uint32_t b = ranked[--low];
          if (first != kNone && t_.returned(events_[first].txn) < t_.invoke[events_[b].txn])
            return {order(b, first), {events_[first].txn, kRealtime}};
          const auto x = earliest.find(events_[b].txn);
          if (x != earliest.end() && x->second < b) return {order(b, x->second)};
        }
        for (size_t n = low; n < high; ++n) {
          const uint32_t e = ranked[n];
          const uint32_t end_of = t_.returned(events_[e].txn);
          if (end_of != kNone && (first == kNone || end_of < t_.returned(events_[first].txn))) first = e;
          const auto [at, fresh] = earliest.try_emplace(events_[e].txn, e);
          if (!fresh) at->second = std::min(at->second, e);
        }
        high = low;
      }
      i = end;
    }
    return {};
  }

  const Judged& j_;
  const Transactions& t_;
  std::vector<Event> events_;                        // in the order of transactions and micro-operations
  std::unordered_map<uint32_t, uint32_t> event_of_;  // micro-operation -> event
};

}  // namespace

Steps prove_by_memory(const Judged& judged, Model model) {
  switch (model) {
    case monotonic_reads:
    case monotonic_writes:
    case read_your_writes:
    case writes_follow_reads:
    case pram:
    case causal:
    case sequential:
    case linearizable:
    case per_key_linearizable:
      return MemoryProver(judged).run(model);
    default:
      return {};
  }
}

}  // namespace riven::checkers::isolation
