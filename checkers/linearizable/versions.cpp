#include "checkers/linearizable/versions.h"

#include <algorithm>
#include <vector>

#include "checkers/linearizable/local_ids.h"
#include "harness/core/check.h"

namespace riven::linearizable {

namespace {

constexpr uint32_t kNone = UINT32_MAX;
constexpr uint64_t kBytesAnOperation = 160;

class Versions {
 public:
  Versions(std::span<const Operation> ops, int32_t initial, size_t values, const Watch& watch)
      : ops_(ops), ids_(ops, values), watch_(watch), initial_(initial) {}

  ZonesAnswer run(bool want_order) {
    answer_.engine = "versions";
    answer_.configurations = ops_.size();
    const uint64_t bytes = ops_.size() * kBytesAnOperation;
    if (!watch_.memory->reserve(bytes)) {
      answer_.why = "the memory ran out";
      return answer_;
    }
    number();
    if (build_chain() && (failed_.empty() && !want_order ? true : place_versions())) {
      answer_.verdict = Verdict::valid;
      answer_.event = kPending;
      if (want_order) arrange();
    }
    watch_.memory->release(bytes);
    return std::move(answer_);
  }

 private:
  /// The moments between the events: gap e lies between event e and event e + 1.
  struct Gaps {
    int64_t low;
    int64_t high;
  };

  /// The initial value is 0, whether it occurs or not.
  uint32_t node(int32_t value) { return value == initial_ ? 0 : ids_.id(value) + 1; }
  uint32_t seen(uint32_t i) const { return ops_[i].f == Function::cas ? to_[i] : from_[i]; }
  bool chained(uint32_t v) const { return position_[v] != kNone; }

  void number() {
    from_.resize(ops_.size());
    to_.assign(ops_.size(), kNone);
    position_.assign(1, 0);
    writer_.assign(1, kNone);
    chain_.assign(1, 0);
    seen_by_.assign(1, kNone);
    for (uint32_t i = 0; i < ops_.size(); ++i) {
      from_[i] = node(ops_[i].a);
      if (ops_[i].f == Function::cas) to_[i] = node(ops_[i].b);
      const size_t most = std::max(from_[i], to_[i] == kNone ? 0 : to_[i]);
      if (most >= writer_.size()) {
        writer_.resize(most + 1, kNone);
        position_.resize(most + 1, kNone);
      }
      if (to_[i] != kNone) writer_[to_[i]] = i;
      if (ops_[i].f == Function::failed_cas && !ops_[i].pending()) failed_.push_back(i);
    }
  }

  uint32_t head() const { return static_cast<uint32_t>(chain_.size() - 1); }

  bool build_chain() {
    std::vector<uint32_t> completed;
    for (uint32_t i = 0; i < ops_.size(); ++i)
      if (!ops_[i].pending()) completed.push_back(i);
    std::sort(completed.begin(), completed.end(),
              [&](uint32_t x, uint32_t y) { return ops_[x].returned < ops_[y].returned; });
    std::vector<uint32_t> head_at(ops_.size(), 0);  // position of the head at the invocation
    uint32_t invoked = 0;
    for (const uint32_t i : completed) {
      for (; invoked < ops_.size() && ops_[invoked].invoked < ops_[i].returned; ++invoked)
        head_at[invoked] = head();
      if (ops_[i].f == Function::failed_cas) continue;
      const uint32_t v = seen(i);
      if (!chained(v)) {
        if (!extend(v, i)) return false;
      } else if (ops_[i].f == Function::read && position_[v] < head_at[i]) {
        return refute_stale(i);
      }
    }
    return true;
  }

  /// Appends to the chain what leads from its head to `v`, which operation `i` shows.
  bool extend(uint32_t v, uint32_t i) {
    std::vector<uint32_t> path;
    uint32_t at = v;
    while (!chained(at)) {
      const uint32_t w = writer_[at];
      if (w == kNone || ops_[w].invoked > ops_[i].returned || path.size() > writer_.size()) {
        if (w != kNone) path.push_back(at);
        return refute(path, i);  // nobody has written it yet, or a cycle
      }
      path.push_back(at);
      at = from_[w];
    }
    if (position_[at] != head()) {
      add_links(position_[at] + 1);
      return refute(path, i);
    }
    for (size_t k = path.size(); k-- > 0;) {
      position_[path[k]] = static_cast<uint32_t>(chain_.size());
      chain_.push_back(path[k]);
      seen_by_.push_back(i);
    }
    return true;
  }

  /// Adds to the core what proves that the value at `position` was there.
  void add_links(uint32_t position) {
    const uint32_t witness = seen_by_[position];
    answer_.core.push_back(witness);
    for (uint32_t p = position; p <= position_[seen(witness)]; ++p)
      answer_.core.push_back(writer_[chain_[p]]);
  }

