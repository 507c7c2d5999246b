#include "checkers/linearizable/zones.h"

#include <algorithm>
#include <vector>

#include "checkers/linearizable/local_ids.h"

namespace riven::linearizable {

namespace {

constexpr uint32_t kNone = UINT32_MAX;
constexpr int64_t kNever = INT64_MAX;
constexpr int64_t kAlways = -1;

/// What happens to one value. Operation indices, or kNone.
struct Cluster {
  uint32_t writer = kNone;      // of a write or cas that counts
  uint32_t next = kNone;        // the cas from this value
  uint32_t first_read = kNone;  // the read that returned first
  uint32_t last_read = kNone;   // the read that was invoked last
  uint32_t chain = kNone;
  bool observed = false;
};

struct Chain {
  int64_t low = kNever;    // first response
  int64_t high = kAlways;  // last invocation
  uint32_t low_op = kNone;
  uint32_t high_op = kNone;
  uint32_t root = 0;  // its first value
  bool forward() const { return low < high; }
};

class Zones {
 public:
  Zones(std::span<const Operation> ops, int32_t initial, size_t values, const Watch& watch)
      : ops_(ops), ids_(ops, values), watch_(watch), initial_(initial) {}

  ZonesAnswer run(bool want_order) {
    answer_.engine = "zones";
    answer_.configurations = ops_.size();
    if (!reserve()) return answer_;
    if (cluster() && chain_up() && compare_zones()) {
      answer_.verdict = Verdict::valid;
      answer_.event = kPending;
      if (!failed_.empty() || want_order) settle(want_order);
    }
    watch_.memory->release(reserved_);
    return std::move(answer_);
  }

 private:
  bool reserve() {
    reserved_ = ops_.size() * 64;
    if (watch_.memory->reserve(reserved_)) return true;
    reserved_ = 0;
    answer_.why = "the memory ran out";
    return false;
  }

  int64_t returned(uint32_t i) const { return ops_[i].pending() ? kNever : int64_t{ops_[i].returned}; }
  int64_t invoked(uint32_t i) const { return ops_[i].invoked; }
  int32_t target(const Operation& op) const { return op.f == Function::cas ? op.b : op.a; }

  /// Not linearizable because of `core`; certain, at the latest, when the last of them returned.
  bool refute(std::initializer_list<uint32_t> core) {
    for (const uint32_t i : core)
      if (i != kNone) answer_.core.push_back(i);
    std::sort(answer_.core.begin(), answer_.core.end());
    answer_.core.erase(std::unique(answer_.core.begin(), answer_.core.end()), answer_.core.end());
    answer_.verdict = Verdict::invalid;
    answer_.event = 0;
    for (const uint32_t i : answer_.core)
      if (!ops_[i].pending()) answer_.event = std::max(answer_.event, ops_[i].returned);
    return false;
  }

  /// Adds the operations that make the values from `from` to `to` of one chain.
  void add_links(uint32_t from, uint32_t to) {
    for (uint32_t v = from, steps = 0; v != kNone && steps <= clusters_.size(); ++steps) {
      if (clusters_[v].writer != kNone) answer_.core.push_back(clusters_[v].writer);
      if (v == to || clusters_[v].next == kNone) break;
      v = local_[clusters_[v].next].to;
    }
  }

  /// Local ids of an operation's values.
  struct Ends {
    uint32_t from;  // what it needs: read and cas
    uint32_t to;    // what it makes: write and cas
  };

  Cluster& grow(uint32_t v) {
    if (v >= clusters_.size()) clusters_.resize(v + 1);
    return clusters_[v];
  }

