#include <algorithm>

#include "checkers/linearizable/dfs.h"
#include "checkers/linearizable/zone_table.h"

namespace riven::linearizable {

namespace {

constexpr size_t kMaxRepairs = 4096;
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
  uint64_t memory_bytes() const override { return 0; }
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
  if (unplaced.size() > kMaxRepairs || !measure()) return false;
  for (const uint32_t failed : unplaced)
    if (!repair(failed, use_spare, deadline_ns)) return false;
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

/// Rearranges the operations around the place of `failed` so that it fits.
bool ZoneArrangement::repair(uint32_t failed, bool use_spare, int64_t deadline_ns) {
  const auto n = static_cast<std::ptrdiff_t>(order_.size());
  const auto first =
      std::upper_bound(soonest_.begin(), soonest_.begin() + n, t_.invoked(failed)) - soonest_.begin();
  const auto last =
      std::lower_bound(latest_.begin(), latest_.begin() + n + 1, t_.returned(failed)) - latest_.begin() - 1;
  for (const std::ptrdiff_t width : {8, 32, 128}) {
    if (monotonic_now_ns() >= deadline_ns) return false;
    const auto begin = static_cast<size_t>(std::max<std::ptrdiff_t>(0, std::min(first, last) - width));
    const auto end = static_cast<size_t>(std::min(n, std::max(first, last) + width));
    if (search(begin, end, failed, use_spare, deadline_ns)) return true;
  }
  return false;
}

bool ZoneArrangement::search(size_t begin, size_t end, uint32_t failed, bool use_spare, int64_t deadline_ns) {
  std::vector<uint32_t> window(order_.begin() + static_cast<std::ptrdiff_t>(begin),
                               order_.begin() + static_cast<std::ptrdiff_t>(end));
  window.push_back(failed);
  if (use_spare) {
    // A spare write that is in the order already is found there; one elsewhere must not come twice.
    size_t spares = 0;
    for (auto at = t_.spare.rbegin(); at != t_.spare.rend() && spares < kMaxSpares; ++at) {
      if (t_.invoked(*at) >= t_.returned(failed)) continue;
      if (std::find(order_.begin(), order_.end(), *at) != order_.end()) continue;
      window.push_back(*at);
      ++spares;
    }
  }
  std::sort(window.begin(), window.end());  // by invocation
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
  steps.push_back({Function::read, value_[end], kNoOp});
  problem.live.push_back({.invoked = kPending - 2, .returned = kPending - 1});
  problem.kind.push_back(last);
  problem.member.push_back(last);
  problem.space = std::make_unique<WindowSpace>(value_[begin], std::move(steps));
  for (uint32_t k = 0; k <= last; ++k) problem.traits.push_back(problem.space->traits(k));

  MemoryMeter memory(kSearchBytes);
  const Answer answer = search_depth_first(problem, Watch{deadline_ns, &memory, nullptr}, true);
  if (answer.verdict != Verdict::valid) return false;
  std::vector<uint32_t> order(order_.begin(), order_.begin() + static_cast<std::ptrdiff_t>(begin));
  for (const uint32_t i : answer.order)
    if (i != last) order.push_back(window[i]);
  order.insert(order.end(), order_.begin() + static_cast<std::ptrdiff_t>(end), order_.end());
  order_ = std::move(order);
  return measure();
}

}  // namespace riven::linearizable
