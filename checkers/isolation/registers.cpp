#include "checkers/isolation/registers.h"

#include <algorithm>
#include <atomic>
#include <optional>
#include <queue>
#include <unordered_map>

#include "checkers/isolation/parallel.h"

namespace riven::checkers::isolation {

namespace {

/// The versions of one key.
class KeyVersions {
 public:
  KeyVersions(Transactions& t, const KeyGroups& groups, const RegisterOptions& options, Findings& findings)
      : t_(t), groups_(groups), options_(options), findings_(findings) {}

  std::vector<uint32_t> writers;  // of the key's versions in the supposed order
  std::vector<Edge> edges;
  bool total = true;

  std::optional<std::string> run(uint32_t key) {
    key_ = key;
    writers.clear();
    edges.clear();
    versions_.assign(1, {});  // 0: nil
    arcs_.clear();
    if (auto error = list_writes()) return error;
    read_versions();
    drop_unseen();
    infer();
    number();
    link();
    return std::nullopt;
  }

 private:
  struct Version {
    uint32_t txn = kNone;
    uint32_t mop = kNone;
    uint32_t first_return = kNone;  // of its accesses
    uint32_t last_invoke = 0;
    bool final = true;   // its transaction wrote the key no more
    bool counts = true;  // its transaction committed
    uint32_t place = 0;  // in the supposed order
    std::vector<uint32_t> readers;
  };
  auto begin() const { return groups_.entries.begin() + groups_.begin[key_]; }
  auto end() const { return groups_.entries.begin() + groups_.begin[key_ + 1]; }
  std::string bytes_of(uint32_t mop) const {
    const uint8_t* const at = t_.values[mop];
    return {reinterpret_cast<const char*>(at), static_cast<size_t>(skip_value(at) - at)};
  }

  std::optional<std::string> list_writes() {
    by_value_.clear();
    uint32_t previous = kNone;
    for (auto it = begin(); it != end(); ++it) {
      if (!t_.mops[it->mop].is_write()) continue;
      if (ValueView(t_.values[it->mop]).is_nil())
        return "nil was written to key " + to_edn(t_.key(key_)) +
               ": it cannot be told from the initial state";
      const auto id = static_cast<uint32_t>(versions_.size());
      const auto [at, fresh] = by_value_.try_emplace(bytes_of(it->mop), id);
      if (!fresh) {
        Version& other = versions_[at->second];
        if (t_.state[it->txn] == TxnState::failed) continue;
        if (t_.state[other.txn] != TxnState::failed)
          return "value " + to_edn(ValueView(t_.values[it->mop]).to_value()) + " was written to key " +
                 to_edn(t_.key(key_)) + " twice: versions cannot be told apart";
        at->second = id;
      }
      versions_.push_back({});
      versions_.back().txn = it->txn;
      versions_.back().mop = it->mop;
      if (previous != kNone && versions_[previous].txn == it->txn) versions_[previous].final = false;
      previous = id;
    }
    return std::nullopt;
  }

  void touch(Version& v, uint32_t txn) {
    v.first_return = std::min(v.first_return, t_.returned(txn));
    v.last_invoke = std::max(v.last_invoke, t_.invoke[txn]);
  }

  void read_versions() {
    seen_.clear();
    for (auto it = begin(); it != end(); ++it) {
      Mop& mop = t_.mops[it->mop];
      if (mop.is_write() || t_.state[it->txn] != TxnState::ok) continue;
      uint32_t id = 0;
      if (!ValueView(t_.values[it->mop]).is_nil()) {
        const auto at = by_value_.find(bytes_of(it->mop));
        if (at == by_value_.end()) {
          mop.set_version(Mop::kOffTrunk);
          findings_.add(Kind::garbage_read, {it->txn, it->mop, kNone, kNone, key_});
          continue;
        }
        id = at->second;
      }
      Version& v = versions_[id];
      seen_.push_back({it->mop, it->txn, id});
      touch(v, it->txn);
      if (v.txn != it->txn) v.readers.push_back(it->txn);
      if (id == 0) continue;
      if (t_.state[v.txn] == TxnState::failed) {
        findings_.add(Kind::g1a, {it->txn, it->mop, v.txn, v.mop, key_});
        continue;
      }
      if (!v.final && v.txn != it->txn) findings_.add(Kind::g1b, {it->txn, it->mop, v.txn, v.mop, key_});
    }
  }

  // Writes that failed, or whose fate nobody knows, are in no order.
  void drop_unseen() {
    for (size_t i = 1; i < versions_.size(); ++i) {
      versions_[i].counts = committed(t_.state[versions_[i].txn]);
      if (versions_[i].counts) touch(versions_[i], versions_[i].txn);
    }
  }