  bool cluster() {
    const uint32_t first = ids_.id(initial_);
    root_ = first == LocalIds::kNone ? 0 : first;
    outside_ = first == LocalIds::kNone ? 1 : 0;  // the initial value occurs nowhere: it gets id 0
    grow(0);
    local_.resize(ops_.size(), {kNone, kNone});
    for (uint32_t i = 0; i < ops_.size(); ++i) {
      const Operation& op = ops_[i];
      Ends& ends = local_[i];
      if (op.f != Function::write) grow(ends.from = ids_.id(op.a) + outside_);
      if (op.f == Function::write || op.f == Function::cas) grow(ends.to = ids_.id(target(op)) + outside_);
      if (op.f == Function::failed_cas) {
        failed_.push_back(i);
      } else if (op.f == Function::read || (op.f == Function::cas && !op.pending())) {
        clusters_[ends.from].observed = true;
      }
      if (ends.to != kNone) clusters_[ends.to].writer = i;
    }
    // What a crashed cas took, on the way to a value that was seen, was there too.
    std::vector<uint32_t> work;
    for (uint32_t v = 0; v < clusters_.size(); ++v)
      if (clusters_[v].observed) work.push_back(v);
    while (!work.empty()) {
      const uint32_t w = clusters_[work.back()].writer;
      work.pop_back();
      if (w == kNone || ops_[w].f != Function::cas || clusters_[local_[w].from].observed) continue;
      clusters_[local_[w].from].observed = true;
      work.push_back(local_[w].from);
    }
    for (uint32_t v = 0; v < clusters_.size(); ++v) {
      uint32_t& w = clusters_[v].writer;
      if (w == kNone || !ops_[w].pending() || clusters_[v].observed) continue;
      if (ops_[w].f == Function::write) spare_.push_back(w);
      w = kNone;
    }
    return link();
  }

  bool link() {
    for (uint32_t i = 0; i < ops_.size(); ++i) {
      const Operation& op = ops_[i];
      if (op.f == Function::read) {
        Cluster& c = clusters_[local_[i].from];
        if (c.writer == kNone && local_[i].from != root_) return refute({i});
        if (c.first_read == kNone || returned(i) < returned(c.first_read)) c.first_read = i;
        c.last_read = i;  // operations come by invocation
      } else if (op.f == Function::cas && clusters_[local_[i].to].writer == i) {
        Cluster& c = clusters_[local_[i].from];
        if (c.writer == kNone && local_[i].from != root_) return refute({i});
        if (c.next != kNone) return refute({c.next, i, c.writer});
        c.next = i;
      }
    }
    return true;
  }

  /// Follows each chain from its first value: its order is forced, so each step is taken as early as it can
  /// be.
  bool chain_up() {
    size_t reached = 0;
    size_t writers = 0;
    for (uint32_t v = 0; v < clusters_.size(); ++v) {
      const uint32_t w = clusters_[v].writer;
      if (w != kNone) ++writers;
      if (v != root_ && (w == kNone || ops_[w].f != Function::write)) continue;
      if (!walk(v, reached)) return false;
    }
    if (reached == writers) return true;
    // Some cas need each other's values.
    for (uint32_t v = 0; v < clusters_.size(); ++v) {
      if (clusters_[v].writer == kNone || clusters_[v].chain != kNone) continue;
      uint32_t at = v;
      for (size_t i = 0; i <= clusters_.size(); ++i) at = local_[clusters_[at].writer].from;
      const uint32_t start = at;  // surely on the cycle
      do {
        answer_.core.push_back(clusters_[at].writer);
        at = local_[clusters_[at].writer].from;
      } while (at != start);
      break;
    }
    return refute({});
  }

  bool walk(uint32_t root, size_t& reached) {
    Chain chain;
    chain.root = root;
    int64_t now = kAlways;
    uint32_t now_op = kNone;
    uint32_t now_value = root;
    const auto later = [&](uint32_t op, uint32_t v) {
      if (invoked(op) <= now) return;
      now = invoked(op);
      now_op = op;
      now_value = v;
    };
    const auto include = [&](uint32_t op) {
      if (returned(op) < chain.low) chain.low = returned(op), chain.low_op = op;
      if (invoked(op) > chain.high) chain.high = invoked(op), chain.high_op = op;
    };
    bool any = false;
    for (uint32_t v = root; v != kNone;) {
      Cluster& c = clusters_[v];
      c.chain = static_cast<uint32_t>(chains_.size());
      if (c.writer != kNone) {
        ++reached;
        later(c.writer, v);
        if (now >= returned(c.writer)) return add_links(now_value, v), refute({now_op, c.writer});
        include(c.writer);
        any = true;
      }
      if (c.first_read != kNone) {
        if (returned(c.first_read) <= now) return add_links(now_value, v), refute({now_op, c.first_read});
        later(c.last_read, v);
        include(c.first_read);
        include(c.last_read);
        any = true;
      }
      v = after(v);
    }
    if (root == root_) {
      if (!any && failed_.empty()) return true;
      chain.low = kAlways;  // it was there from the beginning
      chain.low_op = kNone;
    }
    chains_.push_back(chain);
    return true;
  }

