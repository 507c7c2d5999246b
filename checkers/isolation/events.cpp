#include "checkers/isolation/events.h"

#include <algorithm>

namespace riven::checkers::isolation {

namespace {

/// The write that made each version of each key, by its place in VersionOrders.
std::vector<uint32_t> mops_of_versions(const Transactions& t, const VersionOrders& orders) {
  std::vector<uint32_t> out(orders.writer.size(), kNone);
  for (uint32_t txn = 0; txn < t.size(); ++txn) {
    if (!committed(t.state[txn])) continue;
    for (uint32_t m = t.begin_of(txn); m < t.end_of(txn); ++m) {
      const Mop mop = t.mops[m];
      if (mop.is_write() && mop.version() >= 1 && mop.version() <= orders.length(mop.key))
        out[orders.base[mop.key] + mop.version() - 1] = m;
    }
  }
  return out;
}

class Lister {
 public:
  Lister(const Transactions& t, const VersionOrders& orders, bool single_mops)
      : t_(t), orders_(orders), last_(t.sessions, kNone), chain_of_(t.sessions, kNone) {
    e_.single_mops = single_mops;
    if (single_mops) mop_of_ = mops_of_versions(t, orders);
    find_last_of_sessions();
  }

  Events run() {
    const size_t n = e_.single_mops ? t_.mops.size() : t_.size();
    e_.previous.assign(n, kNone);
    e_.chain.assign(n, 0);
    e_.place.assign(n, 0);
    e_.read_begin.reserve(n + 1);
    e_.write_begin.reserve(n + 1);
    e_.read_begin.push_back(0);
    e_.write_begin.push_back(0);
    for (uint32_t txn = 0; txn < t_.size(); ++txn) {
      if (!e_.single_mops) {
        event(txn, txn, t_.begin_of(txn), t_.end_of(txn));
        continue;
      }
      uint32_t before = kNone;  // in the same transaction
      for (uint32_t m = t_.begin_of(txn); m < t_.end_of(txn); ++m) {
        event(m, txn, m, m + 1, before);
        if (e_.counts(m)) before = m;
      }
    }
    return std::move(e_);
  }

 private:
  // What has no certain end has no successor: it stays in its session's chain only if nothing follows.
  void find_last_of_sessions() {
    final_.assign(t_.sessions, kNone);
    for (uint32_t txn = 0; txn < t_.size(); ++txn)
      if (committed(t_.state[txn])) final_[t_.session[txn]] = txn;
  }

  void event(uint32_t id, uint32_t txn, uint32_t from, uint32_t to, uint32_t before = kNone) {
    // Of a transaction without a known end only the writes happened for certain.
    const bool happened = !e_.single_mops || t_.mops[from].is_write() || t_.state[txn] == TxnState::ok;
    if (committed(t_.state[txn]) && happened) {
      join_session(id, txn, before);
      const size_t writes = e_.writes.size();
      for (uint32_t m = from; m < to; ++m) read_or_write(id, txn, m);
      const auto begin = e_.writes.begin() + static_cast<ptrdiff_t>(writes);
      std::sort(begin, e_.writes.end());
      e_.writes.erase(std::unique(begin, e_.writes.end()), e_.writes.end());
    }
    e_.read_begin.push_back(static_cast<uint32_t>(e_.reads.size()));
    e_.write_begin.push_back(static_cast<uint32_t>(e_.writes.size()));
  }

  void join_session(uint32_t id, uint32_t txn, uint32_t before) {
    const uint32_t session = t_.session[txn];
    const bool ok = t_.state[txn] == TxnState::ok;
    e_.previous[id] = before != kNone ? before : last_[session];
    if (!ok && final_[session] != txn) {  // a chain of its own
      e_.chain[id] = before != kNone ? e_.chain[before] : e_.chains++;
      e_.place[id] = before != kNone ? e_.place[before] + 1 : 1;
      return;
    }
    if (chain_of_[session] == kNone) chain_of_[session] = e_.chains++;
    places_.resize(e_.chains, 0);
    e_.chain[id] = chain_of_[session];
    e_.place[id] = ++places_[chain_of_[session]];
    if (ok) last_[session] = id;
  }

