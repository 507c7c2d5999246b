// Reads that miss what the past of their transaction has written.
#include <algorithm>
#include <unordered_map>

#include "checkers/isolation/proof/prove.h"

namespace riven::checkers::isolation {

namespace {

using enum Model;

/// Into the reader: who came before it, by which edge.
struct Entry {
  uint32_t vertex;
  uint8_t label;
  uint32_t from_mop, to_mop;
};

class PastProver {
 public:
  PastProver(const Judged& judged, const LateOrders* late)
      : j_(judged), g_(judged.suspect.graph), local_(judged.t, judged.orders, judged.suspect), late_(late) {}

  std::vector<Cycle::Step> run(Model model, uint32_t reader, uint32_t read) {
    reader_ = reader;
    read_ = read;
    key_ = j_.t.mops[read].key;
    v_ = j_.vertex(reader);
    switch (model) {
      case read_atomic:
        return one_step(reads_from(begin(), end()));
      case monotonic_atomic_view:
        return one_step(reads_from(begin(), read));
      case update_atomic: {
        std::vector<Entry> entries = reads_from(begin(), end());
        for (const Entry& e : written_after()) entries.push_back(e);
        return one_step(entries);
      }
      case strong_session_read_atomic:
        return one_step(of_session());
      case cursor_stability:
        return one_step(before_in_late());
      case monotonic_view:
        return search(earlier_accesses(), kWw | kWr);
      case consistent_view:
      case forward_consistent_view:
      case parallel_snapshot_isolation:
        return search(into_reader(kWw | kWr | kWwForced), kWw | kWr | kWwForced);
      case strong_session_parallel_snapshot_isolation:
        return search(into_reader(kWw | kWr | kWwForced | kProcess), kWw | kWr | kWwForced | kProcess);
      case causal_cerone:
        return search_reads(kWr);
      case strong_session_causal:
        return search_reads(kWr | kProcess);
      case update_serializable:
        updating_ = true;
        return search(reads_from(begin(), end()), kWw | kWr | kRw | kWwForced);
      default:
        return {};
    }
  }

  // A cycle among those that write.
  std::vector<Cycle::Step> among_writers() const {
    std::vector<Edge> edges;
    for (uint32_t v = 0; v < g_.size(); ++v)
      for (uint32_t e = g_.begin[v]; e < g_.begin[v + 1]; ++e)
        if (g_.labels[e] != kProcess && writes(v) && writes(g_.targets[e]))
          edges.push_back({v, g_.targets[e], g_.labels[e]});
    const Graph updating = make_graph(g_.size(), edges);
    std::vector<Cycle::Step> out;
    for (const auto& [v, label] : short_cycle(updating, components(updating, 0xff), 0xff))
      out.push_back({txn(v), label});
    return out;
  }

 private:
  uint32_t txn(uint32_t v) const { return j_.suspect.txns[v]; }
  uint32_t begin() const { return j_.t.begin_of(reader_); }
  uint32_t end() const { return j_.t.end_of(reader_); }
  bool writes(uint32_t v) const {
    for (uint32_t m = j_.t.begin_of(txn(v)); m < j_.t.end_of(txn(v)); ++m)
      if (j_.t.mops[m].is_write()) return true;
    return false;
  }
  /// The write of the key by `v` that is the nearest above what was read, or kNone.
  uint32_t missed(uint32_t v) const {
    uint32_t best = kNone;
    for (uint32_t m = j_.t.begin_of(txn(v)); m < j_.t.end_of(txn(v)); ++m) {
      const Mop mop = j_.t.mops[m];
      if (!mop.is_write() || mop.key != key_ || mop.version() <= j_.t.mops[read_].version()) continue;
      if (best == kNone || mop.version() < j_.t.mops[best].version()) best = m;
    }
    return best;
  }

