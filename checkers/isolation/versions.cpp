#include "checkers/isolation/versions.h"

#include <algorithm>

#include "checkers/isolation/parallel.h"

namespace riven::checkers::isolation {

KeyGroups group_by_key(const Transactions& t, unsigned threads) {
  (void)threads;
  KeyGroups g;
  g.begin.assign(t.keys.size() + 2, 0);
  for (const Mop& mop : t.mops) ++g.begin[mop.key + 2];
  for (size_t k = 2; k < g.begin.size(); ++k) g.begin[k] += g.begin[k - 1];
  g.entries.resize(t.mops.size());
  for (uint32_t txn = 0; txn < t.size(); ++txn)
    for (uint32_t m = t.begin_of(txn); m < t.end_of(txn); ++m)
      g.entries[g.begin[t.mops[m].key + 1]++] = {m, txn};
  g.begin.pop_back();
  return g;
}

namespace {

/// The dependencies of one key.
class KeyDependencies {
 public:
  KeyDependencies(const Transactions& t, const KeyGroups& groups, const VersionOrders& orders,
                  std::vector<Edge>& edges, Findings& findings)
      : t_(t), groups_(groups), orders_(orders), edges_(edges), findings_(findings) {}

  void run(uint32_t key) {
    key_ = key;
    length_ = orders_.length(key);
    prepare_versions();
    uint32_t last_read_invoked = 0;
    const uint32_t end = groups_.begin[key + 1];
    for (uint32_t i = groups_.begin[key]; i < end;) {
      const uint32_t txn = groups_.entries[i].txn;
      uint32_t stop = i;
      while (stop < end && groups_.entries[stop].txn == txn) ++stop;
      if (committed(t_.state[txn])) one_transaction(txn, i, stop);
      if (t_.state[txn] == TxnState::ok)
        last_read_invoked = std::max(last_read_invoked, latest_read(i, stop, txn));
      i = stop;
    }
    const auto& disputed = orders_.disputed;
    if (!std::binary_search(disputed.begin(), disputed.end(), key)) lost_writes(last_read_invoked);
    lost_updates();
  }

 private:
  // What follows each version: the next committed writer, and the earliest return of any later writer.
  void prepare_versions() {
    late_.clear();
    readers_then_writers_.clear();
    for (uint32_t i = groups_.begin[key_]; i < groups_.begin[key_ + 1]; ++i) {
      const auto [m, txn] = groups_.entries[i];
      if (t_.mops[m].is_write() && t_.mops[m].version() == Mop::kUnobserved && committed(t_.state[txn]))
        late_.push_back({m, txn});
    }
    next_.assign(length_ + 2, kNone);
    first_.assign(length_ + 2, kNone);
    for (const auto& late : late_) first_[length_ + 1] = earlier(first_[length_ + 1], late.txn);
    uint32_t previous = kNone;
    for (uint32_t p = length_; p >= 1; --p) {
      const uint32_t writer = orders_.writer_of(key_, p);
      const bool counts = writer != kNone && committed(t_.state[writer]);
      next_[p] = counts ? writer : next_[p + 1];
      first_[p] = counts ? earlier(first_[p + 1], writer) : first_[p + 1];
    }
    for (uint32_t p = 1; p <= length_; ++p) {
      const uint32_t writer = orders_.writer_of(key_, p);
      if (writer == kNone || !committed(t_.state[writer])) continue;
      link(previous, writer, kWw);
      previous = writer;
    }
    for (const auto& late : late_) link(previous, late.txn, kWw);
  }

  uint32_t returned(uint32_t txn) const { return txn == kNone ? kNone : t_.returned(txn); }
  /// Who returned first.
  uint32_t earlier(uint32_t a, uint32_t b) const { return returned(b) < returned(a) ? b : a; }

  void link(uint32_t from, uint32_t to, uint8_t label) {
    if (from != kNone && to != kNone && from != to) edges_.push_back({from, to, label});
  }

  // What one transaction did to the key.
  struct Accesses {
    uint32_t first_read = kNone;   // micro-operation; the first that shows no own write that comes only later
    uint32_t lowest_read = kNone;  // the one that saw the lowest version
    uint32_t first_write = kNone;
    uint32_t highest_write = 0;  // version
  };
  void one_transaction(uint32_t txn, uint32_t begin, uint32_t end) {
    Accesses own;
    for (uint32_t i = begin; i < end; ++i) {
      const uint32_t m = groups_.entries[i].mop;
      if (t_.mops[m].is_write() && own.first_write == kNone) own.first_write = m;
      if (t_.mops[m].is_write()) own.highest_write = std::max(own.highest_write, t_.mops[m].version());
    }
    uint32_t last_version = kNone;
    for (uint32_t i = begin; i < end; ++i) {
      const uint32_t m = groups_.entries[i].mop;
      const Mop mop = t_.mops[m];
      if (mop.is_write() || t_.state[txn] != TxnState::ok) continue;
      if (mop.version() == Mop::kUnknown || mop.version() == Mop::kOffTrunk) continue;
      const uint32_t p = mop.version();
      if (own.first_read == kNone && (own.first_write == kNone || !saw_itself(txn, own, p)))
        own.first_read = m;
      if (own.lowest_read == kNone || p < t_.mops[own.lowest_read].version()) own.lowest_read = m;
      if (returned(first_[p + 1]) < t_.invoke[txn])
        findings_.add(Kind::stale_read, {txn, m, first_[p + 1], kNone, key_});
      if (p == last_version) continue;
      last_version = p;
      link_read(txn, p);
    }
    overwrites(txn, own);
  }

