#include "checkers/isolation/schedule.h"

#include <algorithm>
#include <queue>
#include <set>

#include "checkers/isolation/graph.h"

namespace riven::checkers::isolation {

namespace {

/// Executes the transactions one by one.
class Execution {
 public:
  Execution(const Transactions& t, const VersionOrders& orders, const std::vector<Edge>& known)
      : t_(t), orders_(orders), graph_(make_graph(static_cast<uint32_t>(t.size()), known)) {
    waits_for_.assign(t.size(), 0);
    for (const Edge& e : known) ++waits_for_[e.to];
    rank_.assign(t.size(), kNone);
    stage_.assign(t.size(), kAbsent);
    current_.assign(t.keys.size(), 0);
    blocked_on_.resize(t.keys.size());
    unread_.assign(orders.writer.size() + t.keys.size(), 0);
    for (uint32_t txn = 0; txn < t.size(); ++txn) {
      if (!committed(t.state[txn])) continue;
      ++left_;
      for_each_read(txn, [&](const Mop& mop) { ++unread_[slot(mop.key, mop.version())]; });
    }
    returns_ = t.by_return();
  }

  /// The place of each committed transaction.
  std::vector<uint32_t> run() {
    while (left_ > 0) {
      arrive();
      if (const uint32_t txn = first_of(ready_, kReady); txn != kNone) {
        ready_.pop();
        if (const uint32_t key = blocking_key(txn); key != kNone) {
          blocked_on_[key].push_back(txn);
          stage_[txn] = kBlocked;
          blocked_.push({priority(txn), txn});
        } else {
          execute(txn);
        }
      } else if (ahead_ = std::max(ahead_, next_); ahead_ < t_.size() && ahead_ - next_ < kLookAhead) {
        const uint32_t reader = ahead_++;  // real time leaves nobody: perhaps an old state was read
        if (reads_only(reader)) take(reader);
      } else if (const uint32_t awaited = awaited_reader(); awaited != kNone) {
        take(awaited);
      } else if (const uint32_t forced = first_of(blocked_, kBlocked); forced != kNone) {
        execute(forced);
      } else if (next_ < t_.size()) {
        take(next_++);
      } else {
        execute(first_left());
      }
    }
    return std::move(rank_);
  }

 private:
  static constexpr uint32_t kLookAhead = 1024;
  static constexpr uint64_t kLooks = 20'000'000;  // in all: the search stays near-linear

  size_t slot(uint32_t key, uint32_t version) const { return orders_.base[key] + key + version; }
  template <typename Fn>
  void for_each_read(uint32_t txn, Fn&& fn) const {
    if (t_.state[txn] != TxnState::ok) return;
    for (uint32_t m = t_.begin_of(txn); m < t_.end_of(txn); ++m)
      if (t_.mops[m].is_known_read()) fn(t_.mops[m]);
  }
  uint32_t priority(uint32_t txn) const { return t_.returned(txn); }

  enum Stage : uint8_t { kAbsent, kReady, kBlocked, kExecuted };
  using Item = std::pair<uint32_t, uint32_t>;  // return, transaction
  using Queue = std::priority_queue<Item, std::vector<Item>, std::greater<>>;
  // The first of a queue, or kNone. Whoever left the stage since is dropped.
  uint32_t first_of(Queue& queue, Stage stage) const {
    while (!queue.empty() && stage_[queue.top().second] != stage) queue.pop();
    return queue.empty() ? kNone : queue.top().second;
  }
  void make_ready(uint32_t txn) {
    if (stage_[txn] == kReady) return;
    stage_[txn] = kReady;
    ready_.push({priority(txn), txn});
  }
  bool done(uint32_t txn) const { return rank_[txn] != kNone; }

  bool reads_only(uint32_t txn) const {
    for (uint32_t m = t_.begin_of(txn); m < t_.end_of(txn); ++m)
      if (t_.mops[m].is_write()) return false;
    return true;
  }

  // Whoever was invoked before the first return of those left may go next.
  void arrive() {
    while (first_return_ < returns_.size() && done(returns_[first_return_])) ++first_return_;
    const uint32_t limit = first_return_ < returns_.size() ? t_.complete[returns_[first_return_]] : kNone;
    while (next_ < t_.size() && t_.invoke[next_] < limit) take(next_++);
  }
  void take(uint32_t txn) {
    if (committed(t_.state[txn]) && waits_for_[txn] == 0 && !done(txn)) make_ready(txn);
  }

  // A key that `txn` would overwrite although others have yet to read it, or kNone.
  uint32_t blocking_key(uint32_t txn) const {
    for (uint32_t m = t_.begin_of(txn); m < t_.end_of(txn); ++m) {
      if (!t_.mops[m].is_write()) continue;
      const uint32_t key = t_.mops[m].key;
      uint32_t others = unread_[slot(key, current_[key])];
      for_each_read(txn, [&](const Mop& mop) {
        if (mop.key == key && mop.version() == current_[key]) --others;
      });
      if (others > 0) return key;
    }
    return kNone;
  }

