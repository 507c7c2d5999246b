#include "checkers/linearizable/verifier.h"

#include <algorithm>
#include <set>

namespace riven::linearizable {

namespace {

constexpr size_t kMostRemembered = 200'000;
constexpr size_t kMostStates = 16;

class Orders {
 public:
  Orders(const ModelSpec& spec, std::span<const Operation> ops, uint32_t event, const Watch& watch)
      : ops_(ops), event_(event), watch_(watch), memory_(watch.memory) {
    std::vector<Operation> effects;
    for (const Operation& op : ops) {
      effects_.emplace_back();
      for (const Operation& effect : op.pending() ? spec.crashed_as(op, ops) : std::vector<Operation>{op}) {
        effects_.back().push_back(static_cast<uint32_t>(effects.size()));
        effects.push_back(effect);
      }
    }
    for (uint32_t i = 0; i < ops.size(); ++i) {
      twin_.push_back(kNone);
      for (uint32_t j = 0; j < i && ops[i].pending(); ++j)
        if (ops[j].pending() && ops[j].f == ops[i].f && ops[j].a == ops[i].a && ops[j].b == ops[i].b)
          twin_.back() = j;
    }
    space_ = spec.make(std::move(effects));
    space_->keep_to(watch);
  }

  SecondOpinion run() {
    SecondOpinion opinion;
    const bool found = go(Set((ops_.size() + 63) / 64 + 1, 0), space_->initial());
    if (found) opinion.verdict = Verdict::valid;
    if (!found && !gave_up_) opinion.verdict = Verdict::invalid;
    for (const uint32_t state : states_) opinion.states.push_back(space_->describe(state));
    return opinion;
  }

 private:
  static constexpr uint32_t kNone = UINT32_MAX;
  /// Operations that are done, one bit each; the state in the last word.
  using Set = std::vector<uint64_t>;

  static bool has(const Set& done, uint32_t i) { return (done[i / 64] >> (i % 64) & 1) != 0; }

  bool go(Set done, uint32_t state) {
    done.back() = state;
    if (gave_up_ || !remembered_.insert(done).second) return false;
    if (remembered_.size() % 256 == 0 || space_->exhausted()) {
      const uint64_t bytes = remembered_.size() * (done.size() * 8 + 96);
      gave_up_ = remembered_.size() > kMostRemembered || watch_.expired() || !memory_.grow_to(bytes);
    }
    uint32_t limit = kPending;  // the first that has to be done
    for (uint32_t i = 0; i < ops_.size(); ++i)
      if (!has(done, i)) limit = std::min(limit, ops_[i].returned);
    if (limit == kPending) return true;
    if (limit >= event_) note(state);
    for (uint32_t i = 0; i < ops_.size() && ops_[i].invoked <= limit; ++i) {
      if (has(done, i) || (twin_[i] != kNone && !has(done, twin_[i]))) continue;
      for (const uint32_t effect : effects_[i]) {
        const uint32_t to = space_->step(state, effect);
        if (to == StateSpace::kIllegal) continue;
        Set more = done;
        more[i / 64] |= uint64_t{1} << (i % 64);
        if (go(std::move(more), to)) return true;
      }
    }
    return false;
  }

  void note(uint32_t state) {
    if (states_.size() < kMostStates && std::find(states_.begin(), states_.end(), state) == states_.end())
      states_.push_back(state);
  }

  std::span<const Operation> ops_;
  uint32_t event_;
  const Watch& watch_;
  Reservation memory_;
  std::vector<std::vector<uint32_t>> effects_;  // kinds that an operation may have been
  std::vector<uint32_t> twin_;                  // the pending one that is taken before
  std::unique_ptr<StateSpace> space_;
  std::set<Set> remembered_;
  std::vector<uint32_t> states_;
  bool gave_up_ = false;
};

}  // namespace

SecondOpinion ask_again(const ModelSpec& spec, std::span<const Operation> ops, uint32_t event,
                        const Watch& watch) {
  constexpr size_t kMostOperations = 2000;  // deeper recursion is not what this is for
  if (ops.size() > kMostOperations) return {};
  return Orders(spec, ops, event, watch).run();
}

}  // namespace riven::linearizable
