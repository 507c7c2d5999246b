// Simulated databases of several nodes.
#include <algorithm>
#include <map>
#include <vector>

#include "harness/core/check.h"
#include "harness/core/rng.h"
#include "tests/checkers/isolation/simulated.h"

namespace riven::checkers::isolation {

namespace {

struct Access {
  bool write = false;
  uint32_t key = 0;
  int64_t value = 0;          // written
  std::vector<int64_t> seen;  // of a register none or one
};

/// Each node executes transactions one at a time on its own state and sends them to the others, which apply
/// each at once but later. A key's versions are ordered by Lamport time, so that the last writer wins; in
/// databases of lists (and where only one node may write a key) they come in the order of one node.
class Replicas {
 public:
  explicit Replicas(const SimulationOptions& options) : o_(options), rng_(options.seed), nodes_(3) {
    clients_.resize(static_cast<size_t>(o_.clients));
    for (size_t c = 0; c < clients_.size(); ++c) clients_[c].node = c % nodes_.size();
  }

  History run() {
    size_t begun = 0, open = 0;
    while (begun < o_.txns || open > 0) {
      if (rng_.chance(0.4)) deliver();
      const auto p = rng_.below(clients_.size());
      Client& c = clients_[p];
      if (!c.open) {
        if (begun == o_.txns) continue;
        begin(c);
        record(p, OpType::invoke);
        ++begun, ++open;
      } else if (execute(c)) {
        record(p, OpType::ok);
        c.open = false;
        --open;
      }
    }
    auto built = builder_.finish();
    RIVEN_CHECK(built.has_value(), "a simulated history does not pair");
    return std::move(*built);
  }

 private:
  struct Stamp {
    uint64_t time = 0;
    size_t node = 0;
    friend auto operator<=>(const Stamp&, const Stamp&) = default;
  };
  struct Cell {
    Stamp stamp;
    std::vector<int64_t> values;
  };
  struct Commit {
    Stamp stamp;
    std::vector<size_t> seen;  // of each node, how many of its commits were applied where this one was made
    std::vector<Access> writes;
  };
  struct Node {
    uint64_t clock = 0;
    std::map<uint32_t, Cell> cells;
    std::vector<size_t> seen = std::vector<size_t>(3, 0);
    std::vector<Commit> inbox;
  };
  struct Client {
    bool open = false;
    size_t node = 0;
    uint64_t newest = 0;  // the latest state seen, where sessions are kept
    std::vector<Access> accesses;
  };
  bool single_log() const {
    return o_.level == SimulatedLevel::roaming || o_.level == SimulatedLevel::lagging ||
           o_.level == SimulatedLevel::sessions;
  }
  bool owned_keys() const { return o_.level == SimulatedLevel::parallel; }

  void begin(Client& c) {
    c.open = true;
    c.accesses.clear();
    if (o_.level == SimulatedLevel::roaming) c.node = rng_.below(nodes_.size());
    const uint64_t length = 1 + rng_.below(4);
    for (uint64_t i = 0; i < length; ++i) {
      Access a;
      a.write = rng_.chance(0.5);
      a.key = fresh_ + static_cast<uint32_t>(rng_.below(static_cast<uint64_t>(o_.active_keys)));
      if (a.write && owned_keys()) a.key += (3 + static_cast<uint32_t>(c.node) - a.key % 3) % 3;
      const bool known = std::any_of(c.accesses.begin(), c.accesses.end(),
                                     [&](const Access& other) { return other.key == a.key; });
      if (a.write) a.value = ++value_;
      if (a.write && o_.read_modify_write && !known) c.accesses.push_back({false, a.key, 0, {}});
      c.accesses.push_back(std::move(a));
    }
    if (rng_.chance(0.02)) ++fresh_;  // the keys move on
  }