  // Arcs between versions, by source; each only if all together stay acyclic.
  void infer() {
    add_source(own_writes());
    if (options_.initial) add_source(after_nil());
    if (options_.numbers && !t_.version_numbers.empty()) add_source(by_numbers());
    if (options_.write_follows_read) add_source(follows_reads());
    if (options_.sequential_keys) add_source(by_order(true));
    if (options_.linearizable_keys) {
      Arcs arcs = by_order(false);
      const Arcs zones = by_zones();
      arcs.insert(arcs.end(), zones.begin(), zones.end());
      add_source(arcs);
    }
  }
  using Arcs = std::vector<std::pair<uint32_t, uint32_t>>;
  void add_source(const Arcs& more) {
    const size_t before = arcs_.size();
    arcs_.insert(arcs_.end(), more.begin(), more.end());
    if (!supposed_order(arcs_).empty() || more.empty()) return;
    const auto& [a, b] = more.front();
    findings_.add(Kind::cyclic_versions,
                  {versions_[b].txn, versions_[b].mop, versions_[a].txn, versions_[a].mop, key_});
    arcs_.resize(before);
  }
  Arcs own_writes() const {
    Arcs out;
    for (uint32_t i = 2; i < versions_.size(); ++i)
      if (versions_[i].counts && versions_[i - 1].counts && versions_[i].txn == versions_[i - 1].txn)
        out.emplace_back(i - 1, i);
    return out;
  }
  Arcs after_nil() const {
    Arcs out;
    for (uint32_t i = 1; i < versions_.size(); ++i)
      if (versions_[i].counts) out.emplace_back(0, i);
    return out;
  }
  Arcs by_numbers() const {
    std::vector<std::pair<int64_t, uint32_t>> numbered;
    const auto add = [&](uint32_t mop, uint32_t version) {
      const int64_t number = t_.version_numbers[mop];
      if (number != Transactions::kNoNumber && version != 0 && versions_[version].counts)
        numbered.emplace_back(number, version);
    };
    for (uint32_t i = 1; i < versions_.size(); ++i) add(versions_[i].mop, i);
    for (const auto& s : seen_) add(s.mop, s.version);
    std::sort(numbered.begin(), numbered.end());
    Arcs out;
    for (size_t i = 1; i < numbered.size(); ++i)
      if (numbered[i].second != numbered[i - 1].second && numbered[i].first != numbered[i - 1].first)
        out.emplace_back(numbered[i - 1].second, numbered[i].second);
    return out;
  }
  Arcs follows_reads() const {
    Arcs out;
    for (const auto& s : seen_) {
      const auto first = first_write_of(s.txn);
      if (first != kNone && versions_[first].mop > s.mop && versions_[first].counts &&
          (s.version == 0 || versions_[s.version].counts) && versions_[s.version].txn != s.txn)
        out.emplace_back(s.version, first);
    }
    return out;
  }
  uint32_t first_write_of(uint32_t txn) const {
    const auto at = std::lower_bound(versions_.begin() + 1, versions_.end(), txn,
                                     [](const Version& v, uint32_t wanted) { return v.txn < wanted; });
    return at != versions_.end() && at->txn == txn ? static_cast<uint32_t>(at - versions_.begin()) : kNone;
  }

  // Calls fn(transaction, version) for everything seen or made, in the order of micro-operations.
  template <typename Fn>
  void for_each_access(Fn&& fn) const {
    uint32_t write = 1;
    const auto writes_before = [&](uint32_t mop) {
      for (; write < versions_.size() && versions_[write].mop < mop; ++write)
        if (versions_[write].counts) fn(versions_[write].txn, write);
    };
    for (const Seen& s : seen_) {
      writes_before(s.mop);
      if (s.version == 0 || versions_[s.version].counts) fn(s.txn, s.version);
    }
    writes_before(kNone);
  }
  // Versions in the order in which a transaction saw and made them; with `sessions` each session. Nothing
  // comes after a transaction of unknown outcome.
  Arcs by_order(bool sessions) const {
    Arcs out;
    std::unordered_map<uint32_t, uint32_t> last;  // session -> version
    uint32_t txn = kNone;
    uint32_t before = kNone;
    for_each_access([&](uint32_t next, uint32_t version) {
      if (next != txn) {
        if (sessions && txn != kNone && t_.state[txn] == TxnState::ok) last[t_.session[txn]] = before;
        const auto at = last.find(t_.session[next]);
        before = at == last.end() ? kNone : at->second;
        txn = next;
      }
      if (before != kNone && before != version) out.emplace_back(before, version);
      before = version;
    });
    return out;
  }
  // v -> v' when v's first return lies before v's last invocation; only the nearest.
  Arcs by_zones() const {
    std::vector<uint32_t> by_return;
    for (uint32_t i = 0; i < versions_.size(); ++i)
      if (versions_[i].counts && (i > 0 || !versions_[0].readers.empty())) by_return.push_back(i);
    std::sort(by_return.begin(), by_return.end(), [&](uint32_t a, uint32_t b) {
      return std::pair(versions_[a].first_return, a) < std::pair(versions_[b].first_return, b);
    });
    std::vector<uint32_t> latest(by_return.size());  // of the first i + 1, the latest last invocation
    for (size_t i = 0; i < by_return.size(); ++i)
      latest[i] = std::max(i > 0 ? latest[i - 1] : 0, versions_[by_return[i]].last_invoke);
    Arcs out;
    for (const uint32_t v : by_return) {
      const uint32_t invoke = versions_[v].last_invoke;
      size_t i = static_cast<size_t>(
          std::lower_bound(by_return.begin(), by_return.end(), invoke,
                           [&](uint32_t x, uint32_t at) { return versions_[x].first_return < at; }) -
          by_return.begin());
      uint32_t nearest = 0;  // the latest last invocation among those taken
      while (i-- > 0) {
        const uint32_t before = by_return[i];
        if (versions_[before].first_return < nearest) break;
        if (before == v) continue;
        out.emplace_back(before, v);
        nearest = std::max(nearest, versions_[before].last_invoke);
      }
    }
    return out;
  }

