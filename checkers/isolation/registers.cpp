#include "checkers/isolation/registers.h"

#include <algorithm>
#include <atomic>
#include <optional>
#include <queue>
#include <span>
#include <string_view>
#include <unordered_map>

#include "checkers/isolation/graph.h"
#include "checkers/isolation/parallel.h"

namespace riven::checkers::isolation {

namespace {

/// The encoded value of a micro-operation.
std::string_view bytes_of(const Transactions& t, uint32_t mop) {
  const uint8_t* const at = t.values[mop];
  return {reinterpret_cast<const char*>(at), static_cast<size_t>(skip_value(at) - at)};
}

/// Version by value, for one key after another: emptying costs what the next key needs, not the largest one.
class ValueTable {
 public:
  void reset(size_t most) {
    size_t size = 8;
    while (size < 2 * most) size *= 2;
    slots_.assign(size, {});
  }
  /// The version of the value; 0, which may be set, where there is none yet.
  uint32_t& at(std::string_view value) {
    size_t i = std::hash<std::string_view>{}(value) & (slots_.size() - 1);
    while (slots_[i].version != 0 && slots_[i].value != value) i = (i + 1) & (slots_.size() - 1);
    if (slots_[i].version == 0) slots_[i].value = value;
    return slots_[i].version;
  }

 private:
  struct Slot {
    std::string_view value;
    uint32_t version = 0;
  };
  std::vector<Slot> slots_;
};

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
    uint32_t readers_begin = 0, readers_end = 0;
  };
  /// Other transactions that read the version, in the order of micro-operations.
  std::span<const uint32_t> readers_of(const Version& v) const {
    return {readers_.data() + v.readers_begin, readers_.data() + v.readers_end};
  }
  auto begin() const { return groups_.entries.begin() + groups_.begin[key_]; }
  auto end() const { return groups_.entries.begin() + groups_.begin[key_ + 1]; }

