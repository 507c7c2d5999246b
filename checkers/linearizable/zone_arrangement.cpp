#include <algorithm>

#include "checkers/linearizable/dfs.h"
#include "checkers/linearizable/zone_table.h"

namespace riven::linearizable {

namespace {

constexpr size_t kMaxSpares = 4;
constexpr uint64_t kSearchBytes = uint64_t{4} << 20;

/// A few operations of a register, each its own kind; the state is a local value id.
class WindowSpace final : public StateSpace {
 public:
  struct Step {
    Function f;
    uint32_t from;
    uint32_t to;
  };
  WindowSpace(uint32_t initial, std::vector<Step> steps)
      : StateSpace(0), initial_(initial), steps_(std::move(steps)) {}
  uint32_t initial() override { return initial_; }
  std::string describe(uint32_t state) const override { return std::to_string(state); }
  Traits traits(uint32_t kind) const override {
    const Function f = steps_[kind].f;
    return {.observer = f == Function::read || f == Function::failed_cas, .overwrite = f == Function::write};
  }

 private:
  uint32_t compute(uint32_t state, uint32_t kind) override {
    const Step& step = steps_[kind];
    if (step.f == Function::write) return step.to;
    if ((step.f == Function::failed_cas) == (state == step.from)) return kIllegal;
    return step.f == Function::cas ? step.to : state;
  }
  uint32_t initial_;
  std::vector<Step> steps_;
};

}  // namespace

bool ZoneArrangement::find(const std::vector<uint32_t>& open, bool use_spare, int64_t deadline_ns,
                           std::vector<uint32_t>& order) {
  arrange();
  if (!measure()) return false;
  const std::vector<uint32_t> unplaced = place(open);
  if (!unplaced.empty() && !repair_all(unplaced, use_spare, deadline_ns)) return false;
  order = std::move(order_);
  return true;
}

/// A linearization of all but the failed cas.
void ZoneArrangement::arrange() {
  struct Place {
    int64_t at;
    bool backward;  // at one moment, after the forward zone that ends there
    uint32_t chain;
  };
  std::vector<Place> places;
  places.reserve(t_.chains.size());
  for (uint32_t i = 0; i < t_.chains.size(); ++i) {
    const ZoneChain& chain = t_.chains[i];
    places.push_back({chain.forward() ? chain.low : outside(chain.high), !chain.forward(), i});
  }
  std::sort(places.begin(), places.end(), [](const Place& x, const Place& y) {
    return x.at != y.at ? x.at < y.at : x.backward != y.backward ? y.backward : x.chain < y.chain;
  });
  // Reads of each value, by invocation.
  std::vector<uint32_t> first(t_.clusters.size() + 1, 0);
  for (uint32_t i = 0; i < t_.ops.size(); ++i)
    if (t_.ops[i].f == Function::read) ++first[t_.ends[i].from + 1];
  for (size_t v = 1; v < first.size(); ++v) first[v] += first[v - 1];
  std::vector<uint32_t> reads(first.back());
  std::vector<uint32_t> fill(first.begin(), first.end() - 1);
  for (uint32_t i = 0; i < t_.ops.size(); ++i)
    if (t_.ops[i].f == Function::read) reads[fill[t_.ends[i].from]++] = i;

  order_.clear();
  order_.reserve(t_.ops.size());
  for (const Place& place : places) {
    for (uint32_t v = t_.chains[place.chain].root; v != kNoOp; v = t_.after(v)) {
      if (t_.clusters[v].writer != kNoOp) order_.push_back(t_.clusters[v].writer);
      order_.insert(order_.end(), reads.begin() + first[v], reads.begin() + first[v + 1]);
    }
  }
}

/// The first moment from t on that is in no forward zone.
int64_t ZoneArrangement::outside(int64_t t) const {
  const auto later = std::upper_bound(t_.forward.begin(), t_.forward.end(), t,
                                      [&](int64_t x, uint32_t z) { return x < t_.chains[z].low; });
  return later == t_.forward.begin() ? t : std::max(t, t_.chains[*(later - 1)].high);
}

/// Fills the tables that go with order_. False if it goes against real time.
bool ZoneArrangement::measure() {
  const size_t n = order_.size();
  latest_.assign(n + 1, kAlways);
  soonest_.assign(n + 1, kNever);
  value_.assign(n + 1, ZoneTable::kRoot);
  until_.assign(t_.clusters.size(), 0);
  for (size_t k = 0; k < n; ++k) {
    latest_[k + 1] = std::max(latest_[k], t_.invoked(order_[k]));
    const uint32_t to = t_.ends[order_[k]].to;
    const bool changes = to != kNoOp && t_.ops[order_[k]].f != Function::failed_cas;
    value_[k + 1] = changes ? to : value_[k];
    if (changes) until_[value_[k]] = static_cast<uint32_t>(k + 1);
    if (t_.returned(order_[k]) <= latest_[k]) return false;
  }
  for (size_t k = n; k-- > 0;) soonest_[k] = std::min(soonest_[k + 1], t_.returned(order_[k]));
  until_[value_[n]] = static_cast<uint32_t>(n + 1);
  return true;
}

/// Puts failed cas into the order, each as early as it can be; gives back those that do not fit.
std::vector<uint32_t> ZoneArrangement::place(const std::vector<uint32_t>& failed) {
  const size_t n = order_.size();
  std::vector<uint32_t> by_return(failed.size());
  for (uint32_t i = 0; i < failed.size(); ++i) by_return[i] = i;
  std::sort(by_return.begin(), by_return.end(),
            [&](uint32_t x, uint32_t y) { return t_.returned(failed[x]) < t_.returned(failed[y]); });
  std::vector<std::pair<size_t, uint32_t>> placed;  // position, failed cas
  std::vector<size_t> where(failed.size(), 0);
  std::vector<uint32_t> unplaced;
  size_t bound = 0;
  size_t passed = 0;
  for (size_t i = 0; i < failed.size(); ++i) {
    const uint32_t f = failed[i];
    // What had returned before f was invoked comes before it.
    for (; passed < failed.size() && t_.returned(failed[by_return[passed]]) < t_.invoked(f); ++passed)
      bound = std::max(bound, where[by_return[passed]]);
    auto k = static_cast<size_t>(
        std::upper_bound(soonest_.begin(), soonest_.begin() + static_cast<std::ptrdiff_t>(n), t_.invoked(f)) -
        soonest_.begin());
    k = std::max(k, bound);
    if (value_[k] == t_.ends[f].from) k = until_[t_.ends[f].from];
    if (k > n || latest_[k] >= t_.returned(f)) {
      unplaced.push_back(f);
      continue;
    }
    where[i] = k;
    placed.emplace_back(k, f);
  }
  std::stable_sort(placed.begin(), placed.end(),
                   [](const auto& x, const auto& y) { return x.first < y.first; });
  std::vector<uint32_t> merged;
  merged.reserve(n + failed.size());
  size_t next = 0;
  for (size_t k = 0; k <= n; ++k) {
    for (; next < placed.size() && placed[next].first == k; ++next) merged.push_back(placed[next].second);
    if (k < n) merged.push_back(order_[k]);
  }
  order_ = std::move(merged);
  return unplaced;
}

/// Rearranges the operations around the place of each of `unplaced` (by invocation) so that it fits. What
/// comes before the place is in repaired_, what comes after still in order_: a place costs no more than its
/// window.
bool ZoneArrangement::repair_all(const std::vector<uint32_t>& unplaced, bool use_spare, int64_t deadline_ns) {
  if (!measure()) return false;
  repaired_.clear();
  repaired_.reserve(order_.size() + unplaced.size());
  next_ = 0;
  if (use_spare) {
    spare_used_.assign(t_.ops.size(), false);
    for (const uint32_t op : order_) spare_used_[op] = true;
  }
  for (const uint32_t failed : unplaced)
    if (!repair(failed, use_spare, deadline_ns)) return false;
  move_to(repaired_.size() + order_.size() - next_);
  order_.clear();
  for (const Repaired& r : repaired_) order_.push_back(r.op);
  return measure();
}

void ZoneArrangement::append(uint32_t op) {
  const Repaired before = repaired_.empty() ? Repaired{kNoOp, ZoneTable::kRoot, kAlways} : repaired_.back();
  const uint32_t to = t_.ends[op].to;
  const bool changes = to != kNoOp && t_.ops[op].f != Function::failed_cas;
  repaired_.push_back({op, changes ? to : before.value, std::max(before.latest, t_.invoked(op))});
}

/// Makes repaired_ end at `position`, which is not before its end.
void ZoneArrangement::move_to(size_t position) {
  while (repaired_.size() < position) append(order_[next_++]);
}

/// The first position from which on everything returns after t.
size_t ZoneArrangement::first_after(int64_t t) const {
  const auto rest = soonest_.begin() + static_cast<std::ptrdiff_t>(next_);
  const auto found = std::upper_bound(rest, soonest_.end() - 1, t) - rest;
  size_t at = repaired_.size() + static_cast<size_t>(found);
  if (found == 0)
    while (at > 0 && t_.returned(repaired_[at - 1].op) > t) --at;
  return at;
}

/// The last position up to which everything was invoked before t.
size_t ZoneArrangement::last_before(int64_t t) const {
  if (!repaired_.empty() && repaired_.back().latest >= t) {
    const auto found = std::lower_bound(repaired_.begin(), repaired_.end(), t,
                                        [](const Repaired& r, int64_t x) { return r.latest < x; });
    return static_cast<size_t>(found - repaired_.begin());
  }
  const auto rest = latest_.begin() + static_cast<std::ptrdiff_t>(next_) + 1;
  return repaired_.size() + static_cast<size_t>(std::lower_bound(rest, latest_.end(), t) - rest);
}

bool ZoneArrangement::repair(uint32_t failed, bool use_spare, int64_t deadline_ns) {
  const size_t first = first_after(t_.invoked(failed));
  const size_t last = last_before(t_.returned(failed));
  const size_t n = repaired_.size() + order_.size() - next_;
  for (const size_t width : {size_t{8}, size_t{32}, size_t{128}}) {
    if (monotonic_now_ns() >= deadline_ns) return false;
    const size_t low = std::min(first, last);
    const size_t begin = low > width ? low - width : 0;
    const size_t end = std::min(n, std::max(first, last) + width);
    if (search(begin, end, failed, use_spare, deadline_ns)) return true;
  }
  return false;
}

/// The operations of [begin, end) and `failed`, with crashed writes that nobody saw where these may help.
std::vector<uint32_t> ZoneArrangement::window_of(size_t begin, size_t end, uint32_t failed,
                                                 bool use_spare) const {
  std::vector<uint32_t> window;
  for (size_t i = begin; i < end; ++i) window.push_back(repaired_[i].op);
  window.push_back(failed);
  if (use_spare) {
    // One that is in the order already is found there; one elsewhere must not come twice.
    int64_t limit = std::min(t_.returned(failed), soonest_[next_]);
    for (size_t i = end; i < repaired_.size(); ++i) limit = std::min(limit, t_.returned(repaired_[i].op));
    const auto invoked_before = [&](uint32_t spare, int64_t t) { return t_.invoked(spare) < t; };
    auto at = std::lower_bound(t_.spare.begin(), t_.spare.end(), limit, invoked_before);
    for (size_t spares = 0; at != t_.spare.begin() && spares < kMaxSpares;) {
      --at;
      if (spare_used_[*at]) continue;
      window.push_back(*at);
      ++spares;
    }
  }
  std::sort(window.begin(), window.end());  // by invocation
  return window;
}

bool ZoneArrangement::search(size_t begin, size_t end, uint32_t failed, bool use_spare, int64_t deadline_ns) {
  move_to(end);
  const std::vector<uint32_t> window = window_of(begin, end, failed, use_spare);
  const uint32_t before = begin == 0 ? ZoneTable::kRoot : repaired_[begin - 1].value;
  const uint32_t after = end == 0 ? ZoneTable::kRoot : repaired_[end - 1].value;
  MemoryMeter memory(kSearchBytes, false);
  Problem problem;
  std::vector<WindowSpace::Step> steps;
  for (uint32_t i = 0; i < window.size(); ++i) {
    const Operation& op = t_.ops[window[i]];
    steps.push_back({op.f, t_.ends[window[i]].from, t_.ends[window[i]].to});
    if (op.pending()) {
      problem.pools.push_back({{i}, {op.invoked}, {i}});
    } else {
      problem.live.push_back(op);
      problem.kind.push_back(i);
      problem.member.push_back(i);
    }
  }
  // What follows needs the value that it had: as if it were read at the end.
  const auto last = static_cast<uint32_t>(window.size());
  steps.push_back({Function::read, after, kNoOp});
  problem.live.push_back({.invoked = kPending - 2, .returned = kPending - 1});
  problem.kind.push_back(last);
  problem.member.push_back(last);
  problem.space = std::make_unique<WindowSpace>(before, std::move(steps));
  for (uint32_t k = 0; k <= last; ++k) problem.traits.push_back(problem.space->traits(k));

  const Answer answer = search_depth_first(problem, Watch{deadline_ns, &memory, nullptr}, true);
  if (answer.verdict != Verdict::valid) return false;
  const std::vector<Repaired> behind(repaired_.begin() + static_cast<std::ptrdiff_t>(end), repaired_.end());
  repaired_.resize(begin);
  for (const uint32_t i : answer.order) {
    if (i == last) continue;
    append(window[i]);
    if (use_spare) spare_used_[window[i]] = true;
  }
  for (const Repaired& r : behind) append(r.op);
  return true;
}

}  // namespace riven::linearizable
