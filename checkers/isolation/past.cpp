#include "checkers/isolation/past.h"

#include <algorithm>

#include "checkers/isolation/lanes.h"

namespace riven::checkers::isolation {

LocalVersions::LocalVersions(const Transactions& t, const VersionOrders& orders, const Suspect& suspect)
    : t_(t), orders_(orders), suspect_(suspect) {
  for (uint32_t v = 0; v < suspect.txns.size(); ++v) {
    const uint32_t txn = suspect.txns[v];
    for (uint32_t m = t.begin_of(txn); m < t.end_of(txn); ++m) {
      const Mop mop = t.mops[m];
      if (!mop.is_write() || mop.version() != Mop::kUnobserved) continue;
      auto& late = unobserved_[mop.key];
      if (late.empty() || late.back() != v) late.push_back(v);
    }
  }
}

uint32_t LocalVersions::vertex(uint32_t txn) const {
  const auto at = std::lower_bound(suspect_.txns.begin(), suspect_.txns.end(), txn);
  return at != suspect_.txns.end() && *at == txn ? static_cast<uint32_t>(at - suspect_.txns.begin()) : kNone;
}

uint32_t LocalVersions::writer(uint32_t key, uint32_t version) const {
  if (version == 0 || version > orders_.length(key)) return kNone;
  const uint32_t txn = orders_.writer_of(key, version);
  return txn == kNone || !committed(t_.state[txn]) ? kNone : vertex(txn);
}

const std::vector<uint32_t>& LocalVersions::unobserved(uint32_t key) const {
  static const std::vector<uint32_t> kNobody;
  const auto at = unobserved_.find(key);
  return at == unobserved_.end() ? kNobody : at->second;
}

namespace {

class PastJudge {
 public:
  PastJudge(const Transactions& t, const VersionOrders& orders, const Suspect& suspect, ModelSet known,
            const LateOrders* late, uint64_t work)
      : t_(t), orders_(orders), suspect_(suspect), local_(t, orders, suspect), late_(late), work_(work) {
    result_.refuted = known;
    collect_accesses();
  }

  Refutations run() {
    if (!refuted(Model::read_committed)) {
      one_step();
      cursors();
      by_past(kWw | kWr, {}, true);
      by_past(kWw | kWr | kWwForced,
              {Model::consistent_view, Model::forward_consistent_view, Model::parallel_snapshot_isolation},
              false);
      by_reads(kWr, Model::causal_cerone);
      if (!refuted(Model::update_serializable)) updates();
    }
    if (!refuted(Model::strong_session_read_committed)) {
      session_atomic();
      by_past(kWw | kWr | kWwForced | kProcess, {Model::strong_session_parallel_snapshot_isolation}, false);
      by_reads(kWr | kProcess, Model::strong_session_causal);
    }
    return result_;
  }

 private:
  struct Access {
    uint32_t key, vertex, version, mop;
  };
  bool refuted(Model m) const { return (result_.refuted & bit(m)) != 0; }
  void refute(Model m, uint32_t v, uint32_t mop) {
    if (refuted(m)) return;
    result_.refuted |= failing_with(m);
    result_.offences.push_back({m, v == kNone ? kNone : txn(v), mop});
  }
  uint32_t txn(uint32_t v) const { return suspect_.txns[v]; }

  void collect_accesses() {
    for (uint32_t v = 0; v < suspect_.txns.size(); ++v) {
      for (uint32_t m = t_.begin_of(txn(v)); m < t_.end_of(txn(v)); ++m) {
        const Mop mop = t_.mops[m];
        if (mop.is_write())
          writes_.push_back({mop.key, v, mop.version(), m});
        else if (mop.is_known_read() && t_.state[txn(v)] == TxnState::ok)
          reads_.push_back({mop.key, v, mop.version(), m});
      }
    }
    const auto by_key = [](const Access& a, const Access& b) {
      return std::pair(a.key, a.mop) < std::pair(b.key, b.mop);
    };
    std::sort(reads_.begin(), reads_.end(), by_key);
    std::sort(writes_.begin(), writes_.end(), by_key);
    size_t w = 0;
    for (size_t r = 0; r < reads_.size();) {
      const uint32_t key = reads_[r].key;
      size_t r_end = r;
      while (r_end < reads_.size() && reads_[r_end].key == key) ++r_end;
      while (w < writes_.size() && writes_[w].key < key) ++w;
      size_t w_end = w;
      while (w_end < writes_.size() && writes_[w_end].key == key) ++w_end;
      if (w_end > w) shared_.push_back({r, r_end, w, w_end});
      r = r_end;
      w = w_end;
    }
  }