  bool compare_zones() {
    for (uint32_t i = 0; i < chains_.size(); ++i)
      if (chains_[i].forward()) forward_.push_back(i);
    std::sort(forward_.begin(), forward_.end(),
              [&](uint32_t x, uint32_t y) { return chains_[x].low < chains_[y].low; });
    for (size_t i = 1; i < forward_.size(); ++i) {
      if (chains_[forward_[i]].low <= chains_[forward_[i - 1]].high)
        return conflict(chains_[forward_[i - 1]], chains_[forward_[i]]);
    }
    for (const Chain& chain : chains_) {
      if (chain.forward()) continue;
      // The value fits at any moment from high to low.
      auto later = std::upper_bound(forward_.begin(), forward_.end(), chain.high,
                                    [&](int64_t t, uint32_t z) { return t < chains_[z].low; });
      if (later == forward_.begin()) continue;
      const Chain& around = chains_[*(later - 1)];
      if (chain.low < around.high) return conflict(around, chain);
    }
    return true;
  }

  /// The value that a cas put into v's place.
  uint32_t after(uint32_t v) const {
    return clusters_[v].next == kNone ? kNone : local_[clusters_[v].next].to;
  }

  uint32_t value_of(uint32_t op) const { return local_[op].from == kNone ? local_[op].to : local_[op].from; }

  bool conflict(const Chain& p, const Chain& q) {
    for (const Chain* chain : {&p, &q}) {
      // All that ties the two ends of the zone together.
      const uint32_t low = chain->low_op == kNone ? root_ : value_of(chain->low_op);
      const uint32_t high = chain->high_op == kNone ? root_ : value_of(chain->high_op);
      int ends = 0;
      for (uint32_t v = chain->root; v != kNone && ends < 2; v = after(v)) {
        ends += (v == low ? 1 : 0) + (v == high ? 1 : 0);
        if (ends > 0 && clusters_[v].writer != kNone) answer_.core.push_back(clusters_[v].writer);
      }
    }
    return refute({p.low_op, p.high_op, q.low_op, q.high_op});
  }

  // ---- failed cas, and linearizations -------------------------------------------------------------------

  /// Decides what failed cas say, once the rest is known to be linearizable.
  void settle(bool want_order) {
    if (!forced()) return;
    const bool need = !open_.empty() || want_order;
    if (!need) return;
    if (want_order) open_ = failed_;
    for (const bool late : {false, true}) {
      for (const bool spare : {false, true}) {
        if (spare && (spare_.empty() || open_.empty())) continue;
        const auto order = arrange(late, spare);
        std::vector<uint32_t> merged;
        // A spare write brings back values that were thought never to be there.
        if (!place_failed(order, spare ? failed_ : open_, merged)) continue;
        if (want_order) answer_.order = std::move(merged);
        return;
      }
    }
    answer_.verdict = Verdict::unknown;
    answer_.undecided = true;
    answer_.event = 0;
    answer_.why = "failed compare-and-set operations need a search";
  }

  /// When a value is surely held: from `begin` (exclusive) to `end`.
  struct Held {
    int64_t begin = kNever;
    int64_t end = kAlways;
  };

  /// Finds failed cas that are surely wrong (false) and those that are not surely right (open_).
  bool forced() {
    std::vector<Held> held(clusters_.size());
    std::vector<uint32_t> path;
    for (const Chain& chain : chains_) {
      path.clear();
      int64_t end = kAlways;
      for (uint32_t v = chain.root; v != kNone;) {
        const Cluster& c = clusters_[v];
        path.push_back(v);
        if (c.writer != kNone) end = std::max(end, invoked(c.writer));
        if (c.last_read != kNone) end = std::max(end, invoked(c.last_read));
        if (c.next != kNone) end = std::max(end, invoked(c.next));
        held[v].end = end;
        v = after(v);
      }
      int64_t begin = kNever;
      for (size_t i = path.size(); i-- > 0;) {
        const Cluster& c = clusters_[path[i]];
        if (c.next != kNone) begin = std::min(begin, returned(c.next));
        if (c.first_read != kNone) begin = std::min(begin, returned(c.first_read));
        if (c.writer != kNone) begin = std::min(begin, returned(c.writer));
        held[path[i]].begin = path[i] == root_ ? kAlways : begin;
      }
    }
    for (const uint32_t i : failed_) {
      const uint32_t v = local_[i].from;
      const Cluster& c = clusters_[v];
      if (v != root_ && c.writer == kNone) continue;  // never there
      const int64_t from = invoked(i);
      const int64_t to = returned(i);
      if (held[v].begin < from && to < held[v].end) return refute_held(i, v), false;
      if (c.writer != kNone && to < invoked(c.writer)) continue;  // not yet there
      if (meets_other(from, to, c.chain)) continue;
      open_.push_back(i);
    }
    return true;
  }