  // Whom the transaction read from by micro-operations in [from, to).
  std::vector<Entry> reads_from(uint32_t from, uint32_t to) const {
    std::vector<Entry> out;
    for (uint32_t m = from; m < to; ++m) {
      const Mop mop = j_.t.mops[m];
      if (!mop.is_known_read()) continue;
      const uint32_t w = local_.writer(mop.key, j_.orders.foreign(reader_, mop.key, mop.version()));
      if (w != kNone && w != v_) out.push_back({w, kWr, kNone, m});
    }
    return out;
  }
  // Who wrote an earlier version of a key that the transaction wrote.
  std::vector<Entry> written_after() const {
    std::vector<Entry> out;
    for (uint32_t m = begin(); m < end(); ++m) {
      const Mop mop = j_.t.mops[m];
      if (!mop.is_write()) continue;
      const uint32_t top = std::min(mop.version(), j_.orders.length(mop.key) + 1);
      for (uint32_t p = 1; p < top; ++p)
        if (const uint32_t w = local_.writer(mop.key, p); w != kNone && w != v_)
          out.push_back({w, kWw, kNone, m});
    }
    for (const Entry& e : before_in_late()) out.push_back(e);
    return out;
  }
  // Who wrote unseen versions that are supposed to be earlier than the transaction's.
  std::vector<Entry> before_in_late() const {
    std::vector<Entry> out;
    if (late_ == nullptr) return out;
    for (const auto& [key, order] : *late_) {
      const auto mine = std::find(order.begin(), order.end(), v_);
      if (mine == order.end()) continue;
      for (auto at = order.begin(); at != mine; ++at) out.push_back({*at, kWw, kNone, kNone});
    }
    return out;
  }
  std::vector<Entry> of_session() const {
    std::vector<Entry> out;
    for (uint32_t v = 0; v < v_; ++v)
      if (j_.t.session[txn(v)] == j_.t.session[reader_] && j_.t.state[txn(v)] == TxnState::ok)
        out.push_back({v, kProcess, kNone, kNone});
    return out;
  }
  std::vector<Entry> into_reader(uint8_t mask) const {
    std::vector<Entry> out;
    for (uint32_t v = 0; v < g_.size(); ++v)
      for (uint32_t e = g_.begin[v]; e < g_.begin[v + 1]; ++e)
        if (g_.targets[e] == v_ && (g_.labels[e] & mask) != 0 && v != v_)
          out.push_back({v, g_.labels[e], kNone, kNone});
    return out;
  }
  // What the accesses before the read depend on.
  std::vector<Entry> earlier_accesses() const {
    std::vector<Entry> out = reads_from(begin(), read_);
    for (uint32_t m = begin(); m < read_; ++m) {
      const Mop mop = j_.t.mops[m];
      if (!mop.is_write()) continue;
      for (uint32_t p = std::min(mop.version(), j_.orders.length(mop.key) + 1); --p > 0;) {
        const uint32_t w = local_.writer(mop.key, p);
        if (w != kNone && w != v_) out.push_back({w, kWw, kNone, m});
      }
      if (mop.version() != Mop::kUnobserved) continue;
      for (const uint32_t late : local_.unobserved(mop.key))
        if (late != v_ && late_ != nullptr && is_before(mop.key, late)) out.push_back({late, kWw, kNone, m});
    }
    return out;
  }
  bool is_before(uint32_t key, uint32_t v) const {
    const auto order = late_->find(key);
    if (order == late_->end()) return false;
    const auto at = std::find(order->second.begin(), order->second.end(), v);
    const auto mine = std::find(order->second.begin(), order->second.end(), v_);
    return at < mine && mine != order->second.end();
  }

  std::vector<Cycle::Step> one_step(const std::vector<Entry>& entries) const {
    for (const Entry& e : entries)
      if (const uint32_t over = missed(e.vertex); over != kNone)
        return {{reader_, kRw, read_, over}, {txn(e.vertex), e.label, e.from_mop, e.to_mop}};
    return {};
  }