  // The latest version of `key` that vertex `v` wrote, 0: none.
  uint32_t written(uint32_t v, uint32_t key) const {
    uint32_t last = 0;
    for (uint32_t m = t_.begin_of(txn(v)); m < t_.end_of(txn(v)); ++m)
      if (t_.mops[m].is_write() && t_.mops[m].key == key) last = std::max(last, t_.mops[m].version());
    return last;
  }
  bool overwritten_by(uint32_t v, uint32_t reader_mop) const {
    return written(v, t_.mops[reader_mop].key) > t_.mops[reader_mop].version();
  }

  // read-atomic, monotonic-atomic-view and update-atomic look one step back.
  void one_step() {
    std::vector<uint32_t> sources;
    for (uint32_t v = 0; v < suspect_.txns.size(); ++v) {
      if (t_.state[txn(v)] != TxnState::ok) continue;
      for (uint32_t m = t_.begin_of(txn(v)); m < t_.end_of(txn(v)); ++m) {
        const Mop mop = t_.mops[m];
        sources.clear();
        if (mop.is_known_read()) {
          const uint32_t seen = orders_.foreign(txn(v), mop.key, mop.version());
          if (const uint32_t w = local_.writer(mop.key, seen); w != kNone) sources.push_back(w);
        } else if (mop.is_write()) {
          earlier_writers(mop, v, sources);
        }
        for (const uint32_t source : sources) {
          if (source == v) continue;
          for (uint32_t other = t_.begin_of(txn(v)); other < t_.end_of(txn(v)); ++other) {
            if (!t_.mops[other].is_known_read() || !overwritten_by(source, other)) continue;
            refute(Model::update_atomic, v, other);
            if (mop.is_write()) continue;
            refute(Model::read_atomic, v, other);
            if (other > m) refute(Model::monotonic_atomic_view, v, other);
          }
        }
      }
    }
  }
  // Unseen versions of `key` whose writers come before vertex `v` in the supposed order.
  template <typename Fn>
  void for_each_late_before(uint32_t key, uint32_t v, Fn&& fn) const {
    if (late_ == nullptr) return;
    const auto at = late_->find(key);
    if (at == late_->end()) return;
    for (const uint32_t late : at->second) {
      if (late == v) return;
      fn(late);
    }
  }
  void earlier_writers(const Mop& write, uint32_t v, std::vector<uint32_t>& out) const {
    if (refuted(Model::update_atomic)) return;
    if (write.version() == Mop::kUnobserved)
      for_each_late_before(write.key, v, [&](uint32_t late) { out.push_back(late); });
    const uint32_t end = std::min(write.version(), orders_.length(write.key) + 1);
    for (uint32_t p = 1; p < end; ++p)
      if (const uint32_t w = local_.writer(write.key, p); w != kNone) out.push_back(w);
  }

  // G-cursor among versions that nobody saw, in the supposed order.
  void cursors() {
    if (late_ == nullptr) return;
    for (const auto& [key, order] : *late_)
      for (size_t i = 1; i < order.size(); ++i)
        for (const Access& read : reads_)
          if (read.key == key && read.vertex == order[i] && read.version == orders_.length(key))
            refute(Model::cursor_stability, read.vertex, read.mop);
  }

  // Read-atomic with session order: whoever went before in the session is seen, too.
  void session_atomic() {
    if (refuted(Model::strong_session_read_atomic)) return;
    if (refuted(Model::read_atomic)) return;
    std::unordered_map<uint64_t, uint32_t> latest;  // session, key -> version
    for (uint32_t v = 0; v < suspect_.txns.size(); ++v) {
      const uint64_t session = uint64_t{t_.session[txn(v)]} << 32;
      for (uint32_t m = t_.begin_of(txn(v)); m < t_.end_of(txn(v)); ++m) {
        const Mop mop = t_.mops[m];
        if (!mop.is_known_read() || t_.state[txn(v)] != TxnState::ok) continue;
        const auto at = latest.find(session | mop.key);
        if (at != latest.end() && at->second > mop.version()) refute(Model::strong_session_read_atomic, v, m);
      }
      if (t_.state[txn(v)] != TxnState::ok) continue;  // may take effect later than its successors
      for (uint32_t m = t_.begin_of(txn(v)); m < t_.end_of(txn(v)); ++m) {
        if (!t_.mops[m].is_write()) continue;
        uint32_t& last = latest[session | t_.mops[m].key];
        last = std::max(last, t_.mops[m].version());
      }
    }
  }