  // A later transaction whose read some blocked one waits for, or kNone. It goes first although it began
  // after the other returned: only strict models mind.
  uint32_t awaited_reader() {
    const auto end = static_cast<uint32_t>(std::min<size_t>(t_.size(), size_t{next_} + kLookAhead));
    for (uint32_t txn = next_; txn < end && looks_ > 0; ++txn, --looks_) {
      if (!committed(t_.state[txn]) || waits_for_[txn] != 0 || stage_[txn] != kAbsent) continue;
      bool awaited = false;
      for_each_read(txn, [&](const Mop& mop) {
        awaited = awaited || (mop.version() == current_[mop.key] && !blocked_on_[mop.key].empty());
      });
      if (awaited) return txn;
    }
    return kNone;
  }

  void execute(uint32_t txn) {
    rank_[txn] = count_++;
    --left_;
    stage_[txn] = kExecuted;
    for_each_read(txn, [&](const Mop& mop) {
      if (--unread_[slot(mop.key, mop.version())] == 0) wake(mop.key);
    });
    for (uint32_t m = t_.begin_of(txn); m < t_.end_of(txn); ++m) {
      const Mop mop = t_.mops[m];
      if (!mop.is_write() || mop.version() > orders_.length(mop.key)) continue;
      current_[mop.key] = mop.version();
      wake(mop.key);
    }
    for (uint32_t e = graph_.begin[txn]; e < graph_.begin[txn + 1]; ++e) {
      const uint32_t follower = graph_.targets[e];
      if (--waits_for_[follower] != 0) continue;
      if (follower < next_ || (follower < ahead_ && reads_only(follower))) take(follower);
    }
  }
  void wake(uint32_t key) {
    for (const uint32_t txn : blocked_on_[key])
      if (!done(txn)) make_ready(txn);
    blocked_on_[key].clear();
  }
  uint32_t first_left() {
    for (; first_left_ < t_.size(); ++first_left_)
      if (committed(t_.state[first_left_]) && !done(first_left_)) break;
    return first_left_;
  }

  const Transactions& t_;
  const VersionOrders& orders_;
  Graph graph_;
  std::vector<uint32_t> waits_for_;
  std::vector<uint32_t> rank_;
  std::vector<uint32_t> current_;  // version of each key
  std::vector<uint32_t> unread_;   // reads to come of each version
  std::vector<std::vector<uint32_t>> blocked_on_;
  std::vector<uint32_t> returns_;
  std::vector<uint8_t> stage_;
  Queue ready_, blocked_;
  uint64_t looks_ = kLooks;
  size_t first_return_ = 0;
  uint32_t next_ = 0;   // the first that has not arrived
  uint32_t ahead_ = 0;  // up to here, those that only read may go, too
  uint32_t first_left_ = 0;
  uint32_t count_ = 0;
  size_t left_ = 0;
};

/// The keys that both transactions of some certain edge against the ranks write.
std::set<uint32_t> contradicted(const Transactions& t, const std::vector<uint32_t>& rank,
                                const std::vector<Edge>& certain) {
  std::set<uint32_t> keys;
  for (const Edge& e : certain) {
    if (e.label != kWw || rank[e.from] < rank[e.to]) continue;
    for (uint32_t m = t.begin_of(e.from); m < t.end_of(e.from); ++m)
      if (t.mops[m].is_write()) keys.insert(t.mops[m].key);
  }
  return keys;
}

}  // namespace

Supposed suppose_execution(const Transactions& t, const VersionOrders& orders, const std::vector<Edge>& known,
                           const std::vector<Edge>& certain) {
  Supposed out{orders, t.mops};
  const std::vector<uint32_t> rank = Execution(t, orders, known).run();
  const std::set<uint32_t> kept = contradicted(t, rank, certain);
  std::vector<uint32_t> moved(orders.writer.size() +
                              t.keys.size());  // version -> version, a key after another
  std::vector<uint32_t> by_rank;
  std::vector<uint32_t> writers;
  for (uint32_t key = 0; key < t.keys.size(); ++key) {
    const uint32_t length = orders.length(key);
    uint32_t* const to = moved.data() + orders.base[key] + key;
    by_rank.resize(length);
    for (uint32_t p = 0; p < length; ++p) by_rank[p] = p + 1;
    if (kept.count(key) == 0)
      std::stable_sort(by_rank.begin(), by_rank.end(), [&](uint32_t a, uint32_t b) {
        return rank[orders.writer_of(key, a)] < rank[orders.writer_of(key, b)];
      });
    writers.clear();
    to[0] = 0;
    for (uint32_t p = 0; p < length; ++p) {
      to[by_rank[p]] = p + 1;
      writers.push_back(orders.writer_of(key, by_rank[p]));
    }
    std::copy(writers.begin(), writers.end(),
              out.orders.writer.begin() + static_cast<ptrdiff_t>(orders.base[key]));
  }
  for (Mop& mop : out.mops)
    if (mop.version() <= orders.length(mop.key))
      mop.set_version(moved[orders.base[mop.key] + mop.key + mop.version()]);
  return out;
}

}  // namespace riven::checkers::isolation
