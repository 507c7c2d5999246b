#include "checkers/linearizable/zones.h"

#include <algorithm>
#include <vector>

#include "checkers/linearizable/local_ids.h"
#include "checkers/linearizable/zone_table.h"

namespace riven::linearizable {

namespace {

class Zones {
 public:
  Zones(std::span<const Operation> ops, int32_t initial, size_t values, const Watch& watch)
      : ids_(ops, values), watch_(watch), initial_(initial) {
    t_.ops = ops;
  }

  ZonesAnswer run(bool want_order) {
    answer_.engine = "zones";
    answer_.configurations = t_.ops.size();
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
    reserved_ = t_.ops.size() * 64;
    if (watch_.memory->reserve(reserved_)) return true;
    reserved_ = 0;
    answer_.why = "the memory ran out";
    return false;
  }

  int64_t returned(uint32_t i) const { return t_.returned(i); }
  int64_t invoked(uint32_t i) const { return t_.invoked(i); }
  uint32_t after(uint32_t v) const { return t_.after(v); }
  int32_t target(const Operation& op) const { return op.f == Function::cas ? op.b : op.a; }

  /// Not linearizable because of `core`; certain, at the latest, when the last of them returned.
  bool refute(std::initializer_list<uint32_t> core) {
    for (const uint32_t i : core)
      if (i != kNoOp) answer_.ends.push_back(i);
    answer_.core.insert(answer_.core.end(), answer_.ends.begin(), answer_.ends.end());
    add_sightings();
    std::sort(answer_.core.begin(), answer_.core.end());
    answer_.core.erase(std::unique(answer_.core.begin(), answer_.core.end()), answer_.core.end());
    answer_.verdict = Verdict::invalid;
    answer_.event = 0;
    for (const uint32_t i : answer_.core)
      if (!t_.ops[i].pending()) answer_.event = std::max(answer_.event, t_.ops[i].returned);
    return false;
  }

  /// A crashed operation of the core counts only because its value was seen: that belongs to the conflict.
  void add_sightings() {
    std::vector<bool> in(t_.ops.size(), false);
    for (const uint32_t i : answer_.core) in[i] = true;
    for (size_t k = 0; k < answer_.core.size(); ++k) {
      const uint32_t i = answer_.core[k];
      if (!t_.ops[i].pending() || t_.ends[i].to == kNoOp) continue;
      const uint32_t seen = t_.clusters[t_.ends[i].to].sighting;
      if (seen == kNoOp || in[seen]) continue;
      in[seen] = true;
      answer_.core.push_back(seen);
    }
  }

  /// Adds the operations that make the values from `from` to `to` of one chain.
  void add_links(uint32_t from, uint32_t to) {
    for (uint32_t v = from, steps = 0; v != kNoOp && steps <= t_.clusters.size(); ++steps) {
      if (t_.clusters[v].writer != kNoOp) answer_.core.push_back(t_.clusters[v].writer);
      if (v == to || t_.clusters[v].next == kNoOp) break;
      v = t_.ends[t_.clusters[v].next].to;
    }
  }

  ZoneCluster& grow(uint32_t v) {
    if (v >= t_.clusters.size()) t_.clusters.resize(v + 1);
    return t_.clusters[v];
  }

  bool cluster() {
    const uint32_t first = ids_.id(initial_);
    outside_ = first == LocalIds::kNone ? 1 : 0;  // the initial value occurs nowhere: it gets id 0
    grow(0);
    t_.ends.resize(t_.ops.size(), {kNoOp, kNoOp});
    for (uint32_t i = 0; i < t_.ops.size(); ++i) {
      const Operation& op = t_.ops[i];
      ZoneTable::Ends& ends = t_.ends[i];
      if (op.f != Function::write) grow(ends.from = ids_.id(op.a) + outside_);
      if (op.f == Function::write || op.f == Function::cas) grow(ends.to = ids_.id(target(op)) + outside_);
      if (op.f == Function::failed_cas) {
        failed_.push_back(i);
      } else if (op.f == Function::read || (op.f == Function::cas && !op.pending())) {
        uint32_t& sighting = t_.clusters[ends.from].sighting;
        if (sighting == kNoOp || op.returned < t_.ops[sighting].returned) sighting = i;
      }
      if (ends.to != kNoOp) t_.clusters[ends.to].writer = i;
    }
    // What a crashed cas took, on the way to a value that was seen, was there too.
    std::vector<uint32_t> work;
    for (uint32_t v = 0; v < t_.clusters.size(); ++v)
      if (t_.clusters[v].observed()) work.push_back(v);
    while (!work.empty()) {
      const uint32_t w = t_.clusters[work.back()].writer;
      work.pop_back();
      if (w == kNoOp || t_.ops[w].f != Function::cas || t_.clusters[t_.ends[w].from].observed()) continue;
      t_.clusters[t_.ends[w].from].sighting = w;
      work.push_back(t_.ends[w].from);
    }
    for (uint32_t v = 0; v < t_.clusters.size(); ++v) {
      uint32_t& w = t_.clusters[v].writer;
      if (w == kNoOp || !t_.ops[w].pending() || t_.clusters[v].observed()) continue;
      if (t_.ops[w].f == Function::write) t_.spare.push_back(w);
      w = kNoOp;
    }
    std::sort(t_.spare.begin(), t_.spare.end());
    return link();
  }

