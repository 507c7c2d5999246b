#include "checkers/isolation/memory_models.h"

#include <algorithm>
#include <unordered_map>

#include "checkers/isolation/lanes.h"

namespace riven::checkers::isolation {

namespace {

class MemoryJudge {
 public:
  MemoryJudge(const Transactions& t, const std::vector<uint32_t>& txns, uint64_t work)
      : t_(t), txns_(txns), work_(work) {}

  Refutations run(ModelSet known) {
    using enum Model;
    const ModelSet sessional = bit(monotonic_reads) | bit(monotonic_writes) | bit(read_your_writes) |
                               bit(writes_follow_reads) | bit(pram) | bit(causal);
    const ModelSet ordered = bit(sequential) | bit(linearizable) | bit(per_key_linearizable);
    if (((sessional | ordered) & ~known) == 0) return result_;
    list_events();
    find_sources();
    if ((sessional & ~known) != 0) by_key();
    if ((ordered & ~known) != 0) orders();
    return result_;
  }

 private:
  struct Event {
    uint32_t txn, mop, key, version;
    bool write;
    uint32_t previous;        // event before it in its session, or kNone
    uint32_t source = kNone;  // of a read: the event that wrote what it saw; of a list the last such
    bool first_of_txn = false;
  };
  void refute(Model m, uint32_t e = kNone) {
    if ((result_.refuted & bit(m)) != 0) return;
    result_.refuted |= failing_with(m);
    result_.offences.push_back({m, e == kNone ? kNone : events_[e].txn, e == kNone ? kNone : events_[e].mop});
  }

  void list_events() {
    std::unordered_map<uint32_t, uint32_t> last;  // session -> event
    for (const uint32_t txn : txns_) {
      if (!committed(t_.state[txn])) continue;
      const auto before = last.find(t_.session[txn]);
      uint32_t previous = before == last.end() ? kNone : before->second;
      bool first = true;
      for (uint32_t m = t_.begin_of(txn); m < t_.end_of(txn); ++m) {
        const Mop mop = t_.mops[m];
        if (!mop.is_write() && (t_.state[txn] != TxnState::ok || !mop.is_known_read())) continue;
        events_.push_back({txn, m, mop.key, mop.version(), mop.is_write(), previous, kNone, first});
        previous = static_cast<uint32_t>(events_.size()) - 1;
        first = false;
      }
      if (t_.state[txn] == TxnState::ok && previous != kNone) last[t_.session[txn]] = previous;
    }
    std::vector<std::pair<uint64_t, uint64_t>> ranked;  // key and version, then read and number
    ranked.reserve(events_.size());
    for (uint32_t e = 0; e < events_.size(); ++e)
      ranked.emplace_back(uint64_t{events_[e].key} << 32 | events_[e].version,
                          uint64_t{events_[e].write ? 0U : 1U} << 32 | e);
    std::sort(ranked.begin(), ranked.end());
    by_rank_.reserve(events_.size());
    for (const auto& [version, number] : ranked) by_rank_.push_back(static_cast<uint32_t>(number));
  }
  // The place of an event in its key's history: version p is written at 2p and read at 2p + 1.
  uint64_t rank(uint32_t e) const { return uint64_t{2} * events_[e].version + (events_[e].write ? 0 : 1); }

  // A list shows every append in it: `below_` leads from each to the one before it.
  void find_sources() {
    const bool lists = t_.workload == Workload::list_append;
    if (lists) below_.assign(events_.size(), kNone);
    uint32_t writer = kNone;
    for (const uint32_t e : by_rank_) {
      if (writer != kNone && events_[writer].key != events_[e].key) writer = kNone;
      if (!events_[e].write) {
        if (writer != kNone && (lists || events_[writer].version == events_[e].version))
          events_[e].source = writer;
        continue;
      }
      if (lists) below_[e] = writer;
      writer = e;
    }
  }
  bool lists() const { return !below_.empty(); }