  void read_or_write(uint32_t id, uint32_t txn, uint32_t m) {
    const Mop mop = t_.mops[m];
    if (mop.is_write()) {
      e_.writes.push_back(mop.key);
      return;
    }
    if (t_.state[txn] != TxnState::ok || !mop.is_known_read()) return;
    auto writer = static_cast<uint32_t>(e_.single_mops ? t_.mops.size() : t_.size());
    if (mop.version() > 0) {
      const size_t at = orders_.base[mop.key] + mop.version() - 1;
      writer = e_.single_mops ? mop_of_[at] : orders_.writer[at];
      if (writer == kNone || writer == id) return;
      if (!e_.single_mops && !committed(t_.state[writer])) return;
    }
    e_.reads.push_back({mop.key, writer, m});
  }

  const Transactions& t_;
  const VersionOrders& orders_;
  std::vector<uint32_t> mop_of_;
  std::vector<uint32_t> last_;      // session -> event that others follow
  std::vector<uint32_t> chain_of_;  // session -> chain
  std::vector<uint32_t> final_;     // session -> its last committed transaction
  std::vector<uint32_t> places_;    // chain -> events in it
  Events e_;
};

}  // namespace

bool Events::wrote(uint32_t event, uint32_t key) const {
  const auto begin = writes.begin() + write_begin[event];
  const auto end = writes.begin() + write_begin[event + 1];
  if (end - begin <= 8) return std::find(begin, end, key) != end;
  return std::binary_search(begin, end, key);
}

Events list_events(const Transactions& t, const VersionOrders& orders, bool single_mops) {
  return Lister(t, orders, single_mops).run();
}

void add_seen_edges(const Events& events, bool sessions, std::vector<Edge>& edges) {
  for (uint32_t v = 0; v < events.size(); ++v) {
    if (sessions && events.previous[v] != kNone) edges.push_back({events.previous[v], v, kProcess});
    uint32_t last = kNone;
    for (uint32_t r = events.read_begin[v]; r < events.read_begin[v + 1]; ++r) {
      const uint32_t writer = events.reads[r].writer;
      if (writer != events.initial() && writer != last) edges.push_back({writer, v, kWr});
      last = writer;
    }
  }
}

KeyWriters writers_by_key(const Events& events, size_t keys) {
  std::vector<uint32_t> chain_begin(events.chains + 2, 0);
  for (uint32_t v = 0; v < events.size(); ++v)
    if (events.counts(v)) ++chain_begin[events.chain[v] + 2];
  for (size_t c = 2; c < chain_begin.size(); ++c) chain_begin[c] += chain_begin[c - 1];
  std::vector<uint32_t> by_chain(chain_begin.back());
  for (uint32_t v = 0; v < events.size(); ++v)
    if (events.counts(v)) by_chain[chain_begin[events.chain[v] + 1]++] = v;
  KeyWriters out;
  out.begin.assign(keys + 2, 0);
  for (const uint32_t key : events.writes) ++out.begin[key + 2];
  for (size_t k = 2; k < out.begin.size(); ++k) out.begin[k] += out.begin[k - 1];
  out.events.resize(events.writes.size());
  out.where.resize(events.writes.size());
  for (const uint32_t v : by_chain)
    for (uint32_t w = events.write_begin[v]; w < events.write_begin[v + 1]; ++w) {
      const uint32_t at = out.begin[events.writes[w] + 1]++;
      out.events[at] = v;
      out.where[at] = uint64_t{events.chain[v]} << 32 | events.place[v];
    }
  out.begin.pop_back();
  return out;
}

}  // namespace riven::checkers::isolation
