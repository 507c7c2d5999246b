// From versions in a circle to transactions in a circle.
#include <algorithm>

#include "checkers/isolation/proof/prove.h"
#include "checkers/isolation/proof/reasons.h"

namespace riven::checkers::isolation {

namespace {

class CircleWalk {
 public:
  CircleWalk(const Transactions& t, const std::vector<uint32_t>& circle) : t_(t), circle_(circle) {}

  /// Begins where real time makes version `i` come before the next one. False: that gives no circle of
  /// transactions.
  bool run(size_t i, const Before& why) {
    const uint32_t writer = maker_txn(i);
    const auto [first, first_mop] = find(why.first);
    const auto [second, second_mop] = find(why.second);
    if (writer == kNone || first == second) return false;
    steps_.clear();
    if (first != writer) steps_.push_back({writer, kWr, circle_[i], first_mop});
    steps_.push_back({first, kRealtime});
    uint32_t at = second;
    uint32_t mop = second_mop;
    for (size_t n = 2; n <= circle_.size(); ++n) {
      const size_t next = (i + n) % circle_.size();
      const uint32_t to = maker_txn(next);
      if (to == kNone) return false;
      if (to != at) steps_.push_back({at, t_.mops[mop].is_write() ? kWw : kRw, mop, circle_[next]});
      at = to;
      mop = circle_[next];
    }
    return at == writer && steps_.size() > 1;
  }
  Cycle cycle() {
    Cycle out;
    out.steps = std::move(steps_);
    size_t missed = 0;
    bool adjacent = false;
    bool read = false;
    for (size_t i = 0; i < out.steps.size(); ++i) {
      const bool rw = out.steps[i].label == kRw;
      missed += rw ? 1 : 0;
      read = read || out.steps[i].label == kWr;
      adjacent = adjacent || (rw && out.steps[(i + 1) % out.steps.size()].label == kRw);
    }
    const Shape shape = missed > 1 && adjacent ? Shape::adjacent
                        : missed > 1           ? Shape::nonadjacent
                        : missed == 1          ? Shape::single
                        : read                 ? Shape::g1c
                                               : Shape::g0;
    out.cycle_class = {shape, Order::realtime, false};
    return out;
  }

 private:
  uint32_t maker_txn(size_t i) const { return circle_[i] == kNone ? kNone : t_.txn_of(circle_[i]); }
  std::pair<uint32_t, uint32_t> find(const Access& access) const {
    const auto at = std::lower_bound(t_.invoke.begin(), t_.invoke.end(), access.invoke);
    const auto txn = static_cast<uint32_t>(at - t_.invoke.begin());
    return {txn, t_.begin_of(txn) + access.place};
  }

  const Transactions& t_;
  const std::vector<uint32_t>& circle_;
  std::vector<Cycle::Step> steps_;
};

}  // namespace

std::optional<Cycle> transactions_of_circle(const Transactions& t, const VersionOrders& orders,
                                            const KeyGroups& groups, const RegisterOptions& assumed,
                                            const std::vector<uint32_t>& circle) {
  const Reasons reasons(t, orders, groups, assumed);
  CircleWalk walk(t, circle);
  const auto version = [&](size_t i) {
    const uint32_t m = circle[i % circle.size()];
    return m == kNone ? 0 : t.mops[m].version();
  };
  const auto named = std::find_if(circle.begin(), circle.end(), [](uint32_t m) { return m != kNone; });
  if (named == circle.end()) return std::nullopt;
  // Best one that a read closes: a stale read says more than two writes against real time.
  std::optional<Cycle> best;
  for (size_t i = 0; i < circle.size(); ++i) {
    const auto why = reasons.before(t.mops[*named].key, version(i), version(i + 1), true);
    if (!why || why->why != Why::realtime || !walk.run(i, *why)) continue;
    Cycle cycle = walk.cycle();
    const bool reads = cycle.cycle_class.shape >= Shape::single;
    if (!best || (reads && best->cycle_class.shape < Shape::single)) best = std::move(cycle);
  }
  return best;
}

}  // namespace riven::checkers::isolation