  /// Runs the transaction on its node; false: the node is too far behind for this session.
  bool execute(Client& c) {
    const bool writes =
        std::any_of(c.accesses.begin(), c.accesses.end(), [](const Access& a) { return a.write; });
    const size_t at = single_log() && writes ? 0 : c.node;  // the first node is the primary
    Node& node = nodes_[at];
    if (o_.level == SimulatedLevel::sessions && node.clock < c.newest) return false;
    Commit commit;
    commit.stamp = {node.clock + 1, at};
    commit.seen = node.seen;
    std::map<uint32_t, std::vector<int64_t>> own;
    for (Access& a : c.accesses) {
      const auto mine = own.find(a.key);
      const std::vector<int64_t>& now = mine != own.end() ? mine->second : node.cells[a.key].values;
      if (!a.write) {
        a.seen = now;
        continue;
      }
      std::vector<int64_t> next = o_.registers ? std::vector<int64_t>() : now;
      next.push_back(a.value);
      own[a.key] = std::move(next);
      commit.writes.push_back(a);
    }
    if (writes) {
      for (const Access& a : commit.writes) write(node, a, commit.stamp);
      node.clock = commit.stamp.time;
      ++node.seen[at];
      for (size_t other = 0; other < nodes_.size(); ++other)
        if (other != at) nodes_[other].inbox.push_back(commit);
    }
    c.newest = std::max(c.newest, node.clock);
    return true;
  }
  void write(Node& node, const Access& a, Stamp stamp) const {
    Cell& cell = node.cells[a.key];
    if (stamp < cell.stamp) return;
    cell.stamp = stamp;
    if (o_.registers) cell.values.clear();
    cell.values.push_back(a.value);
  }

  /// Some node applies one of the commits that it was sent.
  void deliver() {
    Node& node = nodes_[rng_.below(nodes_.size())];
    if (node.inbox.empty()) return;
    size_t which = 0;
    if (o_.level == SimulatedLevel::read_atomic) {
      which = rng_.below(std::min<size_t>(node.inbox.size(), 8));
    } else if (!single_log()) {
      const size_t tried = rng_.below(std::min<size_t>(node.inbox.size(), 8));
      if (ready(node, node.inbox[tried])) which = tried;
      if (!ready(node, node.inbox[which])) return;
    }
    const Commit commit = node.inbox[which];
    node.inbox.erase(node.inbox.begin() + static_cast<ptrdiff_t>(which));
    for (const Access& a : commit.writes) write(node, a, commit.stamp);
    node.clock = std::max(node.clock, commit.stamp.time);
    ++node.seen[commit.stamp.node];
  }
  bool ready(const Node& node, const Commit& commit) const {
    for (size_t other = 0; other < nodes_.size(); ++other)
      if (node.seen[other] < commit.seen[other]) return false;
    return node.seen[commit.stamp.node] == commit.seen[commit.stamp.node];
  }

  void record(size_t process, OpType type) {
    const Client& c = clients_[process];
    builder_.begin(now_ += 1000, static_cast<Process>(process), type, txn_);
    ValueWriter& w = builder_.value();
    w.begin_list();
    for (const Access& a : c.accesses) {
      w.begin_list();
      w.keyword(a.write ? (o_.registers ? write_ : append_) : read_);
      w.integer(a.key);
      if (a.write) {
        w.integer(a.value);
      } else if (type != OpType::ok || (o_.registers && a.seen.empty())) {
        w.nil();
      } else if (o_.registers) {
        w.integer(a.seen.back());
      } else {
        w.begin_list();
        for (const int64_t v : a.seen) w.integer(v);
        w.end();
      }
      w.end();
    }
    w.end();
    builder_.commit();
  }

  const SimulationOptions& o_;
  Rng rng_;
  HistoryBuilder builder_;
  Symbol txn_{"txn"}, append_{"append"}, write_{"w"}, read_{"r"};
  int64_t now_ = 0;
  int64_t value_ = 0;
  uint32_t fresh_ = 0;  // keys below it are used no more
  std::vector<Node> nodes_;
  std::vector<Client> clients_;
};

}  // namespace

History simulate_replicas(const SimulationOptions& options) { return Replicas(options).run(); }

}  // namespace riven::checkers::isolation