  // Sessions and reads-from, sources first; empty where they are cyclic. Vertex n + w stands for all that a
  // list shows which has the append w.
  std::vector<uint32_t> causal_order() const {
    std::vector<Edge> edges;
    const auto n = static_cast<uint32_t>(events_.size());
    for (uint32_t e = 0; e < n; ++e) {
      if (events_[e].previous != kNone) edges.push_back({events_[e].previous, e, 1});
      if (events_[e].source != kNone) edges.push_back({events_[e].source + (lists() ? n : 0), e, 1});
      if (!lists() || !events_[e].write) continue;
      edges.push_back({e, n + e, 1});
      if (below_[e] != kNone) edges.push_back({n + below_[e], n + e, 1});
    }
    const uint32_t vertices = lists() ? 2 * n : n;
    const Components c = components(make_graph(vertices, edges), 1);
    if (!c.acyclic()) return {};
    std::vector<uint32_t> order(vertices);
    for (uint32_t v = 0; v < vertices; ++v) order[vertices - 1 - c.of[v]] = v;
    return order;
  }

  void by_key() {
    const std::vector<uint32_t> order = causal_order();
    if (order.empty() && !events_.empty()) refute(Model::causal);
    std::vector<uint32_t> keys;
    for (size_t i = 0; i < by_rank_.size(); ++i)
      if (keys.empty() || keys.back() != events_[by_rank_[i]].key) keys.push_back(events_[by_rank_[i]].key);
    const uint64_t cost = (keys.size() + kLanes - 1) / kLanes * events_.size();
    if (cost > work_) {
      for (const Model m : {Model::monotonic_reads, Model::monotonic_writes, Model::read_your_writes,
                            Model::writes_follow_reads, Model::pram, Model::causal})
        result_.open |= bit(m);
      return;
    }
    wrote_.resize(events_.size());
    read_.resize(events_.size());
    seen_.resize(events_.size());
    past_.resize(events_.size() * (lists() ? 2 : 1));
    if (lists()) {
      shown_wrote_.resize(events_.size());
      shown_before_.resize(events_.size());
      shown_read_.resize(events_.size());
    }
    for (size_t first = 0; first < keys.size(); first += kLanes) {
      lanes_.fill(kNone);
      for (size_t k = 0; k < std::min(kLanes, keys.size() - first); ++k) lanes_[k] = keys[first + k];
      sessions();
      for (const uint32_t v : order) v < events_.size() ? causal_step(v) : causal_list(v);
    }
  }

  size_t lane_of(uint32_t key) const {
    return static_cast<size_t>(std::find(lanes_.begin(), lanes_.end(), key) - lanes_.begin());
  }

  // What each session wrote and read up to each event. First of all: a source may stand later in the table.
  void accumulate() {
    for (uint32_t e = 0; e < events_.size(); ++e) {
      const Event& event = events_[e];
      wrote_[e] = event.previous == kNone ? Lanes{} : wrote_[event.previous];
      read_[e] = event.previous == kNone ? Lanes{} : read_[event.previous];
      const size_t lane = lane_of(event.key);
      if (lane == kLanes) continue;
      uint32_t& last = (event.write ? wrote_ : read_)[e][lane];
      last = std::max(last, event.version);
    }
  }

  // For each append, of it and all below it: what their sessions wrote up to them, and wrote and read before.
  void accumulate_lists() {
    for (const uint32_t e : by_rank_) {
      if (!events_[e].write) continue;
      const uint32_t before = events_[e].previous;
      shown_wrote_[e] = wrote_[e];
      shown_before_[e] = before == kNone ? Lanes{} : wrote_[before];
      shown_read_[e] = before == kNone ? Lanes{} : read_[before];
      if (below_[e] == kNone) continue;
      raise(shown_wrote_[e], shown_wrote_[below_[e]]);
      raise(shown_before_[e], shown_before_[below_[e]]);
      raise(shown_read_[e], shown_read_[below_[e]]);
    }
  }

