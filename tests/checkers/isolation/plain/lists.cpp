// Lists: every read spells out the order of the versions before it.
#include <algorithm>
#include <map>
#include <optional>

#include "tests/checkers/isolation/plain/models.h"
#include "tests/checkers/isolation/plain/opinion.h"

namespace riven::checkers::isolation::plain {

namespace {

using List = std::vector<int>;

bool begins_with(const List& list, const List& prefix) {
  return prefix.size() <= list.size() && std::equal(prefix.begin(), prefix.end(), list.begin());
}
bool ends_with(const List& list, const List& suffix) {
  return suffix.size() <= list.size() && std::equal(suffix.rbegin(), suffix.rend(), list.rbegin());
}

bool repeats(List list) {
  std::sort(list.begin(), list.end());
  return std::adjacent_find(list.begin(), list.end()) != list.end();
}

class Lists {
 public:
  explicit Lists(World world) : world_(std::move(world)) {
    settle(world_);
    longest_.resize(world_.keys.size());
    each_read([&](const Txn&, const Step& read) {
      List& longest = longest_[static_cast<size_t>(read.key)];
      if (read.seen.size() > longest.size()) longest = read.seen;
    });
    agreed_ = longest_;
    each_read([&](const Txn&, const Step& read) {
      List& agreed = agreed_[static_cast<size_t>(read.key)];
      const auto differ = std::mismatch(agreed.begin(), agreed.end(), read.seen.begin(), read.seen.end());
      if (differ.first != agreed.end() && differ.second != read.seen.end())
        agreed.erase(differ.first, agreed.end());
    });
    find_versions();
  }

  Opinion judge() {
    find_anomalies();
    const Dependencies d = dependencies(world_);
    out_.ordered = true;
    out_.cycles = worst(closed_walks(d));
    const ModelSet all = (ModelSet{1} << kModels) - 1;
    out_.refuted = broken(d);
    const ModelSet decidable = all & ~(meaningless() & ~out_.refuted);
    if (open_ends()) {
      try_orders(d, decidable);
    } else {
      out_.holds = all & ~out_.refuted;
    }
    out_.holds &= ~meaningless();
    return std::move(out_);
  }

 private:
  template <typename Fn>
  void each_read(Fn&& fn) {
    for (Txn& txn : world_.txns) {
      if (txn.fate != Fate::ok) continue;
      for (Step& step : txn.steps) {
        if (!step.write) fn(txn, step);
      }
    }
  }
  const Writer& writer(const Step& step, int value) const {
    return world_.writers[static_cast<size_t>(step.key)][static_cast<size_t>(value)];
  }
  bool is(const Writer& w, const Txn& txn) const {
    return w.txn >= 0 && &world_.txns[static_cast<size_t>(w.txn)] == &txn;
  }
  void found(const char* anomaly) { out_.anomalies.insert(anomaly); }

  /// The versions that all reads agree on have their order. What else was written by committed transactions
  /// comes after them; in which order, nobody knows.
  void find_versions() {
    ends_.resize(world_.keys.size());
    for (Txn& txn : world_.txns) {
      if (!txn.committed()) continue;
      for (Step& step : txn.steps) {
        const List& order = agreed_[static_cast<size_t>(step.key)];
        if (!step.write) {
          if (step.known && begins_with(order, step.seen)) step.version = static_cast<int>(step.seen.size());
          continue;
        }
        const auto at = std::find(order.begin(), order.end(), step.value);
        step.version = static_cast<int>(at - order.begin()) + 1;
        if (at == order.end()) ends_[static_cast<size_t>(step.key)].push_back(&step);
      }
    }
  }

  void find_anomalies() {
    each_read([&](const Txn& txn, const Step& read) {
      const List& longest = longest_[static_cast<size_t>(read.key)];
      if (!begins_with(longest, read.seen)) found("incompatible-order");
      if (repeats(read.seen)) found("duplicate-elements");
      for (const int element : read.seen) {
        const Writer& w = writer(read, element);
        if (w.txn < 0) found("garbage-read");
        if (w.txn >= 0 && world_.txns[static_cast<size_t>(w.txn)].fate == Fate::failed) found("G1a");
      }
      if (sees_own_future(txn, read)) found("future-read");
      if (!read.seen.empty() && !repeats(read.seen) && intermediate(txn, writer(read, read.seen.back())))
        found("G1b");
    });
    for (const Txn& txn : world_.txns) {
      if (txn.fate == Fate::ok) judge_alone(txn);
    }
    for (size_t k = 0; k < longest_.size(); ++k) judge_order(k);
    find_lost_updates();
  }

