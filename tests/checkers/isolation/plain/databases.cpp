#include "tests/checkers/isolation/plain/databases.h"

#include <algorithm>
#include <cmath>
#include <deque>

#include "harness/core/rng.h"

namespace riven::checkers::isolation::plain {

namespace {

using enum Guarantee;

/// The committed state and each node's part of it.
class Store {
 public:
  struct Version {
    int64_t value;
    size_t commit;  ///< number from 1
  };
  struct Write {
    size_t key;
    int64_t value;
  };
  struct Commit {
    std::vector<Write> writes;
    std::vector<size_t> reads;  ///< commits that it read from
  };

  Store(size_t keys, size_t nodes) : versions_(keys), nodes_(nodes) {
    for (Node& n : nodes_) n.applied.resize(keys, 0), n.commits.resize(1, true);
  }

  size_t now() const { return commits_.size(); }
  void commit(Commit c) {
    commits_.push_back(std::move(c));
    for (const Write& w : commits_.back().writes) versions_[w.key].push_back({w.value, now()});
    for (Node& n : nodes_) n.commits.push_back(false);
  }
  const std::vector<Version>& versions(size_t key) const { return versions_[key]; }
  /// How many versions of `key` there are at commit `at`.
  size_t visible(size_t key, size_t at) const {
    const auto& v = versions_[key];
    return static_cast<size_t>(
        std::partition_point(v.begin(), v.end(), [&](const Version& x) { return x.commit <= at; }) -
        v.begin());
  }
  size_t visible_at_node(size_t node, size_t key) const { return nodes_[node].applied[key]; }
  bool behind(size_t node, size_t key) const { return visible_at_node(node, key) < versions_[key].size(); }
  void forget(const std::vector<Write>& writes) {
    for (const Write& w : writes)
      std::erase_if(versions_[w.key], [&](const Version& v) { return v.value == w.value; });
  }

  /// Applies commit `c` at a node, unless something of its keys is missing there before it or, where asked,
  /// something that it read from or anything before it at all.
  void apply(size_t node, size_t c, bool causal, bool in_order) {
    Node& n = nodes_[node];
    const Commit& commit = commits_[c - 1];
    if (n.commits[c] || (in_order && !n.commits[c - 1])) return;
    if (causal &&
        !std::all_of(commit.reads.begin(), commit.reads.end(), [&](size_t r) { return n.commits[r]; }))
      return;
    std::vector<size_t> applied = n.applied;
    for (const Write& w : commit.writes) {
      const size_t place = place_of(w);
      if (place > applied[w.key]) return;
      if (place == applied[w.key]) ++applied[w.key];
    }
    n.applied = applied;
    n.commits[c] = true;
  }
  /// Applies one of its writes alone, if that is the next version there.
  void tear(size_t node, size_t c, uint64_t which) {
    const auto& writes = commits_[c - 1].writes;
    const Write& w = writes[which % writes.size()];
    if (place_of(w) == nodes_[node].applied[w.key]) ++nodes_[node].applied[w.key];
  }
  bool has(size_t node, size_t commit) const { return nodes_[node].commits[commit]; }

 private:
  struct Node {
    std::vector<size_t> applied;  // of each key
    std::vector<char> commits;    // by number
  };
  size_t place_of(const Write& w) const {
    const auto& v = versions_[w.key];
    return static_cast<size_t>(
        std::find_if(v.begin(), v.end(), [&](const Version& x) { return x.value == w.value; }) - v.begin());
  }
  std::vector<std::vector<Version>> versions_;
  std::vector<Commit> commits_;
  std::vector<Node> nodes_;
};

class Database {
 public:
  explicit Database(const DatabaseOptions& o)
      : o_(o),
        rng_(o.seed),
        store_(o.keys, kNodes),
        clients_(o.sessions),
        next_process_(static_cast<Process>(o.sessions)) {
    draft_.lists = o.lists;
    for (size_t c = 0; c < clients_.size(); ++c) {
      clients_[c].process = static_cast<Process>(c);
      clients_[c].node = rng_.below(kNodes);
    }
  }

  Draft run() {
    size_t begun = 0, open = 0;
    while (begun < o_.txns || open > 0) {
      background();
      Client& c = clients_[rng_.below(clients_.size())];
      if (!c.open) {
        if (begun == o_.txns || rng_.chance(o_.idle)) continue;
        begin(c);
        ++begun, ++open;
      } else if (!advance(c)) {
        --open;
      }
    }
    while (!late_.empty()) background();
    if (o_.read_all_at_end) read_all();
    return std::move(draft_);
  }

 private:
  static constexpr size_t kNodes = 3;
  struct Client {
    Process process = 0;
    size_t node = 0;
    bool open = false;
    size_t txn = 0;       // in the draft
    size_t at = 0;        // next step
    size_t snapshot = 0;  // commit
    std::vector<size_t> read_from;
    std::vector<Store::Write> writes;
  };

