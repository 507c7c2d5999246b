#include "checkers/linearizable/dfs.h"

#include <algorithm>

#include "checkers/linearizable/fingerprint.h"

namespace riven::linearizable {

namespace {

constexpr uint32_t kEnd = UINT32_MAX;
constexpr size_t kMaxStates = 16;

}  // namespace

class DepthFirstSearch::Impl {
 public:
  Impl(Problem& problem, const Watch& watch, bool want_order)
      : p_(problem),
        watch_(watch),
        want_order_(want_order),
        seen_(watch.memory),
        used_(problem.pools.size(), 0),
        memory_(watch.memory) {
    p_.space->keep_to(watch);
    const auto n = static_cast<uint32_t>(p_.live.size());
    next_.resize(n + 1);
    previous_.resize(n + 1);
    for (uint32_t i = 0; i <= n; ++i) {  // n is the list's head
      next_[i] = i == n ? (n == 0 ? kEnd : 0) : (i + 1 == n ? kEnd : i + 1);
      previous_[i] = i == 0 ? n : i - 1;
    }
    state_ = p_.space->initial();
    seen_kind_.assign(p_.traits.size(), 0);
  }

  bool advance(int64_t until_ns) {
    if (ended_) return true;
    verdict_ = search(until_ns);
    ended_ = verdict_ != Verdict::unknown || !why_.empty();
    return ended_;
  }

  Answer answer() const {
    Answer answer;
    answer.engine = "dfs";
    answer.verdict = verdict_;
    answer.configurations = seen_.size();
    answer.event = answer.verdict == Verdict::valid ? kPending : proved_;
    answer.exact_event = answer.verdict == Verdict::invalid;
    answer.why = why_;
    for (const uint32_t state : states_) answer.states.push_back(p_.space->describe(state));
    if (answer.verdict == Verdict::valid && want_order_) {
      std::vector<uint32_t> taken(p_.pools.size(), 0);  // of a pool, in the order of invocation
      for (const Step& step : path_) {
        if (step.pool == kEnd) {
          answer.order.push_back(p_.member[step.choice]);
        } else {
          answer.order.push_back(p_.pools[step.pool].members[taken[step.pool]++]);
        }
      }
    }
    return answer;
  }

 private:
  struct Candidate {
    uint32_t returned;
    uint32_t choice;  // live operation, or kind of the pool
    uint32_t pool;
    uint32_t state;
  };
  struct Step {
    uint32_t choice;
    uint32_t pool;
    uint32_t state;    // before
    uint32_t ordinal;  // of the candidate taken; kForced: no alternative
  };
  static constexpr uint32_t kForced = UINT32_MAX;

  /// `unknown` without a reason: it was the end of a turn.
  Verdict search(int64_t until_ns) {
    for (uint64_t steps = 1;; ++steps) {
      if ((steps & 127) == 0 || p_.space->exhausted()) {
        if (watch_.expired()) why_ = "the time ran out";
        if (!account()) why_ = "the memory ran out";
        if (!why_.empty() || monotonic_now_ns() >= until_ns) return Verdict::unknown;
      }
      take_observers();
      if (next_[head()] == kEnd) return Verdict::valid;
      collect();
      uint32_t from = 0;
      if (candidates_.size() > 1) {
        const auto inserted = seen_.insert(fingerprint());
        if (inserted == FingerprintSet::Insertion::out_of_memory) {
          why_ = "the memory ran out";
          return Verdict::unknown;
        }
        if (inserted == FingerprintSet::Insertion::present) candidates_.clear();
      }
      while (from >= candidates_.size()) {
        if (!back(from)) return Verdict::invalid;
        collect();
      }
      const Candidate c = candidates_[from];
      push({c.choice, c.pool, state_, from}, c.state);
    }
  }

  /// Reserves what the path has grown by.
  bool account() { return memory_.grow_to(path_.capacity() * sizeof(Step) * 2); }

  uint32_t head() const { return static_cast<uint32_t>(p_.live.size()); }

  /// Takes all operations that change nothing and are legal now, as steps without alternative.
  void take_observers() {
    for (bool again = true; again;) {
      again = false;
      uint32_t limit = kPending;
      for (uint32_t i = next_[head()]; i != kEnd; i = next_[i]) {
        if (p_.live[i].invoked > limit) break;
        if (p_.traits[p_.kind[i]].observer && p_.space->step(state_, p_.kind[i]) != StateSpace::kIllegal) {
          push({i, kEnd, state_, kForced}, state_);
          again = true;  // the limit moved: others may come within reach
          continue;
        }
        limit = std::min(limit, p_.live[i].returned);
      }
      if (limit != kPending || next_[head()] == kEnd) note_progress(limit);
    }
  }

