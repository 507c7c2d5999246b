// Cuts a history on which the two differ.
#include <algorithm>
#include <functional>

#include "tests/checkers/isolation/plain/comparison.h"

namespace riven::checkers::isolation::plain {

namespace {

class Reduction {
 public:
  Reduction(Draft draft, const std::string& difference) : draft_(std::move(draft)), difference_(difference) {}

  Draft run() {
    do {
      smaller_ = false;
      drop_many();
      drop_steps();
      simplify();
    } while (smaller_);
    return std::move(draft_);
  }

 private:
  bool keep(Draft changed) {
    if (!differences(changed, nullptr).contains(difference_)) return false;
    draft_ = std::move(changed);
    return smaller_ = true;
  }

  /// Without what was written in [first, last), which no read then sees.
  static void erase_values(Draft& draft, const std::vector<DraftStep>& gone) {
    for (DraftTxn& txn : draft.txns) {
      for (DraftStep& step : txn.steps) {
        std::erase_if(step.seen, [&](int64_t seen) {
          return std::any_of(gone.begin(), gone.end(),
                             [&](const DraftStep& g) { return g.write && g.value == seen; });
        });
      }
    }
  }
  static Draft without(const Draft& draft, size_t first, size_t last) {
    Draft out = draft;
    std::vector<DraftStep> gone;
    for (size_t t = first; t < last; ++t)
      gone.insert(gone.end(), draft.txns[t].steps.begin(), draft.txns[t].steps.end());
    out.txns.erase(out.txns.begin() + static_cast<ptrdiff_t>(first),
                   out.txns.begin() + static_cast<ptrdiff_t>(last));
    erase_values(out, gone);
    return out;
  }

  void drop_many() {
    for (size_t length = std::max<size_t>(1, draft_.txns.size() / 2); length > 0; length /= 2) {
      for (size_t first = 0; first < draft_.txns.size();) {
        const size_t last = std::min(draft_.txns.size(), first + length);
        if (!keep(without(draft_, first, last))) first = last;
      }
    }
  }

  void drop_steps() {
    for (size_t t = 0; t < draft_.txns.size(); ++t) {
      for (size_t s = 0; s < draft_.txns[t].steps.size();) {
        Draft changed = draft_;
        auto& steps = changed.txns[t].steps;
        const DraftStep gone = steps[s];
        steps.erase(steps.begin() + static_cast<ptrdiff_t>(s));
        erase_values(changed, {gone});
        if (steps.empty() || !keep(std::move(changed))) ++s;
      }
    }
  }

  /// A session of its own for each transaction, one after the other, all told how they ended.
  void simplify() {
    for (size_t t = 0; t < draft_.txns.size(); ++t) {
      Process fresh = 0;
      for (const DraftTxn& txn : draft_.txns) fresh = std::max(fresh, txn.process + 1);
      if (alone(t)) continue;
      change(t, [&](DraftTxn& txn) { txn.process = fresh; });
    }
    for (size_t t = 0; t < draft_.txns.size(); ++t) {
      if (draft_.txns[t].outcome == OpType::info && draft_.txns[t].completed != DraftTxn::kPending &&
          alone(t))
        change(t, [](DraftTxn& txn) { txn.completed = DraftTxn::kPending; });
      if (draft_.txns[t].outcome != OpType::ok && draft_.txns[t].completed != DraftTxn::kPending)
        change(t, [](DraftTxn& txn) { txn.outcome = OpType::ok; });
    }
  }
  bool alone(size_t t) const {
    return std::count_if(draft_.txns.begin(), draft_.txns.end(),
                         [&](const DraftTxn& txn) { return txn.process == draft_.txns[t].process; }) == 1;
  }
  void change(size_t t, const std::function<void(DraftTxn&)>& how) {
    Draft changed = draft_;
    how(changed.txns[t]);
    keep(std::move(changed));
  }

  Draft draft_;
  std::string difference_;
  bool smaller_ = false;
};

}  // namespace

Draft reduced(Draft draft, const std::string& difference) {
  return Reduction(std::move(draft), difference).run();
}

}  // namespace riven::checkers::isolation::plain
