#include "tests/checkers/isolation/causal_store.h"

#include <algorithm>
#include <deque>
#include <vector>

#include "harness/core/check.h"
#include "harness/core/rng.h"

namespace riven::checkers::isolation {

namespace {

struct Write {
  uint32_t key;
  int64_t value;
};
struct Commit {
  int64_t stamp = 0;            // arbitrates between writes; no two are equal
  uint64_t at = 0;              // transactions before it
  std::vector<uint32_t> known;  // commits of each replica in its past
  std::vector<Write> writes;
};
struct Version {
  int64_t stamp = -1;
  int64_t value = 0;  // 0: none yet
};

class Store {
 public:
  explicit Store(const CausalStoreOptions& o)
      : o_(o), rng_(o.seed), replicas_(static_cast<size_t>(o.replicas)) {
    for (size_t r = 0; r < replicas_.size(); ++r) {
      replicas_[r].applied.assign(replicas_.size(), 0);
      replicas_[r].skew = static_cast<int64_t>(rng_.below(static_cast<uint64_t>(o.clock_skew) + 1));
    }
    commits_.resize(replicas_.size());
    for (int i = 0; i < o.active_keys; ++i) active_.push_back(fresh_key());
  }

  History run() {
    builder_.reserve(o_.txns * 2 + 128);
    std::vector<std::vector<Mop>> open(static_cast<size_t>(o_.sessions));
    size_t begun = 0;
    size_t running = 0;
    while (begun < o_.txns || running > 0) {
      const size_t s = rng_.below(open.size());
      if (open[s].empty()) {
        if (begun == o_.txns) continue;
        open[s] = plan();
        record(s, open[s], false);
        ++begun, ++running;
      } else {
        execute(replicas_[s % replicas_.size()], s % replicas_.size(), open[s]);
        record(s, open[s], true);
        open[s].clear();
        --running;
      }
    }
    auto built = builder_.finish();
    RIVEN_CHECK(built.has_value(), "a simulated history does not pair");
    return std::move(*built);
  }

 private:
  struct Mop {
    bool write;
    uint32_t key;
    int64_t value;
  };
  struct Replica {
    std::vector<Version> versions;
    std::vector<uint32_t> applied;  // commits of each replica that are in
    int64_t highest = 0;
    int64_t skew = 0;
  };

  uint32_t fresh_key() {
    limits_.push_back(1 + static_cast<int64_t>(rng_.below(static_cast<uint64_t>(o_.writes_per_key))));
    handed_out_.push_back(0);
    return static_cast<uint32_t>(limits_.size() - 1);
  }
  std::vector<Mop> plan() {
    std::vector<Mop> out;
    const uint64_t length = 1 + rng_.below(4);
    for (uint64_t i = 0; i < length; ++i) {
      size_t slot = 0;
      while (slot + 1 < active_.size() && rng_.chance(0.5)) ++slot;
      const bool write = rng_.chance(0.5);
      if (write && handed_out_[active_[slot]] >= limits_[active_[slot]]) active_[slot] = fresh_key();
      const uint32_t key = active_[slot];
      out.push_back({write, key, write ? ++handed_out_[key] : 0});
    }
    return out;
  }

  // What other replicas committed long enough ago arrives, causes before their effects.
  void receive(Replica& here, size_t self) {
    for (bool progress = true; progress;) {
      progress = false;
      for (size_t from = 0; from < replicas_.size(); ++from) {
        if (from == self) continue;
        while (here.applied[from] < commits_[from].size()) {
          const Commit& next = commits_[from][here.applied[from]];
          const bool due = next.at + rng_.below(static_cast<uint64_t>(o_.delay) + 1) <= now_;
          const bool ready = std::equal(next.known.begin(), next.known.end(), here.applied.begin(),
                                        [](uint32_t wanted, uint32_t has) { return wanted <= has; });
          if (!due || !ready) break;
          if (o_.fractured > 0 && next.writes.size() > 1 && rng_.chance(o_.fractured)) {
            put(here, next.writes[0], next.stamp);  // the rest comes with a later arrival
            break;
          }
          for (const Write& w : next.writes) put(here, w, next.stamp);
          here.highest = std::max(here.highest, next.stamp);
          ++here.applied[from];
          progress = true;
        }
      }
    }
  }
  static void put(Replica& here, const Write& w, int64_t stamp) {
    if (here.versions.size() <= w.key) here.versions.resize(w.key + 64);
    Version& v = here.versions[w.key];
    if (stamp >= v.stamp) v = {stamp, w.value};
  }

  void execute(Replica& here, size_t self, std::vector<Mop>& mops) {
    receive(here, self);
    ++now_;
    Commit commit;
    commit.known = here.applied;
    const auto replicas = static_cast<int64_t>(replicas_.size());
    commit.at = now_;
    commit.stamp = std::max(here.highest / replicas + 1, static_cast<int64_t>(now_) + here.skew) * replicas +
                   static_cast<int64_t>(self);
    for (Mop& m : mops) {
      if (m.write) {
        std::erase_if(commit.writes, [&](const Write& w) { return w.key == m.key; });
        commit.writes.push_back({m.key, m.value});
        continue;
      }
      m.value = m.key < here.versions.size() ? here.versions[m.key].value : 0;
      for (const Write& w : commit.writes)
        if (w.key == m.key) m.value = w.value;
    }
    if (commit.writes.empty()) return;
    for (const Write& w : commit.writes) put(here, w, commit.stamp);
    here.highest = commit.stamp;
    ++here.applied[self];
    commits_[self].push_back(std::move(commit));
  }

  void record(size_t session, const std::vector<Mop>& mops, bool done) {
    builder_.begin(clock_ += 1000, static_cast<Process>(session), done ? OpType::ok : OpType::invoke, txn_);
    ValueWriter& w = builder_.value();
    w.begin_list();
    for (const Mop& m : mops) {
      w.begin_list();
      w.keyword(m.write ? write_ : read_);
      w.integer(m.key);
      if (m.write || (done && m.value != 0))
        w.integer(m.value);
      else
        w.nil();
      w.end();
    }
    w.end();
    builder_.commit();
  }

  const CausalStoreOptions& o_;
  Rng rng_;
  HistoryBuilder builder_;
  Symbol txn_{"txn"}, write_{"w"}, read_{"r"};
  int64_t clock_ = 0;
  uint64_t now_ = 0;
  std::vector<Replica> replicas_;
  std::vector<std::vector<Commit>> commits_;  // of each replica, in its order
  std::vector<int64_t> limits_, handed_out_;
  std::vector<uint32_t> active_;
};

}  // namespace

History simulate_causal_store(const CausalStoreOptions& options) { return Store(options).run(); }

}  // namespace riven::checkers::isolation