  // Backward from the entries to somebody who wrote what the reader missed.
  std::vector<Cycle::Step> search(const std::vector<Entry>& entries, uint8_t mask) const {
    std::vector<Edge> turned;
    for (uint32_t v = 0; v < g_.size(); ++v)
      for (uint32_t e = g_.begin[v]; e < g_.begin[v + 1]; ++e)
        if ((g_.labels[e] & mask) != 0) turned.push_back({g_.targets[e], v, g_.labels[e]});
    const Graph back = make_graph(g_.size(), turned);
    std::vector<uint32_t> next(g_.size(), kNone);  // towards the reader
    std::vector<uint8_t> via(g_.size(), 0);
    std::vector<const Entry*> entry(g_.size(), nullptr);
    std::vector<uint32_t> queue;
    const auto allowed = [&](uint32_t v) {
      return v != v_ && next[v] == kNone && entry[v] == nullptr && (!updating_ || writes(v));
    };
    for (const Entry& e : entries) {
      if (!allowed(e.vertex)) continue;
      entry[e.vertex] = &e;
      queue.push_back(e.vertex);
    }
    for (size_t i = 0; i < queue.size(); ++i) {
      const uint32_t v = queue[i];
      if (const uint32_t over = missed(v); over != kNone) return path(v, over, next, via, entry);
      for (uint32_t e = back.begin[v]; e < back.begin[v + 1]; ++e) {
        const uint32_t w = back.targets[e];
        if (!allowed(w)) continue;
        next[w] = v;
        via[w] = back.labels[e];
        queue.push_back(w);
      }
    }
    return {};
  }
  // The same by reads (and sessions) alone: of a list every writer in it was read from.
  std::vector<Cycle::Step> search_reads(uint8_t mask) const {
    std::vector<Entry> next(g_.size(), {kNone, 0, kNone, kNone});  // towards the reader
    std::unordered_map<uint32_t, uint32_t> looked_at;              // key -> up to which version
    std::vector<uint32_t> before_in_session(g_.size(), kNone);
    for (uint32_t v = 0; v < g_.size(); ++v)
      for (uint32_t e = g_.begin[v]; e < g_.begin[v + 1]; ++e)
        if (g_.labels[e] == kProcess) before_in_session[g_.targets[e]] = v;
    std::vector<uint32_t> queue{v_};
    next[v_].vertex = v_;
    for (size_t i = 0; i < queue.size(); ++i) {
      const uint32_t v = queue[i];
      if (const uint32_t over = v == v_ ? kNone : missed(v); over != kNone) {
        std::vector<Cycle::Step> out{{reader_, kRw, read_, over}};
        for (uint32_t at = v; at != v_; at = next[at].vertex)
          out.push_back({txn(at), next[at].label, next[at].from_mop, next[at].to_mop});
        return out;
      }
      const auto go_on = [&](uint32_t w, const Entry& entry) {
        if (w == kNone || next[w].vertex != kNone) return;
        next[w] = entry;
        queue.push_back(w);
      };
      for (uint32_t m = j_.t.begin_of(txn(v)); m < j_.t.end_of(txn(v)); ++m) {
        const Mop mop = j_.t.mops[m];
        if (!mop.is_known_read() || j_.t.state[txn(v)] != TxnState::ok) continue;
        const uint32_t top = j_.orders.foreign(txn(v), mop.key, mop.version());
        uint32_t& done = looked_at[mop.key];
        for (uint32_t p = top; p > (j_.orders.lists ? done : top == 0 ? 0 : top - 1); --p)
          go_on(local_.writer(mop.key, p), {v, kWr, kNone, m});
        done = std::max(done, top);
      }
      if ((mask & kProcess) != 0) go_on(before_in_session[v], {v, kProcess, kNone, kNone});
    }
    return {};
  }
  std::vector<Cycle::Step> path(uint32_t v, uint32_t over, const std::vector<uint32_t>& next,
                                const std::vector<uint8_t>& via,
                                const std::vector<const Entry*>& entry) const {
    std::vector<Cycle::Step> out{{reader_, kRw, read_, over}};
    for (; entry[v] == nullptr; v = next[v]) out.push_back({txn(v), via[v]});
    out.push_back({txn(v), entry[v]->label, entry[v]->from_mop, entry[v]->to_mop});
    return out;
  }

  const Judged& j_;
  const Graph& g_;
  LocalVersions local_;
  const LateOrders* late_;
  bool updating_ = false;
  uint32_t reader_ = 0, read_ = 0, key_ = 0, v_ = 0;
};

}  // namespace

std::vector<Cycle::Step> prove_by_past(const Judged& judged, Model model, const LateOrders* late) {
  PastProver prover(judged, late);
  for (const Offence& offence : judged.offences) {
    if (offence.model != model) continue;
    if (offence.mop == kNone)
      return model == update_serializable ? prover.among_writers() : std::vector<Cycle::Step>();
    return prover.run(model, offence.txn, offence.mop);
  }
  return {};
}

}  // namespace riven::checkers::isolation