  // A topological order of the arcs, by time where they leave a choice; empty where they are cyclic.
  std::vector<uint32_t> supposed_order(const Arcs& arcs) {
    const size_t n = versions_.size();
    std::vector<uint32_t> degree(n, 0);
    std::vector<Edge> list;
    list.reserve(arcs.size());
    for (const auto& [a, b] : arcs) {
      list.push_back({a, b, 1});
      ++degree[b];
    }
    const auto time = [&](uint32_t v) {
      return std::min(versions_[v].first_return, versions_[v].last_invoke);
    };
    using Item = std::pair<uint32_t, uint32_t>;
    std::priority_queue<Item, std::vector<Item>, std::greater<>> ready;
    std::vector<uint32_t> begins(n + 1, 0);
    for (const Edge& e : list) ++begins[e.from + 1];
    for (size_t i = 0; i < n; ++i) begins[i + 1] += begins[i];
    std::vector<uint32_t> targets(list.size());
    std::vector<uint32_t> next(begins.begin(), begins.end() - 1);
    for (const Edge& e : list) targets[next[e.from]++] = e.to;
    size_t wanted = 0;
    for (uint32_t v = 0; v < n; ++v) {
      if (!versions_[v].counts) continue;
      ++wanted;
      if (degree[v] == 0) ready.push({v == 0 ? 0 : time(v), v});
    }
    std::vector<uint32_t> order;
    order.reserve(wanted);
    while (!ready.empty()) {
      const uint32_t v = ready.top().second;
      ready.pop();
      order.push_back(v);
      for (uint32_t i = begins[v]; i < begins[v + 1]; ++i)
        if (--degree[targets[i]] == 0) ready.push({time(targets[i]), targets[i]});
    }
    if (order.size() != wanted) order.clear();
    return order;
  }

  void number() {
    std::vector<uint32_t> order = supposed_order(arcs_);
    // nil is version 0 whatever the options say.
    order.erase(std::remove(order.begin(), order.end(), 0U), order.end());
    for (uint32_t i = 0; i < order.size(); ++i) {
      versions_[order[i]].place = i + 1;
      writers.push_back(versions_[order[i]].txn);
    }
    for (size_t i = 1; i < versions_.size(); ++i)
      t_.mops[versions_[i].mop].set_version(versions_[i].counts ? versions_[i].place : Mop::kUnobserved);
    for (const auto& s : seen_)
      t_.mops[s.mop].set_version(versions_[s.version].counts ? versions_[s.version].place : Mop::kOffTrunk);
    std::vector<char> follows(order.size() + 1, 0);  // whether version p is certainly after p - 1
    for (const auto& [a, b] : arcs_)
      if (versions_[b].place == versions_[a].place + 1) follows[versions_[b].place] = 1;
    total = true;
    for (size_t p = 1; p <= order.size(); ++p)
      total = total && (follows[p] != 0 || (p == 1 && options_.initial));
  }

  // The dependencies that the arcs alone give.
  void link() {
    const auto add = [&](uint32_t from, uint32_t to, uint8_t label) {
      if (from != kNone && to != kNone && from != to) edges.push_back({from, to, label});
    };
    for (uint32_t i = 1; i < versions_.size(); ++i) {
      if (!versions_[i].counts) continue;
      for (const uint32_t reader : versions_[i].readers) add(versions_[i].txn, reader, kWr);
    }
    std::vector<char> has_successor(versions_.size(), 0);
    for (const auto& [a, b] : arcs_) {
      if (a == 0) continue;
      add(versions_[a].txn, versions_[b].txn, kWw);
      for (const uint32_t reader : versions_[a].readers) add(reader, versions_[b].txn, kRw);
    }
    // Readers of nil come before the first writes: those that no other version certainly precedes.
    if (versions_[0].readers.empty()) return;
    for (const auto& [a, b] : arcs_)
      if (a != 0) has_successor[b] = 1;
    for (const auto& [a, b] : arcs_)
      if (a == 0 && has_successor[b] == 0)
        for (const uint32_t reader : versions_[0].readers) add(reader, versions_[b].txn, kRw);
  }