  bool sees_own_future(const Txn& txn, const Step& read) const {
    return std::any_of(read.seen.begin(), read.seen.end(), [&](int element) {
      const Writer& w = writer(read, element);
      return is(w, txn) && &txn.steps[static_cast<size_t>(w.step)] > &read;
    });
  }
  bool intermediate(const Txn& reader, const Writer& w) const {
    if (w.txn < 0 || is(w, reader)) return false;
    const auto& steps = world_.txns[static_cast<size_t>(w.txn)].steps;
    const Step& write = steps[static_cast<size_t>(w.step)];
    return std::any_of(steps.begin() + w.step + 1, steps.end(),
                       [&](const Step& s) { return s.write && s.key == write.key; });
  }

  /// Cerone's INT: a read gives what the transaction read or wrote of the key before.
  void judge_alone(const Txn& txn) {
    struct State {
      std::optional<List> known;
      List appended;  ///< since nothing was known
      bool read_last = false;
    };
    std::map<int, State> states;
    for (const Step& step : txn.steps) {
      State& state = states[step.key];
      if (step.write) {
        (state.known ? *state.known : state.appended).push_back(step.value);
        state.read_last = false;
        continue;
      }
      const bool agrees = state.known ? *state.known == step.seen : ends_with(step.seen, state.appended);
      if (!agrees) found("internal");
      if (!agrees && state.read_last) found("non-repeatable-read");
      state.known = step.seen;
      state.read_last = true;
    }
  }

  void judge_order(size_t key) {
    bool aborted = false;
    std::map<int, int> last;  // of each transaction, the step that wrote last
    std::set<int> known;
    for (const int element : longest_[key]) {
      if (!known.insert(element).second) continue;
      const Writer& w = world_.writers[key][static_cast<size_t>(element)];
      if (w.txn < 0) continue;
      const Fate fate = world_.txns[static_cast<size_t>(w.txn)].fate;
      aborted |= fate == Fate::failed;
      if (aborted && fate == Fate::ok) found("dirty-update");
      const auto [at, fresh] = last.try_emplace(w.txn, w.step);
      if (w.step < at->second) found("reordered-writes");
      at->second = w.step;
    }
  }

  void find_lost_updates() {
    std::map<std::pair<int, List>, int> updates;
    for (const Txn& txn : world_.txns) {
      if (txn.fate != Fate::ok) continue;
      std::map<int, const Step*> first;
      std::set<int> counted;
      for (const Step& step : txn.steps) {
        if (!step.write && (step.version == Step::kNoVersion || sees_own_future(txn, step))) continue;
        const Step* read = first.try_emplace(step.key, &step).first->second;
        if (!step.write || read->write || !counted.insert(step.key).second) continue;
        if (++updates[{step.key, read->seen}] == 2) found("lost-update");
      }
    }
  }

  bool any(std::initializer_list<const char*> names) const {
    return std::any_of(names.begin(), names.end(), [&](const char* n) { return out_.anomalies.contains(n); });
  }
  ModelSet broken(const Dependencies& d) const {
    Flaws flaws;
    flaws.incoherent = any({"duplicate-elements", "garbage-read"});
    flaws.dirty = any({"G1a", "G1b", "incompatible-order", "future-read", "reordered-writes"});
    flaws.internal = any({"internal", "future-read"});
    flaws.unrepeatable = any({"non-repeatable-read"});
    ModelSet out = broken_transaction_models(d, flaws) | broken_memory_models(d);
    // No memory gives what nobody wrote, or what certainly did not happen; a list of one memory has one
    // order.
    using enum Model;
    if (flaws.incoherent || any({"G1a"})) out |= bit(pram) | bit(causal);
    if (flaws.incoherent || any({"G1a", "incompatible-order"}))
      out |= bit(sequential) | bit(linearizable) | bit(per_key_linearizable);
    return out;
  }
  /// Models whose definitions take for granted that versions have an order and that what was read is in it.
  ModelSet meaningless() const {
    using enum Model;
    ModelSet out = 0;
    if (any({"duplicate-elements", "garbage-read", "G1a", "incompatible-order"})) {
      out |= bit(item_cut_isolation) | bit(monotonic_reads) | bit(monotonic_writes) | bit(read_your_writes) |
             bit(writes_follow_reads) | bit(pram) | bit(causal);
    }
    if (any({"incompatible-order"}))
      out |= bit(read_uncommitted) | bit(strong_session_read_uncommitted) | bit(strong_read_uncommitted);
    return out;
  }