  bool on_nodes() const { return o_.guarantee >= followers; }
  bool slips(Slip slip) { return o_.slip == slip && rng_.chance(o_.slip_share); }

  void begin(Client& c) {
    c.open = true;
    c.txn = draft_.txns.size();
    c.at = 0;
    c.read_from.clear(), c.writes.clear();
    if (!o_.sticky) c.node = rng_.below(kNodes);
    DraftTxn txn;
    txn.process = c.process;
    txn.invoked = clock_++;
    const size_t steps = 1 + rng_.below(o_.most_steps);
    for (size_t i = 0; i < steps || txn.steps.empty(); ++i) {
      DraftStep step;
      step.key = static_cast<int>(std::min(rng_.below(o_.keys), rng_.below(o_.keys)));
      step.write = rng_.chance(o_.writes);
      const bool own = std::any_of(txn.steps.begin(), txn.steps.end(),
                                   [&](const DraftStep& s) { return s.write && s.key == step.key; });
      if (!step.write && own && rng_.chance(0.9)) continue;
      if (step.write && o_.read_first && !own) {
        DraftStep read;
        read.key = step.key;
        txn.steps.push_back(read);
      }
      if (step.write) step.value = ++value_;
      txn.steps.push_back(step);
    }
    const bool reads_only =
        std::none_of(txn.steps.begin(), txn.steps.end(), [](const DraftStep& s) { return s.write; });
    draft_.txns.push_back(std::move(txn));
    c.snapshot = store_.now();
    const bool old = o_.guarantee == old_snapshot || (o_.guarantee == old_readers && reads_only);
    if (old) c.snapshot -= std::min<size_t>(c.snapshot, rng_.below(6));
    if (o_.guarantee == old_readers && !reads_only) c.snapshot = SIZE_MAX;
  }

  /// One step of a transaction, or all at once. False when it ended.
  bool advance(Client& c) {
    auto& steps = draft_.txns[c.txn].steps;
    const bool at_once = o_.guarantee == serial || o_.guarantee == old_readers;
    if (at_once && c.at == 0 && rng_.chance(0.5)) return true;  // somewhere between invocation and return
    if (at_once && c.at == 0 && (o_.guarantee == serial || c.snapshot == SIZE_MAX)) c.snapshot = store_.now();
    while (c.at < steps.size()) {
      execute(c, steps[c.at]);
      ++c.at;
      if (!at_once) return true;
    }
    finish(c);
    return false;
  }

  void execute(Client& c, DraftStep& step) {
    const auto key = static_cast<size_t>(step.key);
    if (step.write) {
      c.writes.push_back({key, step.value});
      if (o_.guarantee == read_uncommitted) store_.commit({{{key, step.value}}, {}});
      return;
    }
    size_t visible = store_.visible(key, c.snapshot);
    if (o_.guarantee == read_committed || o_.guarantee == read_uncommitted)
      visible = store_.visible(key, store_.now());
    if (o_.guarantee == lagging_reads)
      visible = store_.visible(key, store_.now() - std::min<size_t>(store_.now(), rng_.below(4)));
    if (on_nodes()) visible = store_.visible_at_node(c.node, key);
    if (slips(Slip::old_read)) visible -= std::min<size_t>(visible, 1 + rng_.below(2));
    const auto& versions = store_.versions(key);
    if (slips(Slip::half_seen)) visible = rng_.below(versions.size() + 1);
    for (size_t i = 0; i < visible; ++i) step.seen.push_back(versions[i].value);
    if (visible > 0) c.read_from.push_back(versions[visible - 1].commit);
    if (o_.guarantee != read_uncommitted && !slips(Slip::own_write_hidden)) {
      for (const Store::Write& w : c.writes) {
        if (w.key == key) step.seen.push_back(w.value);
      }
    }
    spoil(c, step);
  }

  void spoil(const Client& c, DraftStep& read) {
    if (slips(Slip::twice) && !read.seen.empty())
      read.seen.push_back(read.seen[rng_.below(read.seen.size())]);
    if (slips(Slip::from_nowhere)) read.seen.push_back(++value_);
    if (slips(Slip::swapped) && read.seen.size() > 1)
      std::swap(read.seen.back(), read.seen[rng_.below(read.seen.size() - 1)]);
    if (slips(Slip::early)) {
      const auto& steps = draft_.txns[c.txn].steps;
      for (size_t i = c.at + 1; i < steps.size(); ++i) {
        if (steps[i].write && steps[i].key == read.key) read.seen.push_back(steps[i].value);
      }
    }
  }

  bool may_commit(const Client& c) {
    if (o_.guarantee == snapshot || o_.guarantee == old_snapshot) {
      return std::all_of(c.writes.begin(), c.writes.end(), [&](const Store::Write& w) {
        return store_.visible(w.key, c.snapshot) == store_.versions(w.key).size();
      });
    }
    if (o_.guarantee == owned_causal_nodes || o_.guarantee == owned_free_nodes) {
      return std::none_of(c.writes.begin(), c.writes.end(),
                          [&](const Store::Write& w) { return store_.behind(c.node, w.key); });
    }
    return true;
  }

