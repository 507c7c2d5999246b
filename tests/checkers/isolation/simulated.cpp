#include "tests/checkers/isolation/simulated.h"

#include <algorithm>
#include <vector>

#include "harness/core/check.h"
#include "harness/core/rng.h"

namespace riven::checkers::isolation {

namespace {

struct Access {
  bool write = false;
  uint32_t key = 0;
  int64_t value = 0;
  uint32_t seen = 0;         // length of the list read
  std::vector<int64_t> own;  // own appends behind it
};
struct Running {
  bool open = false;
  bool aborted = false;
  uint64_t snapshot = 0;  // commits before it
  size_t next = 0;        // micro-operations done
  std::vector<Access> accesses;
};

class Database {
 public:
  explicit Database(const SimulationOptions& options) : o_(options), rng_(options.seed) {
    for (int i = 0; i < o_.active_keys; ++i) active_.push_back(fresh_key());
  }

  History run() {
    builder_.reserve(o_.txns * 2 + 64);
    running_.resize(static_cast<size_t>(o_.clients));
    size_t begun = 0;
    size_t open = 0;
    while (begun < o_.txns || open > 0) {
      const auto p = rng_.below(running_.size());
      Running& r = running_[p];
      if (!r.open) {
        if (begun == o_.txns) continue;
        begin(r);
        record(p, r, OpType::invoke);
        ++begun, ++open;
      } else if (step(r)) {
        record(p, r, r.aborted ? OpType::fail : OpType::ok);
        r = Running();
        --open;
      }
    }
    auto built = builder_.finish();
    RIVEN_CHECK(built.has_value(), "a simulated history does not pair");
    return std::move(*built);
  }

 private:
  struct Key {
    std::vector<int64_t> list;
    std::vector<uint64_t> commit;  // of each element
    int64_t handed_out = 0;
    int64_t limit = 0;
  };
  uint32_t fresh_key() {
    keys_.emplace_back();
    keys_.back().limit = 1 + static_cast<int64_t>(rng_.below(static_cast<uint64_t>(o_.writes_per_key)));
    return static_cast<uint32_t>(keys_.size() - 1);
  }
  size_t some_slot() {
    size_t slot = 0;
    while (slot + 1 < active_.size() && rng_.chance(0.5)) ++slot;
    return slot;
  }

  void begin(Running& r) {
    r.open = true;
    r.snapshot = commits_;
    const uint64_t length = 1 + rng_.below(4);
    for (uint64_t i = 0; i < length; ++i) {
      const size_t slot = some_slot();
      Access a;
      a.write = rng_.chance(0.5);
      if (a.write && keys_[active_[slot]].handed_out >= keys_[active_[slot]].limit)
        active_[slot] = fresh_key();
      a.key = active_[slot];
      if (a.write) a.value = ++keys_[a.key].handed_out;
      // Where another's commit may slip in between, a list read behind an own append is never seen again.
      const bool slips = o_.level == SimulatedLevel::prefix || o_.level == SimulatedLevel::read_committed;
      const auto written = [&](const Access& b) { return b.write && b.key == a.key; };
      if (slips && !a.write && std::any_of(r.accesses.begin(), r.accesses.end(), written)) continue;
      const bool known =
          std::any_of(r.accesses.begin(), r.accesses.end(), [&](const Access& b) { return b.key == a.key; });
      if (a.write && o_.read_modify_write && !known) {
        Access read;
        read.key = a.key;
        r.accesses.push_back(read);
      }
      r.accesses.push_back(a);
    }
  }

  uint32_t visible(uint32_t key, uint64_t commits) const {
    const auto& all = keys_[key].commit;
    return static_cast<uint32_t>(std::upper_bound(all.begin(), all.end(), commits) - all.begin());
  }
  void read(Running& r, size_t i, uint64_t commits) {
    Access& a = r.accesses[i];
    a.seen = visible(a.key, commits);
    for (size_t before = 0; before < i; ++before)
      if (r.accesses[before].write && r.accesses[before].key == a.key)
        a.own.push_back(r.accesses[before].value);
  }
  void commit(Running& r) {
    ++commits_;
    for (Access& a : r.accesses) {
      if (!a.write) continue;
      keys_[a.key].list.push_back(a.value);
      keys_[a.key].commit.push_back(commits_);
    }
  }