  std::optional<std::string> list_writes() {
    by_value_.reset(groups_.begin[key_ + 1] - groups_.begin[key_]);
    uint32_t previous = kNone;
    for (auto it = begin(); it != end(); ++it) {
      if (!t_.mops[it->mop].is_write()) continue;
      if (ValueView(t_.values[it->mop]).is_nil())
        return "nil was written to key " + to_edn(t_.key(key_)) +
               ": it cannot be distinguished from the initial state";
      const auto id = static_cast<uint32_t>(versions_.size());
      uint32_t& known = by_value_.at(bytes_of(t_, it->mop));
      if (known != 0) {
        const Version& other = versions_[known];
        if (t_.state[it->txn] == TxnState::failed) continue;
        if (t_.state[other.txn] != TxnState::failed)
          return "value " + to_edn(ValueView(t_.values[it->mop]).to_value()) + " was written to key " +
                 to_edn(t_.key(key_)) + " twice: versions cannot be told apart";
      }
      known = id;
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
        id = by_value_.at(bytes_of(t_, it->mop));
        if (id == 0) {
          mop.set_version(Mop::kOffTrunk);
          findings_.add_garbage({it->txn, it->mop, kNone, kNone, key_}, t_.may_have_written(key_));
          continue;
        }
      }
      Version& v = versions_[id];
      seen_.push_back({it->mop, it->txn, id});
      touch(v, it->txn);
      if (v.txn != it->txn) ++v.readers_end;
      if (id == 0) continue;
      if (t_.state[v.txn] == TxnState::failed)
        findings_.add(Kind::g1a, {it->txn, it->mop, v.txn, v.mop, key_});
      if (!v.final && v.txn != it->txn) findings_.add(Kind::g1b, {it->txn, it->mop, v.txn, v.mop, key_});
    }
    list_readers();
  }
  void list_readers() {
    uint32_t all = 0;
    for (Version& v : versions_) {
      const uint32_t count = v.readers_end;
      v.readers_begin = v.readers_end = all;
      all += count;
    }
    readers_.resize(all);
    for (const Seen& s : seen_)
      if (Version& v = versions_[s.version]; v.txn != s.txn) readers_[v.readers_end++] = s.txn;
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
    sources_.clear();
    own_writes();
    source_ends();
    if (options_.initial) after_nil();
    source_ends();
    if (options_.numbers && !t_.version_numbers.empty()) by_numbers();
    source_ends();
    if (options_.write_follows_read) follows_reads();
    source_ends();
    if (options_.sequential_keys) by_order(true);
    source_ends();
    if (options_.linearizable_keys) {
      by_order(false);
      by_zones();
    }
    source_ends();
    order_ = supposed_order();
    if (order_.empty()) one_by_one();
  }
  using Arc = std::pair<uint32_t, uint32_t>;
  using Arcs = std::vector<Arc>;
  void source_ends() { sources_.push_back(arcs_.size()); }
  // Together the sources contradict each other: those that contradict the ones before them are left out.
  void one_by_one() {
    const Arcs all = std::move(arcs_);
    arcs_.clear();
    order_ = supposed_order();
    size_t begin = 0;
    for (const size_t end : sources_) {
      const size_t before = arcs_.size();
      arcs_.insert(arcs_.end(), all.begin() + static_cast<ptrdiff_t>(begin),
                   all.begin() + static_cast<ptrdiff_t>(end));
      begin = end;
      if (arcs_.size() == before) continue;
      std::vector<uint32_t> order = supposed_order();
      if (!order.empty()) {
        order_ = std::move(order);
        continue;
      }
      report_circle();
      arcs_.resize(before);
    }
  }
  void report_circle() {
    std::vector<Edge> after;
    for (const auto& [a, b] : arcs_) after.push_back({a, b, kWw});
    const Graph g = make_graph(static_cast<uint32_t>(versions_.size()), after);
    std::vector<uint32_t> circle;
    for (const auto& [version, label] : short_cycle(g, components(g, kWw), kWw))
      circle.push_back(versions_[version].mop);
    const auto mop_of = [&](size_t i) { return circle[i % circle.size()]; };
    const auto txn_of = [&](uint32_t mop) { return mop == kNone ? kNone : t_.txn_of(mop); };
    const size_t shown = circle[0] == kNone ? 1 : 0;  // nil is nobody's
    findings_.add_circle(
        {txn_of(mop_of(shown)), mop_of(shown), txn_of(mop_of(shown + 1)), mop_of(shown + 1), key_}, circle);
  }
  void own_writes() {
    for (uint32_t i = 2; i < versions_.size(); ++i)
      if (versions_[i].counts && versions_[i - 1].counts && versions_[i].txn == versions_[i - 1].txn)
        arcs_.emplace_back(i - 1, i);
  }
  void after_nil() {
    for (uint32_t i = 1; i < versions_.size(); ++i)
      if (versions_[i].counts) arcs_.emplace_back(0, i);
  }
  void by_numbers() {
    std::vector<std::pair<int64_t, uint32_t>> numbered;
    const auto add = [&](uint32_t mop, uint32_t version) {
      const int64_t number = t_.version_numbers[mop];
      if (number != Transactions::kNoNumber && version != 0 && versions_[version].counts)
        numbered.emplace_back(number, version);
    };
    for (uint32_t i = 1; i < versions_.size(); ++i) add(versions_[i].mop, i);
    for (const auto& s : seen_) add(s.mop, s.version);
    std::sort(numbered.begin(), numbered.end());
    for (size_t i = 1; i < numbered.size(); ++i) {
      if (numbered[i].second == numbered[i - 1].second) continue;
      arcs_.emplace_back(numbered[i - 1].second, numbered[i].second);
      if (numbered[i].first == numbered[i - 1].first)  // two versions of one number contradict each other
        arcs_.emplace_back(numbered[i].second, numbered[i - 1].second);
    }
  }
  // Of a transaction's writes the nearest behind the read: those after it follow by the transaction's own
  // order. Intermediate versions, read or written, count like others.
  void follows_reads() {
    uint32_t write = 1;  // both are in the order of micro-operations
    for (const auto& s : seen_) {
      while (write < versions_.size() && versions_[write].mop < s.mop) ++write;
      if (write == versions_.size()) break;
      if (versions_[write].txn == s.txn && versions_[write].counts &&
          (s.version == 0 || versions_[s.version].counts) && versions_[s.version].txn != s.txn)
        arcs_.emplace_back(s.version, write);
    }
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
  void by_order(bool sessions) {
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
      if (before != kNone && before != version) arcs_.emplace_back(before, version);
      before = version;
    });
  }
  // v -> v' when v's first return lies before v's last invocation; only the nearest.
  void by_zones() {
    std::vector<uint32_t> by_return;
    for (uint32_t i = 0; i < versions_.size(); ++i)
      if (versions_[i].counts && (i > 0 || !readers_of(versions_[0]).empty())) by_return.push_back(i);
    std::sort(by_return.begin(), by_return.end(), [&](uint32_t a, uint32_t b) {
      return std::pair(versions_[a].first_return, a) < std::pair(versions_[b].first_return, b);
    });
    std::vector<uint32_t> latest(by_return.size());  // of the first i + 1, the latest last invocation
    for (size_t i = 0; i < by_return.size(); ++i)
      latest[i] = std::max(i > 0 ? latest[i - 1] : 0, versions_[by_return[i]].last_invoke);
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
        arcs_.emplace_back(before, v);
        nearest = std::max(nearest, versions_[before].last_invoke);
      }
    }
  }

  // A topological order of the arcs, by time where they leave a choice; empty where they are cyclic.
  std::vector<uint32_t> supposed_order() {
    const size_t n = versions_.size();
    degree_.assign(n, 0);
    begins_.assign(n + 2, 0);
    for (const auto& [a, b] : arcs_) {
      ++degree_[b];
      ++begins_[a + 2];
    }
    for (size_t i = 2; i < begins_.size(); ++i) begins_[i] += begins_[i - 1];
    targets_.resize(arcs_.size());
    for (const auto& [a, b] : arcs_) targets_[begins_[a + 1]++] = b;
    const auto time = [&](uint32_t v) {
      return std::min(versions_[v].first_return, versions_[v].last_invoke);
    };
    using Item = std::pair<uint32_t, uint32_t>;
    std::priority_queue<Item, std::vector<Item>, std::greater<>> ready;
    size_t wanted = 0;
    for (uint32_t v = 0; v < n; ++v) {
      if (!versions_[v].counts) continue;
      ++wanted;
      if (degree_[v] == 0) ready.push({v == 0 ? 0 : time(v), v});
    }
    std::vector<uint32_t> order;
    order.reserve(wanted);
    while (!ready.empty()) {
      const uint32_t v = ready.top().second;
      ready.pop();
      order.push_back(v);
      for (uint32_t i = begins_[v]; i < begins_[v + 1]; ++i)
        if (--degree_[targets_[i]] == 0) ready.push({time(targets_[i]), targets_[i]});
    }
    if (order.size() != wanted) order.clear();
    return order;
  }

  void number() {
    std::vector<uint32_t>& order = order_;
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
      for (const uint32_t reader : readers_of(versions_[i])) add(versions_[i].txn, reader, kWr);
    }
    std::vector<char> has_successor(versions_.size(), 0);
    for (const auto& [a, b] : arcs_) {
      if (a == 0) continue;
      add(versions_[a].txn, versions_[b].txn, kWw);
      for (const uint32_t reader : readers_of(versions_[a])) add(reader, versions_[b].txn, kRw);
    }
    // Readers of nil come before the first writes: those that no other version certainly precedes.
    if (readers_of(versions_[0]).empty()) return;
    for (const auto& [a, b] : arcs_)
      if (a != 0) has_successor[b] = 1;
    for (const auto& [a, b] : arcs_)
      if (a == 0 && has_successor[b] == 0)
        for (const uint32_t reader : readers_of(versions_[0])) add(reader, versions_[b].txn, kRw);
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
  std::vector<uint32_t> readers_;
  ValueTable by_value_;
  std::vector<Seen> seen_;
  Arcs arcs_;                    // a source after another
  std::vector<size_t> sources_;  // the end of each in arcs_
  std::vector<uint32_t> order_;  // supposed
  std::vector<uint32_t> degree_, begins_, targets_;
};

/// Marks the transactions of unknown outcome of which somebody read a write of `key`.
void find_observed(const Transactions& t, const KeyGroups& groups, uint32_t key,
                   std::vector<uint8_t>& observed) {
  const auto begin = groups.entries.begin() + groups.begin[key];
  const auto end = groups.entries.begin() + groups.begin[key + 1];
  std::unordered_map<std::string_view, uint32_t> unknown;  // value -> transaction
  for (auto it = begin; it != end; ++it)
    if (t.state[it->txn] == TxnState::unknown && t.mops[it->mop].is_write())
      unknown.emplace(bytes_of(t, it->mop), it->txn);
  for (auto it = begin; it != end && !unknown.empty(); ++it) {
    if (t.state[it->txn] != TxnState::ok || t.mops[it->mop].is_write()) continue;
    if (const auto at = unknown.find(bytes_of(t, it->mop)); at != unknown.end())
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