  void finish(Client& c) {
    DraftTxn& txn = draft_.txns[c.txn];
    c.open = false;
    const bool crashes = rng_.chance(o_.crashes), fails = !may_commit(c) || rng_.chance(o_.failures);
    txn.outcome = crashes ? OpType::info : fails ? OpType::fail : OpType::ok;
    bool takes_effect = crashes ? !fails && rng_.chance(0.5) : !fails;
    if (txn.outcome == OpType::fail && slips(Slip::applied_failure)) takes_effect = true;
    if (txn.outcome == OpType::ok && slips(Slip::lost_write)) takes_effect = false;
    if (o_.guarantee == read_uncommitted) {
      if (!takes_effect) store_.forget(c.writes);
    } else if (takes_effect && !c.writes.empty()) {
      Store::Commit commit{c.writes, c.read_from};
      const bool late = (crashes && rng_.chance(0.5)) || slips(Slip::late_effect);
      if (late && !on_nodes())
        late_.push_back(std::move(commit));
      else
        apply(c, std::move(commit));
    }
    if (!crashes || rng_.chance(0.7)) txn.completed = clock_++;
    if (crashes) c.process = next_process_++;
  }

  void apply(Client& c, Store::Commit commit) {
    store_.commit(std::move(commit));
    if (on_nodes()) store_.apply(c.node, store_.now(), false, false);
  }

  /// What databases do by themselves: late effects, and nodes that catch up.
  void background() {
    if (!late_.empty() && rng_.chance(0.15)) {
      store_.commit(std::move(late_.front()));
      late_.pop_front();
    }
    if (!on_nodes() || store_.now() == 0 || !rng_.chance(0.7)) return;
    const size_t node = rng_.below(kNodes);
    size_t first = 1;
    while (first <= store_.now() && store_.has(node, first)) ++first;
    if (first > store_.now()) return;
    const size_t commit = std::min(store_.now(), first + rng_.below(4));
    if (o_.guarantee == torn_nodes && rng_.chance(0.5)) return store_.tear(node, commit, rng_.next());
    store_.apply(node, commit, o_.guarantee == causal_nodes || o_.guarantee == owned_causal_nodes,
                 o_.guarantee == followers);
  }

  void read_all() {
    for (size_t key = 0; key < o_.keys;) {
      DraftTxn txn;
      txn.process = next_process_;
      txn.invoked = clock_++;
      txn.completed = clock_++;
      txn.outcome = OpType::ok;
      for (const size_t end = std::min(o_.keys, key + 6); key < end; ++key) {
        DraftStep step;
        step.key = static_cast<int>(key);
        for (const Store::Version& v : store_.versions(key)) step.seen.push_back(v.value);
        txn.steps.push_back(std::move(step));
      }
      draft_.txns.push_back(std::move(txn));
    }
  }

  DatabaseOptions o_;
  Rng rng_;
  Store store_;
  std::vector<Client> clients_;
  Process next_process_;
  int64_t clock_ = 0, value_ = 0;
  std::deque<Store::Commit> late_;
  Draft draft_;
};

}  // namespace

Draft simulate(const DatabaseOptions& options) { return Database(options).run(); }

DatabaseOptions drawn_options(uint64_t seed, bool lists) {
  Rng rng(seed ^ 0x5eed);
  DatabaseOptions o;
  o.seed = seed;
  o.lists = lists;
  o.guarantee = static_cast<Guarantee>(rng.below(kGuarantees));
  o.txns = static_cast<size_t>(20 * std::pow(10.0, static_cast<double>(rng.below(1000)) / 1000));
  if (rng.chance(0.4)) {
    o.slip = static_cast<Slip>(1 + rng.below(kSlips - 1));
    o.slip_share = (rng.chance(0.7) ? 1.0 : 5.0) / static_cast<double>(o.txns);
  }
  o.sessions = 3 + rng.below(18);
  o.keys = 2 + rng.below(9);
  o.most_steps = 1 + rng.below(6);
  o.writes = 0.15 + 0.1 * static_cast<double>(rng.below(6));
  o.failures = rng.chance(0.5) ? 0.04 * static_cast<double>(rng.below(6)) : 0;
  o.crashes = rng.chance(0.5) ? 0.04 * static_cast<double>(rng.below(6)) : 0;
  o.idle = 0.2 * static_cast<double>(rng.below(5));
  o.read_first = rng.chance(lists ? 0.15 : 0.4);
  o.sticky = rng.chance(0.5);
  o.read_all_at_end = rng.chance(0.7);
  return o;
}

}  // namespace riven::checkers::isolation::plain
