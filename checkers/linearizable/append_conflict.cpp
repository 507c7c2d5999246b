#include "checkers/linearizable/append_conflict.h"

#include <algorithm>
#include <tuple>

namespace riven::linearizable {

namespace {

constexpr uint32_t kNoOp = UINT32_MAX;

class Conflict {
 public:
  Conflict(std::span<const Operation> ops, const Spelling& spelling) : ops_(ops), spelling_(spelling) {
    place_states();
  }

  std::vector<uint32_t> find(const std::vector<uint32_t>& ends) {
    if (ends.empty()) return {};
    const uint32_t one = epoch_of(ends.front());
    uint32_t other = one;
    for (const uint32_t i : ends)
      if (epoch_of(i) != one) other = epoch_of(i);
    if (one == other) {
      within(ends);
    } else {
      between(one, other);
    }
    for (size_t k = 0, given = chosen_.size(); k < given; ++k) {
      if (ops_[chosen_[k]].f == Function::read) continue;
      const uint32_t shown_by = spelling_.shown_by(chosen_[k]);
      if (shown_by != Spelling::kNone) chosen_.push_back(shown_by);
    }
    return std::move(chosen_);
  }

 private:
  /// When an epoch, which begins with a put or with the history, is there: from `from` to `to`, or, where
  /// that is the other way round, for a moment between the two.
  struct Period {
    int64_t from = INT64_MAX;  // first return
    int64_t to = -1;           // last invocation
  };

  /// The state that an operation makes or sees: the update that made it, or the number of operations for the
  /// initial one.
  uint32_t state_of(uint32_t i) const {
    if (ops_[i].f == Function::cas || ops_[i].f == Function::write) return i;
    const uint32_t seen = spelling_.seen(i);
    return seen == Spelling::kInitial ? static_cast<uint32_t>(ops_.size()) : seen;
  }
  uint32_t epoch_of(uint32_t i) const { return epoch_[state_of(i)]; }
  /// In the order in which an epoch has to go: what makes a state before what sees it.
  uint64_t rank(uint32_t i) const {
    const bool sees = ops_[i].f == Function::read;
    return uint64_t{depth_[state_of(i)]} * 2 + (sees ? 1 : 0);
  }

  /// The epoch of each state and how many appends it has had.
  void place_states() {
    epoch_.assign(ops_.size() + 1, kNoOp);
    depth_.assign(ops_.size() + 1, 0);
    epoch_[ops_.size()] = static_cast<uint32_t>(ops_.size());
    std::vector<uint32_t> path;
    for (uint32_t i = 0; i < ops_.size(); ++i) {
      uint32_t at = i;
      for (; epoch_[at] == kNoOp; path.push_back(at), at = previous(at)) {
        if (ops_[at].f == Function::cas) continue;
        epoch_[at] = at;
        break;
      }
      for (; !path.empty(); at = path.back(), path.pop_back()) {
        epoch_[path.back()] = epoch_[at];
        depth_[path.back()] = depth_[at] + 1;
      }
    }
  }
  uint32_t previous(uint32_t append) const {
    const uint32_t before = spelling_.before(append);
    return before == Spelling::kInitial ? static_cast<uint32_t>(ops_.size()) : before;
  }
  bool counts(uint32_t i) const { return ops_[i].f != Function::failed_cas; }

  /// One that has to come first was invoked after the other had returned.
  void within(const std::vector<uint32_t>& ends) {
    const uint32_t epoch = epoch_of(ends.front());
    uint32_t late = ends.front();
    for (const uint32_t i : ends)
      if (ops_[i].invoked > ops_[late].invoked) late = i;
    uint32_t early = kNoOp;
    for (uint32_t i = 0; i < ops_.size(); ++i) {
      if (!counts(i) || ops_[i].returned >= ops_[late].invoked) continue;
      if (epoch_of(i) != epoch || rank(i) <= rank(late)) continue;
      if (early == kNoOp || ops_[i].returned > ops_[early].returned) early = i;
    }
    chosen_ = ends;
    if (early != kNoOp) chosen_ = {early, late};
  }

  /// Two epochs, each of which has to be there while the other is.
  void between(uint32_t one, uint32_t other) {
    const Period a = period_of(one);
    const Period b = period_of(other);
    for (const auto& [epoch, own, its] : {std::tuple(one, a, b), std::tuple(other, b, a)}) {
      // Not the ends of a long period, but what is next to the time of the conflict.
      const bool whole = own.from < own.to;
      const int64_t from = whole && its.from < its.to ? std::max(a.from, b.from) : std::min(its.from, its.to);
      const int64_t to = whole && its.from < its.to ? from : std::max(its.from, its.to);
      add_around(epoch, whole ? from : own.from, whole ? to : own.to);
    }
  }

  /// Of an epoch the last to return until `from`, and the first invoked from `to` on.
  void add_around(uint32_t epoch, int64_t from, int64_t to) {
    uint32_t before = kNoOp;
    uint32_t after = kNoOp;
    for (uint32_t i = 0; i < ops_.size(); ++i) {
      if (!counts(i) || epoch_of(i) != epoch) continue;
      if (returned(i) <= from && (before == kNoOp || ops_[i].returned > ops_[before].returned)) before = i;
      if (int64_t{ops_[i].invoked} >= to && after == kNoOp) after = i;
    }
    for (const uint32_t i : {before, after})
      if (i != kNoOp) chosen_.push_back(i);
  }

  int64_t returned(uint32_t i) const { return ops_[i].pending() ? INT64_MAX : int64_t{ops_[i].returned}; }

  Period period_of(uint32_t epoch) const {
    Period period;
    if (epoch == ops_.size()) period.from = -1;
    for (uint32_t i = 0; i < ops_.size(); ++i) {
      if (!counts(i) || epoch_of(i) != epoch) continue;
      period.from = std::min(period.from, returned(i));
      period.to = std::max(period.to, int64_t{ops_[i].invoked});
    }
    return period;
  }

  std::span<const Operation> ops_;
  const Spelling& spelling_;
  std::vector<uint32_t> epoch_;  // by state
  std::vector<uint32_t> depth_;
  std::vector<uint32_t> chosen_;
};

}  // namespace

std::vector<uint32_t> append_conflict(std::span<const Operation> ops, const Spelling& spelling,
                                      const std::vector<uint32_t>& ends) {
  return Conflict(ops, spelling).find(ends);
}

}  // namespace riven::linearizable