  // Calls fn(first shared key of the batch, keys in it, own, past) with the latest versions that each vertex
  // wrote and that are in its past under `mask`, which is acyclic. False: too much work.
  template <typename Fn>
  bool for_each_batch(const Graph& g, uint8_t mask, Fn&& fn) {
    const uint64_t batches = (shared_.size() + kLanes - 1) / kLanes;
    const uint64_t cost = batches * (g.edge_count() + g.size());
    if (cost > work_) return false;
    work_ -= cost;
    const Components c = components(g, mask);
    std::vector<uint32_t> order(g.size());  // sources first
    for (uint32_t v = 0; v < g.size(); ++v) order[g.size() - 1 - c.of[v]] = v;
    std::vector<Lanes> own(g.size());
    std::vector<Lanes> past(g.size());
    for (size_t first = 0; first < shared_.size(); first += kLanes) {
      const size_t keys = std::min(kLanes, shared_.size() - first);
      std::fill(own.begin(), own.end(), Lanes{});
      std::fill(past.begin(), past.end(), Lanes{});
      for (size_t k = 0; k < keys; ++k)
        for (size_t w = shared_[first + k].write_begin; w < shared_[first + k].write_end; ++w)
          own[writes_[w].vertex][k] = std::max(own[writes_[w].vertex][k], writes_[w].version);
      for (const uint32_t v : order) {
        Lanes here = past[v];
        raise(here, own[v]);
        for (uint32_t e = g.begin[v]; e < g.begin[v + 1]; ++e)
          if ((g.labels[e] & mask) != 0) raise(past[g.targets[e]], here);
      }
      fn(first, keys, own, past);
    }
    return true;
  }

  void by_past(uint8_t mask, std::initializer_list<Model> models, bool views) {
    const bool pending = std::any_of(models.begin(), models.end(), [&](Model m) { return !refuted(m); }) ||
                         (views && !refuted(Model::monotonic_view));
    if (!pending) return;
    if (!components(suspect_.graph, mask)
             .acyclic()) {  // with forced orders: refuted by edges; the views are not
      if (!views) return;
      mask = kWw | kWr;
    }
    const bool done = for_each_batch(
        suspect_.graph, mask, [&](size_t first, size_t keys, const auto& own, const auto& past) {
          for (size_t k = 0; k < keys; ++k) {
            for (size_t r = shared_[first + k].read_begin; r < shared_[first + k].read_end; ++r) {
              const Access& read = reads_[r];
              if (past[read.vertex][k] <= read.version) continue;
              for (const Model m : models) refute(m, read.vertex, read.mop);
              if (views && !refuted(Model::monotonic_view) && seen_before(read, k, own, past))
                refute(Model::monotonic_view, read.vertex, read.mop);
            }
          }
        });
    if (done) return;
    for (const Model m : models) result_.open |= bit(m);
    if (views) result_.open |= bit(Model::monotonic_view);
  }

  // The causal models: reads alone make the past. Who read a list read from every writer in it: vertices of
  // their own, behind the suspect's, stand for a list up to each of its appends.
  void by_reads(uint8_t mask, Model model) {
    if (!orders_.lists) return by_past(mask, {model}, false);
    if (refuted(model)) return;
    const Graph g = list_graph(mask);
    if (!components(g, 0xff).acyclic()) return;  // with what aborted in between: read-committed fails
    const bool done = for_each_batch(g, 0xff, [&](size_t first, size_t keys, const auto&, const auto& past) {
      for (size_t k = 0; k < keys; ++k)
        for (size_t r = shared_[first + k].read_begin; r < shared_[first + k].read_end; ++r)
          if (past[reads_[r].vertex][k] > reads_[r].version) refute(model, reads_[r].vertex, reads_[r].mop);
    });
    if (!done) result_.open |= bit(model);
  }
  Graph list_graph(uint8_t mask) const {
    std::vector<Edge> edges;
    const Graph& g = suspect_.graph;
    for (uint32_t v = 0; v < g.size() && (mask & kProcess) != 0; ++v)
      for (uint32_t e = g.begin[v]; e < g.begin[v + 1]; ++e)
        if (g.labels[e] == kProcess) edges.push_back({v, g.targets[e], kProcess});
    std::vector<std::pair<uint64_t, uint32_t>> appends;  // key and version, writer
    const auto place = [](uint32_t key, uint32_t version) { return uint64_t{key} << 32 | version; };
    for (const Access& w : writes_)
      if (w.version != Mop::kUnobserved) appends.emplace_back(place(w.key, w.version), w.vertex);
    std::sort(appends.begin(), appends.end());
    for (uint32_t i = 0; i < appends.size(); ++i) {
      edges.push_back({appends[i].second, g.size() + i, kWr});
      const bool follows = i > 0 && appends[i - 1].first >> 32 == appends[i].first >> 32;
      if (follows) edges.push_back({g.size() + i - 1, g.size() + i, kWr});
    }
    for (const Access& r : reads_) {
      const uint32_t seen = orders_.foreign(txn(r.vertex), r.key, r.version);
      const auto behind =
          std::upper_bound(appends.begin(), appends.end(), std::pair(place(r.key, seen), kNone));
      if (behind == appends.begin() || behind[-1].first >> 32 != r.key) continue;
      edges.push_back({g.size() + static_cast<uint32_t>(behind - appends.begin()) - 1, r.vertex, kWr});
    }
    return make_graph(g.size() + static_cast<uint32_t>(appends.size()), edges);
  }