  bool open_ends() const {
    return std::any_of(ends_.begin(), ends_.end(), [](const auto& steps) { return steps.size() > 1; });
  }

  /// Puts what nobody read in the order of the transactions `rank`, and keeps what holds then.
  void try_order(const std::map<const Step*, size_t>& rank) {
    for (size_t k = 0; k < ends_.size(); ++k) {
      auto& steps = ends_[k];
      std::stable_sort(steps.begin(), steps.end(), [&](auto* a, auto* b) { return rank.at(a) < rank.at(b); });
      for (size_t i = 0; i < steps.size(); ++i)
        steps[i]->version = static_cast<int>(agreed_[k].size() + 1 + i);
    }
    out_.holds |= ~broken(dependencies(world_));
  }
  void try_ranks(const std::vector<size_t>& txn_rank) {
    std::map<const Step*, size_t> rank;
    size_t number = 0;
    for (const Txn& txn : world_.txns) {
      if (!txn.committed()) continue;
      for (const Step& step : txn.steps) {
        if (step.write) rank[&step] = txn_rank[number] * 64 + static_cast<size_t>(&step - txn.steps.data());
      }
      ++number;
    }
    try_order(rank);
  }
  void try_topological(const Relation& r) {
    const std::vector<size_t> order = topological(r);
    if (order.size() < r.size()) return;
    std::vector<size_t> rank(order.size());
    for (size_t i = 0; i < order.size(); ++i) rank[order[i]] = i;
    try_ranks(rank);
  }
  void try_orders(const Dependencies& d, ModelSet all) {
    const Relation depends = d.ww | d.wr;
    for (const Relation& r : {depends | d.rw | d.rt, depends | d.rw | d.so, depends | d.rw, depends | d.rt,
                              depends | d.so, depends, then(depends | d.rt, maybe(d.rw)),
                              then(depends | d.so, maybe(d.rw)), then(depends, maybe(d.rw))}) {
      if ((out_.refuted | out_.holds) == all) break;
      try_topological(r);
      out_.holds &= all;
    }
    if ((out_.refuted | out_.holds) != all) try_all(all);
    out_.holds &= all;
  }
  /// Every order, where there are few: then nothing stays open.
  void try_all(ModelSet all) {
    size_t orders = 1;
    for (const auto& steps : ends_) {
      for (size_t i = 2; i <= steps.size(); ++i) orders = std::min<size_t>(orders * i, kMostOrders + 1);
    }
    if (orders > kMostOrders) return;
    try_from(0, all);
    out_.refuted |= all & ~out_.holds;
  }
  void try_from(size_t key, ModelSet all) {
    if ((out_.refuted | out_.holds) == all) return;
    if (key == ends_.size()) {
      out_.holds |= all & ~broken(dependencies(world_));
      return;
    }
    std::vector<Step*> steps = ends_[key];
    std::sort(steps.begin(), steps.end());
    do {
      for (size_t i = 0; i < steps.size(); ++i)
        steps[i]->version = static_cast<int>(agreed_[key].size() + 1 + i);
      try_from(key + 1, all);
    } while (std::next_permutation(steps.begin(), steps.end()));
  }

  static constexpr size_t kMostOrders = 200;
  World world_;
  std::vector<List> longest_;
  std::vector<List> agreed_;              ///< of each key, as much of it as no read contradicts
  std::vector<std::vector<Step*>> ends_;  ///< of each key, the writes that nobody read
  Opinion out_;
};

}  // namespace

Opinion judge_lists(World world) { return Lists(std::move(world)).judge(); }

}  // namespace riven::checkers::isolation::plain