  bool refute_stale(uint32_t read) {
    const uint32_t p = position_[seen(read)];
    if (p > 0) answer_.core.push_back(writer_[chain_[p]]);
    add_links(p + 1);
    return refute({}, read);
  }

  bool refute(const std::vector<uint32_t>& path, uint32_t i) {
    for (const uint32_t v : path) answer_.core.push_back(writer_[v]);
    answer_.core.push_back(i);
    finish_core();
    answer_.event = ops_[i].returned;
    // What failed cas say is looked at later: one that returned before may have been wrong before.
    answer_.exact_event = std::none_of(failed_.begin(), failed_.end(),
                                       [&](uint32_t f) { return ops_[f].returned < ops_[i].returned; });
    return false;
  }

  void finish_core() {
    std::sort(answer_.core.begin(), answer_.core.end());
    answer_.core.erase(std::unique(answer_.core.begin(), answer_.core.end()), answer_.core.end());
    answer_.verdict = Verdict::invalid;
  }

  // ---- when each value came, and failed cas ---------------------------------------------------------------

  /// Finds for each value of the chain the gaps in which it can have come, given the values before it.
  bool place_versions() {
    const size_t n = chain_.size();
    std::vector<int64_t> low(n, 0);
    std::vector<int64_t> high(n, kPending);
    for (uint32_t i = 0; i < ops_.size(); ++i) {
      const Operation& op = ops_[i];
      if (op.f == Function::failed_cas || !chained(seen(i)) || (op.f == Function::read && op.pending()))
        continue;
      const uint32_t p = position_[seen(i)];
      // A value comes after its cas was invoked, and goes after its last read was.
      const size_t after = op.f == Function::cas ? p : p + 1;
      if (after < n) low[after] = std::max(low[after], int64_t{op.invoked});
      if (!op.pending()) high[p] = std::min(high[p], int64_t{op.returned} - 1);
    }
    for (size_t p = 1; p < n; ++p) low[p] = std::max(low[p], low[p - 1]);
    for (size_t p = n - 1; p-- > 0;) high[p] = std::min(high[p], high[p + 1]);

    std::vector<std::vector<uint32_t>> failed(n);  // by position, by invocation
    for (const uint32_t i : failed_)
      if (chained(from_[i])) failed[position_[from_[i]]].push_back(i);
    ranges_.assign(n, {});
    ranges_[0] = {{-1, -1}};
    for (size_t p = 0; p + 1 < n; ++p) {
      follow(ranges_[p], failed[p], {low[p + 1], high[p + 1]}, ranges_[p + 1]);
      if (ranges_[p + 1].empty()) return refute_failed(failed, p);
    }
    int64_t last = -1;  // the last value comes after every failed cas from it was invoked
    for (const uint32_t i : failed[n - 1]) last = std::max(last, int64_t{ops_[i].invoked});
    if (!failed[n - 1].empty() && ranges_[n - 1].back().high < last) {
      if (!replaced_unseen()) return refute_failed(failed, n - 1);
      answer_.undecided = true;
      answer_.event = 0;
      answer_.why = "failed compare-and-set operations need a search";
      return false;
    }
    choose(failed, last);
    return true;
  }

  /// Whether a crashed cas that nobody saw may have replaced the last value.
  bool replaced_unseen() const {
    for (uint32_t i = 0; i < ops_.size(); ++i)
      if (ops_[i].f == Function::cas && ops_[i].pending() && from_[i] == chain_.back()) return true;
    return false;
  }

  /// The latest gap at which the next value may come, if this one came in gap `e`.
  int64_t latest_next(const std::vector<uint32_t>& failed, int64_t e) const {
    int64_t latest = INT64_MAX;
    for (const uint32_t i : failed)
      if (int64_t{ops_[i].invoked} > e) latest = std::min(latest, int64_t{ops_[i].returned} - 1);
    return latest;
  }

  /// From the gaps of one value to those of the next.
  void follow(const std::vector<Gaps>& now, const std::vector<uint32_t>& failed, Gaps bounds,
              std::vector<Gaps>& next) const {
    // The earliest gap between two invocations of failed cas allows all that later ones there allow.
    std::vector<int64_t> latest(failed.size() + 1, INT64_MAX);
    for (size_t k = failed.size(); k-- > 0;)
      latest[k] = std::min(latest[k + 1], int64_t{ops_[failed[k]].returned} - 1);
    size_t range = 0;
    for (size_t k = 0; k <= failed.size(); ++k) {
      const int64_t begin = k == 0 ? INT64_MIN : int64_t{ops_[failed[k - 1]].invoked};
      const int64_t end = k == failed.size() ? INT64_MAX : int64_t{ops_[failed[k]].invoked};
      while (range < now.size() && now[range].high < begin) ++range;
      if (range == now.size()) break;
      const int64_t earliest = std::max(begin, now[range].low);
      if (earliest >= end) continue;
      const Gaps allowed{std::max(bounds.low, earliest), std::min(bounds.high, latest[k])};
      if (allowed.low > allowed.high) continue;
      if (!next.empty() && allowed.low <= next.back().high + 1) {
        next.back().high = std::max(next.back().high, allowed.high);
      } else {
        next.push_back(allowed);
      }
    }
  }