  // Does some of the transaction's work; true when it is over.
  bool step(Running& r) {
    const bool reads_only =
        std::none_of(r.accesses.begin(), r.accesses.end(), [](const Access& a) { return a.write; });
    switch (o_.level) {
      case SimulatedLevel::serial:
      case SimulatedLevel::stale_serial: {
        const bool stale =
            o_.level == SimulatedLevel::stale_serial && reads_only && commits_ > 50 && rng_.chance(0.2);
        for (size_t i = 0; i < r.accesses.size(); ++i)
          if (!r.accesses[i].write) read(r, i, stale ? commits_ - 50 : commits_);
        commit(r);
        return true;
      }
      case SimulatedLevel::snapshot:
      case SimulatedLevel::stale_snapshot:
      case SimulatedLevel::prefix:
        if (o_.level == SimulatedLevel::stale_snapshot && reads_only && rng_.chance(0.2))
          r.snapshot -= std::min<uint64_t>(r.snapshot, 50);
        for (size_t i = 0; i < r.accesses.size(); ++i) {
          const Access& a = r.accesses[i];
          if (!a.write)
            read(r, i, r.snapshot);
          else if (o_.level != SimulatedLevel::prefix && !keys_[a.key].commit.empty() &&
                   keys_[a.key].commit.back() > r.snapshot)
            r.aborted = true;
        }
        if (!r.aborted) commit(r);
        return true;
      case SimulatedLevel::read_committed:
        if (r.next < r.accesses.size()) {
          if (!r.accesses[r.next].write) read(r, r.next, commits_);
          ++r.next;
          return false;
        }
        commit(r);
        return true;
      case SimulatedLevel::read_uncommitted: {
        if (r.next == r.accesses.size()) return true;
        Access& a = r.accesses[r.next++];
        if (a.write) {
          keys_[a.key].list.push_back(a.value);
          keys_[a.key].commit.push_back(++commits_);
        } else {
          a.seen = visible(a.key, commits_);
        }
        return false;
      }
      default:  // several nodes: elsewhere
        break;
    }
    return true;
  }

  void record(size_t process, const Running& r, OpType type) {
    builder_.begin(now_ += 1000, static_cast<Process>(process), type, txn_);
    ValueWriter& w = builder_.value();
    w.begin_list();
    for (const Access& a : r.accesses) {
      w.begin_list();
      w.keyword(a.write ? (o_.registers ? write_ : append_) : read_);
      w.integer(a.key);
      if (a.write)
        w.integer(a.value);
      else if (type != OpType::ok)
        w.nil();
      else if (o_.registers)
        put_last(w, a);
      else
        put_list(w, a);
      w.end();
    }
    w.end();
    builder_.commit();
  }
  void put_last(ValueWriter& w, const Access& a) const {
    if (!a.own.empty())
      w.integer(a.own.back());
    else if (a.seen > 0)
      w.integer(keys_[a.key].list[a.seen - 1]);
    else
      w.nil();
  }
  void put_list(ValueWriter& w, const Access& a) const {
    w.begin_list();
    for (uint32_t i = 0; i < a.seen; ++i) w.integer(keys_[a.key].list[i]);
    for (const int64_t own : a.own) w.integer(own);
    w.end();
  }

  const SimulationOptions& o_;
  Rng rng_;
  HistoryBuilder builder_;
  Symbol txn_{"txn"}, append_{"append"}, write_{"w"}, read_{"r"};
  int64_t now_ = 0;
  std::vector<Key> keys_;
  std::vector<uint32_t> active_;
  std::vector<Running> running_;
  uint64_t commits_ = 0;
};

}  // namespace

History simulate(const SimulationOptions& options) {
  return options.level >= SimulatedLevel::roaming ? simulate_replicas(options) : Database(options).run();
}

}  // namespace riven::checkers::isolation