  struct Seen {
    uint32_t mop, txn, version;
  };
  Transactions& t_;
  const KeyGroups& groups_;
  const RegisterOptions& options_;
  Findings& findings_;
  uint32_t key_ = 0;
  std::vector<Version> versions_;  // 0: nil; then the writes in the order of transactions
  std::unordered_map<std::string, uint32_t> by_value_;
  std::vector<Seen> seen_;
  Arcs arcs_;
};

/// Marks the transactions of unknown outcome of which somebody read a write of `key`.
void find_observed(const Transactions& t, const KeyGroups& groups, uint32_t key,
                   std::vector<uint8_t>& observed) {
  const auto begin = groups.entries.begin() + groups.begin[key];
  const auto end = groups.entries.begin() + groups.begin[key + 1];
  const auto bytes_of = [&](uint32_t mop) {
    const uint8_t* const at = t.values[mop];
    return std::string_view(reinterpret_cast<const char*>(at), static_cast<size_t>(skip_value(at) - at));
  };
  std::unordered_map<std::string_view, uint32_t> unknown;  // value -> transaction
  for (auto it = begin; it != end; ++it)
    if (t.state[it->txn] == TxnState::unknown && t.mops[it->mop].is_write())
      unknown.emplace(bytes_of(it->mop), it->txn);
  for (auto it = begin; it != end && !unknown.empty(); ++it) {
    if (t.state[it->txn] != TxnState::ok || t.mops[it->mop].is_write()) continue;
    if (const auto at = unknown.find(bytes_of(it->mop)); at != unknown.end())
      std::atomic_ref<uint8_t>(observed[at->second]).store(1, std::memory_order_relaxed);
  }
}

/// A transaction is observed on one key and counts on all: this comes before any key is ordered.
void settle_unknown(Transactions& t, const KeyGroups& groups, size_t parts, unsigned threads) {
  std::vector<uint8_t> observed(t.size(), 0);
  parallel_for(parts, threads, [&](size_t i) {
    const Range keys = part_of(t.keys.size(), i, parts);
    for (size_t k = keys.begin; k < keys.end; ++k)
      find_observed(t, groups, static_cast<uint32_t>(k), observed);
  });
  for (size_t txn = 0; txn < t.size(); ++txn)
    if (observed[txn] != 0) t.state[txn] = TxnState::observed;
}

}  // namespace

Result<RegisterOrders> order_registers(Transactions& t, const KeyGroups& groups,
                                       const RegisterOptions& options, unsigned threads, Findings& findings) {
  const size_t parts = std::max<size_t>(1, std::min<size_t>({64, t.keys.size(), t.mops.size() / 4096}));
  struct Part {
    std::vector<uint32_t> writer, lengths;
    std::vector<Edge> edges;
    Findings findings;
    std::optional<std::string> error;
    size_t unordered = 0;
  };
  std::vector<Part> done(parts);
  settle_unknown(t, groups, parts, threads);
  parallel_for(parts, threads, [&](size_t i) {
    Part& part = done[i];
    const Range keys = part_of(t.keys.size(), i, parts);
    KeyVersions one(t, groups, options, part.findings);
    for (size_t k = keys.begin; k < keys.end && !part.error; ++k) {
      part.error = one.run(static_cast<uint32_t>(k));
      part.lengths.push_back(static_cast<uint32_t>(one.writers.size()));
      part.writer.insert(part.writer.end(), one.writers.begin(), one.writers.end());
      part.edges.insert(part.edges.end(), one.edges.begin(), one.edges.end());
      part.unordered += one.total ? 0 : 1;
    }
  });
  RegisterOrders out;
  out.supposed.lists = false;
  out.supposed.base.push_back(0);
  for (Part& part : done) {
    if (part.error) return Error{*part.error};
    for (const uint32_t length : part.lengths) out.supposed.base.push_back(out.supposed.base.back() + length);
    out.supposed.writer.insert(out.supposed.writer.end(), part.writer.begin(), part.writer.end());
    out.certain.insert(out.certain.end(), part.edges.begin(), part.edges.end());
    out.unordered_keys += part.unordered;
    findings.merge(part.findings);
  }
  return out;
}

}  // namespace riven::checkers::isolation