  /// The core: the values around `p` with all that bears on them; certain at the end for all we know.
  bool refute_failed(const std::vector<std::vector<uint32_t>>& failed, size_t p) {
    size_t first = p;
    while (first > 0 && !failed[first].empty()) --first;
    const size_t last = std::min(p + 1, chain_.size() - 1);
    for (size_t q = first; q <= p; ++q)
      answer_.core.insert(answer_.core.end(), failed[q].begin(), failed[q].end());
    for (uint32_t i = 0; i < ops_.size(); ++i) {
      answer_.event = std::max(answer_.event, ops_[i].pending() ? 0 : ops_[i].returned);
      if (ops_[i].f == Function::failed_cas || !chained(seen(i))) continue;
      if (position_[seen(i)] >= first && position_[seen(i)] <= last) answer_.core.push_back(i);
    }
    finish_core();
    return false;
  }

  /// Picks a gap for each value, from the last to the first.
  void choose(const std::vector<std::vector<uint32_t>>& failed, int64_t last) {
    const size_t n = chain_.size();
    at_.assign(n, -1);
    for (size_t p = n - 1; p > 0; --p) {
      // The latest gap that the next value leaves leaves the next value most.
      const int64_t limit = p == n - 1 ? INT64_MAX : at_[p + 1];
      for (const Gaps& g : ranges_[p])
        if (g.low <= limit) at_[p] = std::min(g.high, limit);
      if (p == n - 1) at_[p] = std::max(last, ranges_[p].back().low);
      RIVEN_CHECK(p == n - 1 || latest_next(failed[p], at_[p]) >= at_[p + 1],
                  "a version has no moment though its range says so");
    }
  }

  /// The linearization that goes with at_.
  void arrange() {
    struct Place {
      int64_t gap;
      int64_t version;  // -1: at the gap's beginning
      bool change;
      uint32_t op;
    };
    std::vector<Place> places;
    places.reserve(ops_.size());
    for (uint32_t i = 0; i < ops_.size(); ++i) {
      const Operation& op = ops_[i];
      const uint32_t v = seen(i);
      const int64_t invoked = op.invoked;
      if (op.f == Function::failed_cas) {
        if (op.pending()) continue;
        const uint32_t p = position_[v];
        if (p == kNone || (p > 0 && at_[p] >= invoked)) {
          places.push_back({invoked, -1, false, i});
        } else {
          places.push_back({std::max(invoked, at_[p + 1]), int64_t{p} + 1, false, i});
        }
      } else if (op.f == Function::cas) {
        if (chained(v)) places.push_back({at_[position_[v]], position_[v], true, i});
      } else if (!op.pending()) {
        places.push_back({std::max(invoked, at_[position_[v]]), position_[v], false, i});
      }
    }
    std::sort(places.begin(), places.end(), [](const Place& x, const Place& y) {
      if (x.gap != y.gap) return x.gap < y.gap;
      if (x.version != y.version) return x.version < y.version;
      return x.change != y.change ? x.change : x.op < y.op;
    });
    answer_.order.reserve(places.size());
    for (const Place& place : places) answer_.order.push_back(place.op);
  }

  std::span<const Operation> ops_;
  LocalIds ids_;
  const Watch& watch_;
  int32_t initial_;
  ZonesAnswer answer_;
  std::vector<uint32_t> from_;      // by operation: the value that it needs
  std::vector<uint32_t> to_;        // the value that it makes
  std::vector<uint32_t> writer_;    // by value
  std::vector<uint32_t> position_;  // by value: in chain_
  std::vector<uint32_t> chain_;     // the values that were there, in order
  std::vector<uint32_t> seen_by_;   // by position: the completion that showed it first
  std::vector<uint32_t> failed_;
  std::vector<std::vector<Gaps>> ranges_;  // by position
  std::vector<int64_t> at_;                // by position: the gap in which it came
};

}  // namespace

bool versions_apply(std::span<const Operation> part, int32_t initial, size_t values) {
  return std::none_of(part.begin(), part.end(),
                      [](const Operation& op) { return op.f == Function::write; }) &&
         zones_apply(part, initial, values);
}

ZonesAnswer check_versions(std::span<const Operation> part, int32_t initial, size_t values,
                           const Watch& watch, bool want_order) {
  return Versions(part, initial, values, watch).run(want_order);
}

}  // namespace riven::linearizable