  void refute_held(uint32_t failed, uint32_t v) {
    // The whole chain holds the value in its place.
    const Chain& chain = chains_[clusters_[v].chain];
    answer_.core.clear();
    for (uint32_t u = chain.root; u != kNone;) {
      const Cluster& c = clusters_[u];
      for (const uint32_t op : {c.writer, c.first_read, c.last_read})
        if (op != kNone) answer_.core.push_back(op);
      u = after(u);
    }
    refute({failed});
  }

  /// Whether another chain is surely there at some moment between.
  bool meets_other(int64_t from, int64_t to, uint32_t chain) const {
    auto later = std::lower_bound(forward_.begin(), forward_.end(), to,
                                  [&](uint32_t z, int64_t t) { return chains_[z].low < t; });
    for (int looks = 0; looks < 2 && later != forward_.begin(); ++looks) {
      --later;
      const Chain& z = chains_[*later];
      if (z.high <= from) return false;
      if (*later != chain) return true;
    }
    return false;
  }

  /// A linearization of all but the failed cas. Backward zones go to their first or their last possible
  /// moment; with `spare` also crashed writes that nobody saw.
  std::vector<uint32_t> arrange(bool late, bool spare) const {
    struct Place {
      int64_t at;
      int kind;  // at one moment: what a forward zone ends at, then the rest
      uint32_t what;
    };
    std::vector<Place> places;
    for (uint32_t i = 0; i < chains_.size(); ++i) {
      const Chain& chain = chains_[i];
      if (chain.forward()) {
        places.push_back({chain.low, 0, i});
      } else if (!late || chain.low == kAlways) {
        places.push_back({outside(chain.high, false), 1, i});
      } else {
        places.push_back({outside(std::min<int64_t>(chain.low, UINT32_MAX), true), 1, i});
      }
    }
    if (spare) {
      for (const uint32_t w : spare_) places.push_back({outside(invoked(w), false), 2, w});
    }
    std::sort(places.begin(), places.end(), [](const Place& x, const Place& y) {
      return x.at != y.at ? x.at < y.at : x.kind != y.kind ? x.kind < y.kind : x.what < y.what;
    });
    // Reads of each value, by invocation.
    std::vector<uint32_t> first(clusters_.size() + 1, 0);
    for (uint32_t i = 0; i < ops_.size(); ++i)
      if (ops_[i].f == Function::read) ++first[local_[i].from + 1];
    for (size_t v = 1; v < first.size(); ++v) first[v] += first[v - 1];
    std::vector<uint32_t> reads(first.back());
    std::vector<uint32_t> fill(first.begin(), first.end() - 1);
    for (uint32_t i = 0; i < ops_.size(); ++i)
      if (ops_[i].f == Function::read) reads[fill[local_[i].from]++] = i;

    std::vector<uint32_t> order;
    order.reserve(ops_.size());
    for (const Place& place : places) {
      if (place.kind == 2) {
        order.push_back(place.what);
        continue;
      }
      for (uint32_t v = chains_[place.what].root; v != kNone;) {
        const Cluster& c = clusters_[v];
        if (c.writer != kNone) order.push_back(c.writer);
        order.insert(order.end(), reads.begin() + first[v], reads.begin() + first[v + 1]);
        v = after(v);
      }
    }
    return order;
  }

  /// The moment at or next to t that is in no forward zone: its end, or just before its beginning.
  int64_t outside(int64_t t, bool before) const {
    auto later = std::upper_bound(forward_.begin(), forward_.end(), t,
                                  [&](int64_t x, uint32_t z) { return x < chains_[z].low; });
    if (later == forward_.begin()) return t;
    const Chain& z = chains_[*(later - 1)];
    if (t >= z.high) return t;
    return before ? z.low - 1 : z.high;
  }