  // The session guarantees and PRAM, in the order of sessions.
  void sessions() {
    accumulate();
    if (lists()) accumulate_lists();
    Lanes writes_seen{};  // earlier writes of the sessions whose writes this transaction has read
    Lanes reads_seen{};   // and their earlier reads
    for (uint32_t e = 0; e < events_.size(); ++e) {
      const Event& event = events_[e];
      const Lanes none{};
      const Lanes wrote = event.previous == kNone ? none : wrote_[event.previous];
      const Lanes read = event.previous == kNone ? none : read_[event.previous];
      const Lanes seen = event.previous == kNone ? none : seen_[event.previous];
      if (event.first_of_txn) writes_seen = reads_seen = none;
      const size_t lane = lane_of(event.key);
      seen_[e] = seen;
      if (lane < kLanes) {
        const uint32_t p = event.version;
        if (event.write) {
          if (p < wrote[lane]) refute(Model::monotonic_writes, e);
          const bool saw_itself = p == read[lane];
          if (p < read[lane] || saw_itself) refute(Model::writes_follow_reads, e);
          if (t_.workload == Workload::list_append && p <= read[lane]) refute(Model::pram, e);
        } else {
          if (p < read[lane]) refute(Model::monotonic_reads, e);
          if (p < wrote[lane]) refute(Model::read_your_writes, e);
          if (p < writes_seen[lane]) refute(Model::monotonic_writes, e);
          if (p < reads_seen[lane]) refute(Model::writes_follow_reads, e);
          if (p < seen[lane]) refute(Model::pram, e);
        }
        seen_[e][lane] = std::max(seen[lane], p);
      }
      if (event.source == kNone) continue;
      // A session that read its own later write.
      if (event.source > e && t_.session[events_[event.source].txn] == t_.session[event.txn])
        refute(Model::pram, e);
      if (lists()) {
        raise(seen_[e], shown_wrote_[event.source]);
        raise(writes_seen, shown_before_[event.source]);
        raise(reads_seen, shown_read_[event.source]);
        continue;
      }
      raise(seen_[e], wrote_[event.source]);
      const uint32_t before = events_[event.source].previous;
      if (before != kNone) {
        raise(writes_seen, wrote_[before]);
        raise(reads_seen, read_[before]);
      }
    }
  }
  void causal_step(uint32_t e) {
    const Event& event = events_[e];
    Lanes before{};
    if (event.previous != kNone) raise(before, past_[event.previous]);
    if (event.source != kNone) raise(before, past_[event.source + (lists() ? events_.size() : 0)]);
    const size_t lane = lane_of(event.key);
    past_[e] = before;
    if (lane == kLanes) return;
    const uint32_t p = event.version;
    if (p < before[lane] || (event.write && p == before[lane] && p != Mop::kUnobserved))
      refute(Model::causal, e);
    past_[e][lane] = std::max(before[lane], p);
  }

  void causal_list(uint32_t v) {
    const uint32_t append = v - static_cast<uint32_t>(events_.size());
    past_[v] = past_[append];
    if (below_[append] != kNone) raise(past_[v], past_[below_[append] + events_.size()]);
  }

  // sequential and the linearizable models: the version orders as edges.
  void orders() {
    std::vector<Edge> edges;
    auto vertices = static_cast<uint32_t>(events_.size());
    for (size_t i = 0; i < by_rank_.size();) {  // groups of equal rank, a vertex between each two
      size_t end = i;
      while (end < by_rank_.size() && events_[by_rank_[end]].key == events_[by_rank_[i]].key &&
             rank(by_rank_[end]) == rank(by_rank_[i]))
        ++end;
      const bool more = end < by_rank_.size() && events_[by_rank_[end]].key == events_[by_rank_[i]].key;
      if (more) {
        size_t next_end = end;
        while (next_end < by_rank_.size() && events_[by_rank_[next_end]].key == events_[by_rank_[i]].key &&
               rank(by_rank_[next_end]) == rank(by_rank_[end]))
          ++next_end;
        const uint32_t between = vertices++;
        for (size_t a = i; a < end; ++a) edges.push_back({by_rank_[a], between, 1});
        for (size_t b = end; b < next_end; ++b) edges.push_back({between, by_rank_[b], 1});
      }
      i = end;
    }
    for (uint32_t e = 0; e < events_.size(); ++e) {
      if (events_[e].previous == kNone) continue;
      const bool inside = events_[events_[e].previous].txn == events_[e].txn;
      edges.push_back({events_[e].previous, e, static_cast<uint8_t>(inside ? 2 : 4)});
    }
    const Graph g = make_graph(vertices, edges);
    if (!components(g, 7).acyclic()) refute(Model::sequential);
    const Components c = components(g, 3);
    if (!c.acyclic()) refute(Model::linearizable);
    if (c.acyclic() && against_time(g, c)) refute(Model::linearizable);
    if (keys_against_time()) refute(Model::per_key_linearizable);
  }