  bool saw_itself(uint32_t txn, const Accesses& own, uint32_t p) const {
    if (!orders_.lists) return orders_.foreign(txn, key_, p) != p;
    return t_.mops[own.first_write].version() <= p;
  }

  void link_read(uint32_t txn, uint32_t p) {
    if (const uint32_t seen = orders_.foreign(txn, key_, p); seen > 0) {
      const uint32_t writer = orders_.writer_of(key_, seen);
      if (writer != kNone && committed(t_.state[writer])) link(writer, txn, kWr);
    }
    if (next_[p + 1] != kNone) return link(txn, next_[p + 1], kRw);
    const bool writes_too =
        std::any_of(late_.begin(), late_.end(), [&](const auto& l) { return l.txn == txn; });
    for (const auto& late : late_) {
      link(txn, late.txn, kRw);
      if (writes_too) link(txn, late.txn, kWwForced);
    }
  }

  // G-cursor (Adya 1999, 4.2.2): another's version comes between one that the transaction read, wherever in
  // it the read stands, and one that it wrote. Updates are lost where several transactions read a version
  // first and then overwrote it; who read an own later write did not overwrite what it read.
  void overwrites(uint32_t txn, const Accesses& own) {
    if (own.first_write == kNone || own.lowest_read == kNone) return;
    if (own.first_read < own.first_write)
      readers_then_writers_.push_back({t_.mops[own.first_read].version(), txn, own.first_read});
    const uint32_t lowest = t_.mops[own.lowest_read].version();
    const uint32_t next = next_[lowest + 1];
    if (own.highest_write > lowest && next != kNone && next != txn)
      findings_.add(Kind::unseen_overwrite, {txn, own.lowest_read, next, kNone, key_});
  }

  uint32_t latest_read(uint32_t begin, uint32_t end, uint32_t txn) const {
    for (uint32_t i = begin; i < end; ++i)
      if (t_.mops[groups_.entries[i].mop].is_known_read()) return t_.invoke[txn];
    return 0;
  }

  void lost_writes(uint32_t last_read_invoked) {
    for (const auto& late : late_)
      if (t_.returned(late.txn) < last_read_invoked)
        findings_.add(Kind::lost_write, {late.txn, late.mop, kNone, kNone, key_});
  }

  void lost_updates() {
    auto& all = readers_then_writers_;
    if (all.size() < 2) return;
    std::erase_if(all, [&](const Update& u) { return t_.state[u.txn] != TxnState::ok; });
    std::stable_sort(all.begin(), all.end(),
                     [](const Update& a, const Update& b) { return a.read < b.read; });
    for (size_t i = 1; i < all.size(); ++i) {
      const bool second = all[i].read == all[i - 1].read && (i < 2 || all[i].read != all[i - 2].read);
      if (second)
        findings_.add(Kind::lost_update, {all[i - 1].txn, all[i - 1].mop, all[i].txn, all[i].mop, key_});
    }
  }

  struct Update {
    uint32_t read, txn, mop;
  };
  const Transactions& t_;
  const KeyGroups& groups_;
  const VersionOrders& orders_;
  std::vector<Edge>& edges_;
  Findings& findings_;
  uint32_t key_ = 0;
  uint32_t length_ = 0;
  std::vector<uint32_t> next_;          // committed writer of version p or of the nearest later one
  std::vector<uint32_t> first_;         // of the writers of version p and later ones, who returned first
  std::vector<KeyGroups::Entry> late_;  // committed writes that nobody saw
  std::vector<Update> readers_then_writers_;
};

}  // namespace

std::vector<Edge> dependencies(const Transactions& t, const KeyGroups& groups, const VersionOrders& orders,
                               unsigned threads, Findings& findings) {
  const size_t parts = std::max<size_t>(1, std::min<size_t>({64, t.keys.size(), t.mops.size() / 4096}));
  std::vector<std::vector<Edge>> edges(parts);
  std::vector<Findings> found(parts);
  parallel_for(parts, threads, [&](size_t i) {
    const Range keys = part_of(t.keys.size(), i, parts);
    KeyDependencies one(t, groups, orders, edges[i], found[i]);
    for (size_t k = keys.begin; k < keys.end; ++k) one.run(static_cast<uint32_t>(k));
  });
  size_t total = 0;
  for (const auto& part : edges) total += part.size();
  std::vector<Edge> all;
  all.reserve(total);
  for (size_t i = 0; i < parts; ++i) {
    all.insert(all.end(), edges[i].begin(), edges[i].end());
    edges[i] = {};
    findings.merge(found[i]);
  }
  return all;
}

}  // namespace riven::checkers::isolation