  /// Puts the open failed cas into the order of the others: each as early as it can be. False if one does not
  /// fit, or if the result is no linearization.
  bool place_failed(const std::vector<uint32_t>& order, const std::vector<uint32_t>& failed,
                    std::vector<uint32_t>& merged) const {
    const size_t n = order.size();
    std::vector<int64_t> latest(n + 1, kAlways);       // last invocation of the first k
    std::vector<int64_t> soonest(n + 1, kNever);       // first response of those from k on
    std::vector<uint32_t> value(n + 1, root_);         // after the first k
    std::vector<uint32_t> until(clusters_.size(), 0);  // the first k at which v is gone
    for (size_t k = 0; k < n; ++k) {
      latest[k + 1] = std::max(latest[k], invoked(order[k]));
      const uint32_t to = local_[order[k]].to;
      value[k + 1] = to == kNone ? value[k] : to;
      if (to != kNone) until[value[k]] = static_cast<uint32_t>(k + 1);
      if (returned(order[k]) <= latest[k]) return false;
    }
    for (size_t k = n; k-- > 0;) soonest[k] = std::min(soonest[k + 1], returned(order[k]));
    until[value[n]] = static_cast<uint32_t>(n + 1);

    std::vector<uint32_t> by_return(failed);
    std::sort(by_return.begin(), by_return.end(),
              [&](uint32_t x, uint32_t y) { return returned(x) < returned(y); });
    std::vector<std::pair<size_t, uint32_t>> placed;  // position, failed cas
    size_t bound = 0;
    size_t passed = 0;
    std::vector<size_t> where(failed.size());
    for (size_t i = 0; i < failed.size(); ++i) {
      const uint32_t f = failed[i];
      while (passed < by_return.size() && returned(by_return[passed]) < invoked(f)) {
        const auto at = std::lower_bound(failed.begin(), failed.end(), by_return[passed]) - failed.begin();
        bound = std::max(bound, where[static_cast<size_t>(at)]);
        ++passed;
      }
      // The first k with soonest[k] > invoked: it must not come after what had returned.
      size_t k = static_cast<size_t>(
          std::upper_bound(soonest.begin(), soonest.begin() + static_cast<std::ptrdiff_t>(n), invoked(f)) -
          soonest.begin());
      k = std::max(k, bound);
      if (value[k] == local_[f].from) k = until[local_[f].from];
      if (k > n || latest[k] >= returned(f)) return false;
      where[i] = k;
      placed.emplace_back(k, f);
    }
    std::stable_sort(placed.begin(), placed.end(),
                     [](const auto& x, const auto& y) { return x.first < y.first; });
    merged.clear();
    merged.reserve(n + placed.size());
    size_t next = 0;
    int64_t last = kAlways;
    for (size_t k = 0; k <= n; ++k) {
      for (; next < placed.size() && placed[next].first == k; ++next) merged.push_back(placed[next].second);
      if (k < n) merged.push_back(order[k]);
    }
    for (const uint32_t op : merged) {
      if (returned(op) <= last) return false;
      last = std::max(last, invoked(op));
    }
    return true;
  }

  std::span<const Operation> ops_;
  LocalIds ids_;
  const Watch& watch_;
  int32_t initial_;
  ZonesAnswer answer_;
  std::vector<Cluster> clusters_;
  std::vector<Ends> local_;
  std::vector<Chain> chains_;
  std::vector<uint32_t> forward_;  // chains with forward zones, by time
  std::vector<uint32_t> failed_;
  std::vector<uint32_t> open_;   // of failed_: not settled by the zones alone
  std::vector<uint32_t> spare_;  // crashed writes that nobody saw
  uint32_t root_ = 0;
  uint32_t outside_ = 0;
  uint64_t reserved_ = 0;
};

}  // namespace

bool zones_apply(std::span<const Operation> part, int32_t initial, size_t values) {
  LocalIds ids(part, values);
  std::vector<bool> written;
  const uint32_t first = ids.id(initial);
  if (first != LocalIds::kNone) written.resize(first + 1, true);
  for (const Operation& op : part) {
    if (op.f == Function::read || op.f == Function::failed_cas) continue;
    if (op.f != Function::write && op.f != Function::cas) return false;
    const uint32_t v = ids.id(op.f == Function::cas ? op.b : op.a);
    if (v >= written.size()) written.resize(std::max<size_t>(v + 1, written.size() * 2), false);
    if (written[v]) return false;
    written[v] = true;
  }
  return true;
}

ZonesAnswer check_zones(std::span<const Operation> part, int32_t initial, size_t values, const Watch& watch,
                        bool want_order) {
  return Zones(part, initial, values, watch).run(want_order);
}

}  // namespace riven::linearizable