  // Whether what the reader accessed before the read depends on the overwriting of it.
  bool seen_before(const Access& read, size_t lane, const std::vector<Lanes>& own,
                   const std::vector<Lanes>& past) const {
    for (uint32_t m = t_.begin_of(txn(read.vertex)); m < read.mop; ++m) {
      const Mop mop = t_.mops[m];
      uint32_t p = std::min(mop.version(), orders_.length(mop.key) + 1);
      if (mop.is_write())
        --p;
      else if (!mop.is_known_read())
        continue;
      if (mop.is_write()) {
        while (p > 0 && !counts(mop.key, p)) --p;
      }
      const auto overwrites = [&](uint32_t source) {
        return source != kNone && source != read.vertex &&
               std::max(own[source][lane], past[source][lane]) > read.version;
      };
      if (overwrites(local_.writer(mop.key, p))) return true;
      if (!mop.is_write() || mop.version() != Mop::kUnobserved) continue;
      // Among writes that nobody saw, those in the past of another come before it.
      for (const uint32_t late : local_.unobserved(mop.key))
        if (overwrites(late) && reaches(late, read.vertex)) return true;
    }
    return false;
  }
  bool reaches(uint32_t from, uint32_t to) const {
    const Graph& g = suspect_.graph;
    std::vector<char> seen(g.size(), 0);
    std::vector<uint32_t> open{from};
    seen[from] = 1;
    while (!open.empty()) {
      const uint32_t v = open.back();
      open.pop_back();
      if (v == to) return true;
      for (uint32_t e = g.begin[v]; e < g.begin[v + 1]; ++e) {
        const uint32_t w = g.targets[e];
        if ((g.labels[e] & (kWw | kWr)) == 0 || seen[w] != 0) continue;
        seen[w] = 1;
        open.push_back(w);
      }
    }
    return false;
  }
  bool counts(uint32_t key, uint32_t p) const {
    const uint32_t w = orders_.writer_of(key, p);
    return w != kNone && committed(t_.state[w]);
  }

  // PL-3U: a cycle among those that write, or through one that only reads.
  void updates() {
    std::vector<char> writes(suspect_.txns.size(), 0);
    for (const Access& w : writes_) writes[w.vertex] = 1;
    std::vector<Edge> edges;
    const Graph& g = suspect_.graph;
    for (uint32_t v = 0; v < g.size(); ++v)
      for (uint32_t e = g.begin[v]; e < g.begin[v + 1]; ++e)
        if (g.labels[e] != kProcess && writes[v] != 0 && writes[g.targets[e]] != 0)
          edges.push_back({v, g.targets[e], kWw});
    const Graph updating = make_graph(g.size(), edges);
    if (!components(updating, kWw).acyclic()) {
      refute(Model::update_serializable, kNone, kNone);
      return;
    }
    const bool done =
        for_each_batch(updating, kWw, [&](size_t first, size_t keys, const auto& own, const auto& past) {
          for (size_t k = 0; k < keys; ++k) {
            for (size_t r = shared_[first + k].read_begin; r < shared_[first + k].read_end; ++r) {
              const Access& read = reads_[r];
              if (writes[read.vertex] != 0) continue;
              for (uint32_t m = t_.begin_of(txn(read.vertex)); m < t_.end_of(txn(read.vertex)); ++m) {
                const Mop mop = t_.mops[m];
                const uint32_t w = mop.is_known_read() ? local_.writer(mop.key, mop.version()) : kNone;
                if (w != kNone && std::max(own[w][k], past[w][k]) > read.version)
                  refute(Model::update_serializable, read.vertex, read.mop);
              }
            }
          }
        });
    if (!done) result_.open |= bit(Model::update_serializable);
  }

  struct Shared {  // a key that the suspect both reads and writes: ranges of reads_ and writes_
    size_t read_begin, read_end, write_begin, write_end;
  };
  const Transactions& t_;
  const VersionOrders& orders_;
  const Suspect& suspect_;
  LocalVersions local_;
  const LateOrders* late_;
  uint64_t work_;
  Refutations result_;
  std::vector<Access> reads_, writes_;  // by key, then micro-operation
  std::vector<Shared> shared_;
};

}  // namespace

Refutations judge_by_past(const Transactions& t, const VersionOrders& orders, const Suspect& suspect,
                          ModelSet known, const LateOrders* late, uint64_t work) {
  return PastJudge(t, orders, suspect, known, late, work).run();
}

}  // namespace riven::checkers::isolation