  bool link() {
    for (uint32_t i = 0; i < t_.ops.size(); ++i) {
      const Operation& op = t_.ops[i];
      if (op.f == Function::read) {
        ZoneCluster& c = t_.clusters[t_.ends[i].from];
        if (c.writer == kNoOp && t_.ends[i].from != ZoneTable::kRoot) return refute({i});
        if (c.first_read == kNoOp || returned(i) < returned(c.first_read)) c.first_read = i;
        c.last_read = i;  // operations come by invocation
      } else if (op.f == Function::cas && t_.clusters[t_.ends[i].to].writer == i) {
        ZoneCluster& c = t_.clusters[t_.ends[i].from];
        if (c.writer == kNoOp && t_.ends[i].from != ZoneTable::kRoot) return refute({i});
        if (c.next != kNoOp) return refute({c.next, i, c.writer});
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
    for (uint32_t v = 0; v < t_.clusters.size(); ++v) {
      const uint32_t w = t_.clusters[v].writer;
      if (w != kNoOp) ++writers;
      if (v != ZoneTable::kRoot && (w == kNoOp || t_.ops[w].f != Function::write)) continue;
      if (!walk(v, reached)) return false;
    }
    if (reached == writers) return true;
    // Some cas need each other's values.
    for (uint32_t v = 0; v < t_.clusters.size(); ++v) {
      if (t_.clusters[v].writer == kNoOp || t_.clusters[v].chain != kNoOp) continue;
      uint32_t at = v;
      for (size_t i = 0; i <= t_.clusters.size(); ++i) at = t_.ends[t_.clusters[at].writer].from;
      const uint32_t start = at;  // surely on the cycle
      do {
        answer_.core.push_back(t_.clusters[at].writer);
        at = t_.ends[t_.clusters[at].writer].from;
      } while (at != start);
      break;
    }
    return refute({});
  }

  bool walk(uint32_t root, size_t& reached) {
    ZoneChain chain;
    chain.root = root;
    int64_t now = kAlways;
    uint32_t now_op = kNoOp;
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
    for (uint32_t v = root; v != kNoOp;) {
      ZoneCluster& c = t_.clusters[v];
      c.chain = static_cast<uint32_t>(t_.chains.size());
      if (c.writer != kNoOp) {
        ++reached;
        later(c.writer, v);
        if (now >= returned(c.writer)) return add_links(now_value, v), refute({now_op, c.writer});
        include(c.writer);
        any = true;
      }
      if (c.first_read != kNoOp) {
        if (returned(c.first_read) <= now) return add_links(now_value, v), refute({now_op, c.first_read});
        later(c.last_read, v);
        include(c.first_read);
        include(c.last_read);
        any = true;
      }
      v = after(v);
    }
    if (root == ZoneTable::kRoot) {
      if (!any && failed_.empty()) return true;
      chain.low = kAlways;  // it was there from the beginning
      chain.low_op = kNoOp;
    }
    t_.chains.push_back(chain);
    return true;
  }

  bool compare_zones() {
    for (uint32_t i = 0; i < t_.chains.size(); ++i)
      if (t_.chains[i].forward()) t_.forward.push_back(i);
    std::sort(t_.forward.begin(), t_.forward.end(),
              [&](uint32_t x, uint32_t y) { return t_.chains[x].low < t_.chains[y].low; });
    for (size_t i = 1; i < t_.forward.size(); ++i) {
      if (t_.chains[t_.forward[i]].low <= t_.chains[t_.forward[i - 1]].high)
        return conflict(t_.chains[t_.forward[i - 1]], t_.chains[t_.forward[i]]);
    }
    for (const ZoneChain& chain : t_.chains) {
      if (chain.forward()) continue;
      // The value fits at any moment from high to low.
      auto later = std::upper_bound(t_.forward.begin(), t_.forward.end(), chain.high,
                                    [&](int64_t t, uint32_t z) { return t < t_.chains[z].low; });
      if (later == t_.forward.begin()) continue;
      const ZoneChain& around = t_.chains[*(later - 1)];
      if (chain.low < around.high) return conflict(around, chain);
    }
    return true;
  }

  uint32_t value_of(uint32_t op) const {
    return t_.ends[op].from == kNoOp ? t_.ends[op].to : t_.ends[op].from;
  }

  bool conflict(const ZoneChain& p, const ZoneChain& q) {
    for (const ZoneChain* chain : {&p, &q}) {
      // All that ties the two ends of the zone together.
      const uint32_t low = chain->low_op == kNoOp ? ZoneTable::kRoot : value_of(chain->low_op);
      const uint32_t high = chain->high_op == kNoOp ? ZoneTable::kRoot : value_of(chain->high_op);
      int ends = 0;
      for (uint32_t v = chain->root; v != kNoOp && ends < 2; v = after(v)) {
        ends += (v == low ? 1 : 0) + (v == high ? 1 : 0);
        if (ends > 0 && t_.clusters[v].writer != kNoOp) answer_.core.push_back(t_.clusters[v].writer);
      }
    }
    return refute({p.low_op, p.high_op, q.low_op, q.high_op});
  }

  // ---- failed cas, and linearizations -------------------------------------------------------------------

  /// Decides what failed cas say, once the rest is known to be linearizable.
  void settle(bool want_order) {
    if (!forced()) return;
    if (open_.empty() && !want_order) return;
    std::vector<uint32_t> order;
    ZoneArrangement arrangement(t_);
    // A spare write brings back a value that was thought never to be there: then every failed cas matters.
    if (arrangement.find(want_order ? failed_ : open_, false, watch_.deadline_ns, order) ||
        (!t_.spare.empty() && arrangement.find(failed_, true, watch_.deadline_ns, order))) {
      if (want_order) answer_.order = std::move(order);
      return;
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
    std::vector<Held> held(t_.clusters.size());
    std::vector<uint32_t> path;
    for (const ZoneChain& chain : t_.chains) {
      path.clear();
      int64_t end = kAlways;
      for (uint32_t v = chain.root; v != kNoOp;) {
        const ZoneCluster& c = t_.clusters[v];
        path.push_back(v);
        if (c.writer != kNoOp) end = std::max(end, invoked(c.writer));
        if (c.last_read != kNoOp) end = std::max(end, invoked(c.last_read));
        if (c.next != kNoOp) end = std::max(end, invoked(c.next));
        held[v].end = end;
        v = after(v);
      }
      int64_t begin = kNever;
      for (size_t i = path.size(); i-- > 0;) {
        const ZoneCluster& c = t_.clusters[path[i]];
        if (c.next != kNoOp) begin = std::min(begin, returned(c.next));
        if (c.first_read != kNoOp) begin = std::min(begin, returned(c.first_read));
        if (c.writer != kNoOp) begin = std::min(begin, returned(c.writer));
        held[path[i]].begin = path[i] == ZoneTable::kRoot ? kAlways : begin;
      }
    }
    for (const uint32_t i : failed_) {
      const uint32_t v = t_.ends[i].from;
      const ZoneCluster& c = t_.clusters[v];
      if (v != ZoneTable::kRoot && c.writer == kNoOp) continue;  // never there
      const int64_t from = invoked(i);
      const int64_t to = returned(i);
      if (held[v].begin < from && to < held[v].end) return refute_held(i, v), false;
      if (c.writer != kNoOp && to < invoked(c.writer)) continue;  // not yet there
      if (meets_other(from, to, c.chain)) continue;
      open_.push_back(i);
    }
    return true;
  }

  void refute_held(uint32_t failed, uint32_t v) {
    // The whole chain holds the value in its place.
    const ZoneChain& chain = t_.chains[t_.clusters[v].chain];
    answer_.core.clear();
    for (uint32_t u = chain.root; u != kNoOp;) {
      const ZoneCluster& c = t_.clusters[u];
      for (const uint32_t op : {c.writer, c.first_read, c.last_read})
        if (op != kNoOp) answer_.core.push_back(op);
      u = after(u);
    }
    refute({failed});
  }

  /// Whether another chain is surely there at some moment between.
  bool meets_other(int64_t from, int64_t to, uint32_t chain) const {
    auto later = std::lower_bound(t_.forward.begin(), t_.forward.end(), to,
                                  [&](uint32_t z, int64_t t) { return t_.chains[z].low < t; });
    for (int looks = 0; looks < 2 && later != t_.forward.begin(); ++looks) {
      --later;
      const ZoneChain& z = t_.chains[*later];
      if (z.high <= from) return false;
      if (*later != chain) return true;
    }
    return false;
  }

  LocalIds ids_;
  const Watch& watch_;
  int32_t initial_;
  ZonesAnswer answer_;
  ZoneTable t_;
  std::vector<uint32_t> failed_;
  std::vector<uint32_t> open_;  // of failed_: not settled by the zones alone
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