  bool against_time(const Graph& g, const Components& c) const {
    std::vector<uint32_t> order(g.size());  // successors first
    for (uint32_t v = 0; v < g.size(); ++v) order[c.of[v]] = v;
    std::vector<uint32_t> first_return(g.size(), kNone);
    for (const uint32_t v : order) {
      if (v < events_.size()) first_return[v] = t_.returned(events_[v].txn);
      for (uint32_t e = g.begin[v]; e < g.begin[v + 1]; ++e)
        if ((g.labels[e] & 3) != 0) first_return[v] = std::min(first_return[v], first_return[g.targets[e]]);
      if (v < events_.size() && first_return[v] < t_.invoke[events_[v].txn]) return true;
    }
    return false;
  }

  // Whether a key alone is not linearizable: some event returned before another was invoked that comes
  // earlier in the key's order.
  bool keys_against_time() const {
    for (size_t i = 0; i < by_rank_.size();) {
      const uint32_t key = events_[by_rank_[i]].key;
      size_t end = i;
      while (end < by_rank_.size() && events_[by_rank_[end]].key == key) ++end;
      uint32_t first_return = kNone;  // of the events of higher ranks than the current group's
      for (size_t high = end; high > i;) {
        size_t low = high;
        uint32_t group_return = kNone;
        while (low > i && rank(by_rank_[low - 1]) == rank(by_rank_[high - 1])) {
          --low;
          const Event& event = events_[by_rank_[low]];
          if (first_return < t_.invoke[event.txn]) return true;
          group_return = std::min(group_return, t_.returned(event.txn));
        }
        first_return = std::min(first_return, group_return);
        high = low;
      }
      std::unordered_map<uint32_t, std::pair<uint32_t, uint64_t>> last;  // txn -> event, rank
      std::vector<uint32_t> in_order(by_rank_.begin() + static_cast<ptrdiff_t>(i),
                                     by_rank_.begin() + static_cast<ptrdiff_t>(end));
      std::sort(in_order.begin(), in_order.end());
      for (const uint32_t e : in_order) {
        auto& [event, highest] = last.try_emplace(events_[e].txn, std::pair{e, uint64_t{0}}).first->second;
        if (rank(e) < highest) return true;
        highest = rank(e);
      }
      i = end;
    }
    return false;
  }

  const Transactions& t_;
  const std::vector<uint32_t>& txns_;
  uint64_t work_;
  Refutations result_;
  std::vector<Event> events_;      // in the order of transactions and micro-operations
  std::vector<uint32_t> by_rank_;  // events by key and place in its order
  std::array<uint32_t, kLanes> lanes_{};
  std::vector<uint32_t> below_;  // lists: of each append the one before it in the key's order
  std::vector<Lanes> wrote_, read_, seen_, past_;
  std::vector<Lanes> shown_wrote_, shown_before_, shown_read_;  // lists: by append
};

}  // namespace

Refutations judge_shared_memory(const Transactions& t, const std::vector<uint32_t>& txns, uint64_t work,
                                ModelSet known) {
  return MemoryJudge(t, txns, work).run(known);
}

}  // namespace riven::checkers::isolation