  void note_progress(uint32_t limit) {
    if (limit < proved_) return;
    if (limit > proved_) states_.clear();
    proved_ = limit;
    if (states_.size() < kMaxStates && std::find(states_.begin(), states_.end(), state_) == states_.end())
      states_.push_back(state_);
  }

  /// The steps possible from here, in the order in which to try them.
  void collect() {
    candidates_.clear();
    ++epoch_;
    uint32_t limit = kPending;
    for (uint32_t i = next_[head()]; i != kEnd; i = next_[i]) {
      const Operation& op = p_.live[i];
      if (op.invoked > limit) break;
      limit = std::min(limit, op.returned);
      const uint32_t kind = p_.kind[i];
      const uint32_t to = p_.space->step(state_, kind);
      if (to != StateSpace::kIllegal) candidates_.push_back({op.returned, i, kEnd, to});
    }
    std::sort(candidates_.begin(), candidates_.end(),
              [](const Candidate& x, const Candidate& y) { return x.returned < y.returned; });
    std::erase_if(candidates_, [&](const Candidate& c) {
      uint64_t& mark = seen_kind_[p_.kind[c.choice]];
      return mark == epoch_ || (mark = epoch_, false);
    });
    for (uint32_t pool = 0; pool < p_.pools.size(); ++pool) {
      const Pool& ops = p_.pools[pool];
      if (used_[pool] >= ops.invoked.size() || ops.invoked[used_[pool]] > limit) continue;
      for (const uint32_t kind : ops.kinds) {
        const uint32_t to = p_.space->step(state_, kind);
        if (to != StateSpace::kIllegal && to != state_ && seen_kind_[kind] != epoch_)
          candidates_.push_back({kPending, kind, pool, to});
      }
    }
  }

  Fingerprint fingerprint() const {
    Fingerprint f = done_;
    f ^= Fingerprint::of(2, state_);
    return f;
  }

  void push(const Step& step, uint32_t to) {
    path_.push_back(step);
    state_ = to;
    if (step.pool != kEnd) {
      done_ ^= pool_mark(step.pool, used_[step.pool]++);
      done_ ^= pool_mark(step.pool, used_[step.pool]);
      return;
    }
    done_ ^= Fingerprint::of(1, step.choice);
    const uint32_t i = step.choice;
    next_[previous_[i]] = next_[i];
    if (next_[i] != kEnd) previous_[next_[i]] = previous_[i];
  }

  static Fingerprint pool_mark(uint32_t pool, uint32_t count) {
    return count == 0 ? Fingerprint{} : Fingerprint::of(3, (uint64_t{pool} << 32) | count);
  }

  /// Undoes steps up to and including the last one that had an alternative; `from`: where to go on there.
  bool back(uint32_t& from) {
    while (!path_.empty()) {
      const Step step = path_.back();
      path_.pop_back();
      state_ = step.state;
      if (step.pool != kEnd) {
        done_ ^= pool_mark(step.pool, used_[step.pool]--);
        done_ ^= pool_mark(step.pool, used_[step.pool]);
      } else {
        const uint32_t i = step.choice;
        done_ ^= Fingerprint::of(1, i);
        next_[previous_[i]] = i;
        if (next_[i] != kEnd) previous_[next_[i]] = i;
      }
      if (step.ordinal != kForced) {
        from = step.ordinal + 1;
        return true;
      }
    }
    return false;
  }

  Problem& p_;
  const Watch& watch_;
  bool want_order_;
  FingerprintSet seen_;
  std::vector<uint32_t> used_;  // by pool
  std::vector<uint32_t> next_;  // live operations not linearized, by invocation
  std::vector<uint32_t> previous_;
  std::vector<Step> path_;
  std::vector<Candidate> candidates_;
  std::vector<uint64_t> seen_kind_;
  std::vector<uint32_t> states_;  // met at proved_
  uint64_t epoch_ = 0;
  Fingerprint done_;
  uint32_t state_ = 0;
  uint32_t proved_ = 0;
  Reservation memory_;
  Verdict verdict_ = Verdict::unknown;
  bool ended_ = false;
  std::string why_;
};

DepthFirstSearch::DepthFirstSearch(Problem& problem, const Watch& watch, bool want_order)
    : impl_(std::make_unique<Impl>(problem, watch, want_order)) {}
DepthFirstSearch::~DepthFirstSearch() = default;
bool DepthFirstSearch::advance(int64_t until_ns) { return impl_->advance(until_ns); }
Answer DepthFirstSearch::answer() const { return impl_->answer(); }

Answer search_depth_first(Problem& problem, const Watch& watch, bool want_order) {
  DepthFirstSearch search(problem, watch, want_order);
  search.advance(INT64_MAX);
  return search.answer();
}

}  // namespace riven::linearizable
