#include "checkers/linearizable/jit.h"

#include <algorithm>
#include <array>
#include <bit>
#include <functional>

#include "checkers/linearizable/frontier.h"
#include "harness/core/rng.h"

namespace riven::linearizable {

namespace {

constexpr uint32_t kNoPool = UINT32_MAX;
constexpr size_t kWildWidth = 65536;  // configurations of a search from any state
constexpr uint32_t kMaxStates = 64;   // and as long as no more are reached
constexpr uint32_t kFirstSpent = 2;
constexpr size_t kMaxUnlimited = 65536;  // configurations of one event, when crashed operations are unlimited

template <size_t kWords>
class Search {
 public:
  using Config = FrontierConfig<kWords>;

  Search(Problem& problem, const Watch& watch, bool want_order, bool unlimited)
      : p_(problem),
        watch_(watch),
        want_order_(want_order),
        unlimited_(unlimited),
        used_(problem.pools.size()),
        memory_(watch.memory) {
    struct Raw {
      uint32_t event;
      Event what;
    };
    std::vector<Raw> raw;
    for (uint32_t i = 0; i < p_.live.size(); ++i) {
      raw.push_back({p_.live[i].invoked, {i, Event::invoke}});
      raw.push_back({p_.live[i].returned, {i, Event::complete}});
    }
    for (uint32_t pool = 0; pool < p_.pools.size(); ++pool)
      for (const uint32_t at : p_.pools[pool].invoked) raw.push_back({at, {pool, Event::crash}});
    std::sort(raw.begin(), raw.end(), [](const Raw& x, const Raw& y) { return x.event < y.event; });
    for (const Raw& r : raw) {
      events_.push_back(r.what);
      times_.push_back(r.event);
    }
    Config first;
    first.state = p_.space->initial();
    now_.frontier.push_back(first);
    now_.available.assign(p_.pools.size(), 0);
    now_.slot_of.assign(kWords * 64, kFree);
    tried_.assign(p_.traits.size(), 0);
  }
  /// Whether the events from `from` on cannot be linearized even if everything was possible before: any
  /// state, operations in flight done or not as one likes, crashed ones without number. True proves that the
  /// history is not linearizable; `event`: where that became certain.
  bool refutes_from(size_t from, size_t width, uint32_t& event) {
    const std::vector<uint32_t> states = all_states();
    for (now_.next = 0; now_.next < from; ++now_.next) {
      const Event& e = events_[now_.next];
      now_.frontier.clear();  // only the slots matter until then
      if (e.kind == Event::invoke) invoke(e.which);
      if (e.kind == Event::crash) ++now_.available[e.which];
      if (e.kind == Event::complete)
        release(static_cast<uint32_t>(std::find(now_.slot_of.begin(), now_.slot_of.end(), e.which) -
                                      now_.slot_of.begin()));
    }
    if (states.empty() || !fill(states, from, width)) return false;
    for (; now_.next < events_.size(); ++now_.next) {
      if (now_.frontier.size() > width || (time_to_look() && stop())) return false;
      event = times_[now_.next];
      if (!process(events_[now_.next], event)) return false;
      if (now_.frontier.empty()) return true;
    }
    return false;
  }

  /// What may prove the history not linearizable when a cut frontier has died at an event.
  void on_death(std::function<bool(size_t, uint32_t&)> refute) { on_death_ = std::move(refute); }

  Answer run(size_t first_width, size_t last_width) {
    Answer answer;
    answer.engine = "jit";
    size_t width = first_width;
    exact_ = now_;
    while (now_.next < events_.size()) {
      if (time_to_look() && stop()) break;
      if (now_.frontier.size() > width) {
        if (!cut_) exact_ = now_;
        cut_ = true;
        trim(width);
      }
      const uint32_t time = times_[now_.next];
      before_.assign(now_.frontier.begin(),
                     now_.frontier.begin() +
                         std::min<std::ptrdiff_t>(64, static_cast<std::ptrdiff_t>(now_.frontier.size())));
      if (!process(events_[now_.next], time)) break;
      if (!now_.frontier.empty()) {
        ++now_.next;
        proved_ = std::max(proved_, now_.next);
        continue;
      }
      if (!cut_) {
        answer.verdict = Verdict::invalid;
        answer.event = time;
        answer.exact_event = !unlimited_;
        describe_states(answer);
        return finish(answer);
      }
      if (uint32_t event = 0; !refuted_before_ && on_death_ && on_death_(now_.next, event)) {
        answer.verdict = Verdict::invalid;
        answer.event = event;
        answer.exact_event = event == times_[proved_];
        describe_states(answer);
        return finish(answer);
      }
      refuted_before_ = true;
      if (width >= last_width) {
        why_ = "the search was cut to " + std::to_string(width) + " configurations";
        break;
      }
      width = std::min(last_width, width * 8);
      most_spent_ *= 2;
      now_ = exact_;
      cut_ = false;
    }
    if (!why_.empty() || now_.next < events_.size()) {
      answer.event = proved_ < times_.size() ? times_[proved_] : p_.last_event;
      answer.why = why_;
      return finish(answer);
    }
    answer.verdict = Verdict::valid;
    answer.event = kPending;
    if (want_order_ && !unlimited_) replay(now_.frontier.front().link, answer.order);
    return finish(answer);
  }

 private:
  static constexpr uint32_t kFree = UINT32_MAX;
  struct Event {
    uint32_t which;
    enum Kind : uint8_t { invoke, complete, crash } kind;
  };
  /// All that changes from event to event.
  struct Moment {
    size_t next = 0;
    std::vector<Config> frontier;
    std::vector<uint32_t> available;  // by pool
    std::vector<uint32_t> slot_of;    // by slot: the live operation, or kFree
    std::vector<uint32_t> updates;    // slots of updates in flight, by return
    std::vector<uint32_t> observers;  // slots of the others
    std::array<uint64_t, kWords> overwrites{};
    std::array<uint64_t, kWords> strict{};
  };
  /// A step on the way to a configuration, for linearizations.
  struct Link {
    uint32_t parent;
    uint32_t what;
    enum Kind : uint8_t { live, pool, behind } kind;
  };

  /// All states that any operations lead to; empty if they are more than kMaxStates.
  std::vector<uint32_t> all_states() {
    std::vector<uint32_t> states{p_.space->initial()};
    for (size_t i = 0; i < states.size(); ++i) {
      for (uint32_t kind = 0; kind < p_.traits.size(); ++kind) {
        const uint32_t to = p_.space->step(states[i], kind);
        if (to == StateSpace::kIllegal || std::find(states.begin(), states.end(), to) != states.end())
          continue;
        states.push_back(to);
        if (states.size() > kMaxStates) return {};
      }
    }
    return states;
  }

  /// Every configuration that may be there before event `from`, as far as none dominates it.
  bool fill(const std::vector<uint32_t>& states, size_t from, size_t width) {
    std::vector<uint32_t> strict;
    Config base;
    base.overwritten = from == 0 ? 0 : times_[from];
    for (const uint32_t slot : now_.observers) base.set(slot);
    for (const uint32_t slot : now_.updates)
      if ((now_.strict[slot / 64] >> (slot % 64) & 1) != 0) strict.push_back(slot);
    if (strict.size() > 20 || (states.size() << strict.size()) > width) return false;
    for (uint32_t subset = 0; subset < 1U << strict.size(); ++subset) {
      Config c = base;
      for (size_t i = 0; i < strict.size(); ++i)
        if ((subset >> i & 1) != 0) c.set(strict[i]);
      for (const uint32_t state : states) {
        c.state = state;
        now_.frontier.push_back(c);
      }
    }
    return true;
  }

  Answer& finish(Answer& answer) {
    answer.configurations = explored_total_;
    return answer;
  }

  bool time_to_look() const { return (now_.next & 63) == 0 || now_.frontier.size() > 256; }

  bool stop() {
    if (watch_.expired()) why_ = "the time ran out";
    const uint64_t bytes = room(now_.frontier) + room(exact_.frontier) + room(waiting_) + room(stack_) +
                           collected_.bytes() + explored_.bytes() + room(links_) + used_.memory_bytes() +
                           p_.space->memory_bytes();
    if (!memory_.grow_to(bytes)) why_ = "the memory ran out";
    return !why_.empty();
  }

  bool process(const Event& event, uint32_t time) {
    if (event.kind == Event::crash) {
      ++now_.available[event.which];
      return true;
    }
    return event.kind == Event::invoke ? (invoke(event.which), true) : complete(event.which, time);
  }

  void invoke(uint32_t op) {
    const auto free = std::find(now_.slot_of.begin(), now_.slot_of.end(), kFree);
    const auto slot = static_cast<uint32_t>(free - now_.slot_of.begin());
    *free = op;
    const auto traits = p_.traits[p_.kind[op]];
    if (!traits.observer) {
      const auto at =
          std::upper_bound(now_.updates.begin(), now_.updates.end(), slot, [&](uint32_t x, uint32_t y) {
            return p_.live[now_.slot_of[x]].returned < p_.live[now_.slot_of[y]].returned;
          });
      now_.updates.insert(at, slot);
      (traits.overwrite ? now_.overwrites : now_.strict)[slot / 64] |= uint64_t{1} << (slot % 64);
      return;
    }
    now_.observers.push_back(slot);
    for (Config& c : now_.frontier) observe(c, slot);
  }

  void observe(Config& c, uint32_t slot) {
    const uint32_t op = now_.slot_of[slot];
    if (p_.space->step(c.state, p_.kind[op]) == StateSpace::kIllegal) return;
    c.set(slot);
    link(c, op, Link::live);
  }

  void link(Config& c, uint32_t what, typename Link::Kind kind) {
    if (!want_order_) return;
    links_.push_back({c.link, what, kind});
    c.link = static_cast<uint32_t>(links_.size() - 1);
  }

  bool complete(uint32_t op, uint32_t time) {
    const auto slot =
        static_cast<uint32_t>(std::find(now_.slot_of.begin(), now_.slot_of.end(), op) - now_.slot_of.begin());
    const bool overwrite = p_.traits[p_.kind[op]].overwrite;
    collected_.clear();
    explored_.clear();
    rule_ = {&now_.strict, &now_.overwrites, &now_.slot_of, &p_.live, &used_};
    waiting_.clear();
    // The slot is free from now on: what is done no longer counts.
    for (const Config& c : now_.frontier) {
      if ((++looks_ & 1023) == 0 && stop()) return false;
      if (c.has(slot)) {
        Config next = c;
        next.clear(slot);
        collect(next, slot);
        continue;
      }
      if (overwrite && c.overwritten > p_.live[op].invoked) {
        Config next = c;
        link(next, op, Link::behind);
        collect(next, slot);
      }
      waiting_.push_back(c);  // this is also the last chance to use it
    }
    for (const Config& c : waiting_)
      if (!expand(c, slot, op, time)) return false;
    release(slot);
    now_.frontier.clear();
    for (const Config& c : collected_.configs)
      if (c.state != Config::kDropped) now_.frontier.push_back(c);
    return true;
  }

  void release(uint32_t slot) {
    now_.slot_of[slot] = kFree;
    std::erase(now_.updates, slot);
    std::erase(now_.observers, slot);
    const uint64_t bit = uint64_t{1} << (slot % 64);
    now_.overwrites[slot / 64] &= ~bit;
    now_.strict[slot / 64] &= ~bit;
  }

  void collect(Config c, uint32_t slot) {
    c.fresh = 0;
    collected_.add_undominated(c, rule_, slot);
  }

  /// All ways to linearize operations in flight from `c` until `op` is among them.
  bool expand(const Config& c, uint32_t slot, uint32_t op, uint32_t time) {
    stack_.clear();
    if (explored_.add_new(c)) {
      stack_.push_back(c);
      stack_.back().spent = 0;
    }
    while (!stack_.empty()) {
      const Config at = stack_.back();
      stack_.pop_back();
      if ((++explored_total_ & 1023) == 0 && stop()) return false;
      if (unlimited_ && (at.state >= kMaxStates || explored_.configs.size() > kMaxUnlimited)) {
        why_ = "unlimited crashed operations reach too many states";
        return false;
      }
      ++epoch_;
      // An observer that waited for this state is among the taken ones already.
      for (const uint32_t s : now_.updates) {
        if (at.has(s)) continue;
        const uint32_t o = now_.slot_of[s];
        const uint32_t kind = p_.kind[o];
        if (tried_[kind] == epoch_) continue;  // the same kind, but it returns later
        tried_[kind] = epoch_;
        take(at, kind, kNoPool, s, o, slot, op, time);
      }
      if (cut_ && at.spent >= most_spent_) continue;
      for (uint32_t pool = 0; pool < p_.pools.size(); ++pool) {
        if (now_.available[pool] == 0 || (!unlimited_ && used_.count(at.used, pool) >= now_.available[pool]))
          continue;
        for (const uint32_t kind : p_.pools[pool].kinds)
          if (tried_[kind] != epoch_) take(at, kind, pool, 0, 0, slot, op, time);
      }
    }
    return true;
  }

  /// Whether an overwrite in flight that is not done would fit before one taken now, and before none so far.
  bool hides_another(const Config& at) const {
    return std::any_of(now_.updates.begin(), now_.updates.end(), [&](uint32_t s) {
      const uint32_t op = now_.slot_of[s];
      return !at.has(s) && p_.traits[p_.kind[op]].overwrite && p_.live[op].invoked >= at.overwritten;
    });
  }

  void take(const Config& at, uint32_t kind, uint32_t pool, uint32_t s, uint32_t o, uint32_t slot,
            uint32_t op, uint32_t time) {
    const auto traits = p_.traits[kind];
    // An overwrite directly after an overwrite that nobody saw: the first one had no use.
    if (traits.overwrite && at.fresh != 0) return;
    const uint32_t to = p_.space->step(at.state, kind);
    if (to == StateSpace::kIllegal) return;
    if (pool != kNoPool && to == at.state && !(traits.overwrite && hides_another(at))) return;
    Config next = at;
    next.state = to;
    next.fresh = traits.overwrite ? 1 : 0;
    if (traits.overwrite) next.overwritten = time;
    if (pool != kNoPool) {
      if (!unlimited_) next.used = used_.with_one_more(at.used, pool);
      ++next.spent;
      link(next, pool, Link::pool);
    } else {
      next.set(s);
      link(next, o, Link::live);
    }
    for (const uint32_t watcher : now_.observers) {
      if (next.has(watcher)) continue;
      observe(next, watcher);
      if (next.has(watcher)) next.fresh = 0;
    }
    if (next.has(slot)) {
      next.clear(slot);
      collect(next, slot);
      return;
    }
    if (traits.overwrite && p_.traits[p_.kind[op]].overwrite) {
      Config behind = next;  // `op` fits just before this overwrite
      link(behind, op, Link::behind);
      collect(behind, slot);
    }
    if (explored_.add_new(next)) stack_.push_back(next);
  }

  /// Keeps the configurations that are most likely to go on: few crashed operations used, many observers
  /// done, many updates still in hand.
  void trim(size_t width) {
    auto& f = now_.frontier;
    std::array<uint64_t, kWords> observers{};
    for (const uint32_t s : now_.observers) observers[s / 64] |= uint64_t{1} << (s % 64);
    std::vector<std::pair<int64_t, uint32_t>> ranked;
    ranked.reserve(f.size());
    for (uint32_t i = 0; i < f.size(); ++i) {
      int64_t score = 4 * static_cast<int64_t>(used_.total(f[i].used));
      for (size_t w = 0; w < kWords; ++w) {
        score -= 2 * std::popcount(f[i].done[w] & observers[w]);
        score -= std::popcount(f[i].done[w] & now_.strict[w]);
        score += std::popcount(f[i].done[w] & now_.overwrites[w]);
      }
      ranked.emplace_back(score * 1024 + static_cast<int64_t>(mix64(i + now_.next * 7919) & 1023), i);
    }
    std::nth_element(ranked.begin(), ranked.begin() + static_cast<std::ptrdiff_t>(width), ranked.end());
    ranked.resize(width);
    std::vector<Config> kept;
    kept.reserve(width);
    for (const auto& [score, i] : ranked) kept.push_back(f[i]);
    f = std::move(kept);
  }

  void describe_states(Answer& answer) const {
    std::vector<uint32_t> states;
    for (const Config& c : before_)
      if (std::find(states.begin(), states.end(), c.state) == states.end()) states.push_back(c.state);
    for (size_t i = 0; i < states.size() && i < 16; ++i)
      answer.states.push_back(p_.space->describe(states[i]));
  }

  /// The steps that led to `last`; those that fit just before the last overwrite are put there.
  void replay(uint32_t last, std::vector<uint32_t>& order) const {
    std::vector<Link> steps;
    for (uint32_t i = last; i != Config::kNoLink; i = links_[i].parent) steps.push_back(links_[i]);
    std::reverse(steps.begin(), steps.end());
    std::vector<std::vector<uint32_t>> before(steps.size());
    std::vector<uint32_t> taken(p_.pools.size(), 0);
    size_t overwrite = 0;
    std::vector<uint32_t> what(steps.size());
    for (size_t i = 0; i < steps.size(); ++i) {
      const Link& step = steps[i];
      if (step.kind == Link::behind) {
        before[overwrite].push_back(p_.member[step.what]);
        continue;
      }
      const bool live = step.kind == Link::live;
      what[i] = live ? p_.member[step.what] : p_.pools[step.what].members[taken[step.what]++];
      const uint32_t kind = live ? p_.kind[step.what] : p_.pools[step.what].kinds.front();
      if (p_.traits[kind].overwrite) overwrite = i;
    }
    for (size_t i = 0; i < steps.size(); ++i) {
      order.insert(order.end(), before[i].begin(), before[i].end());
      if (steps[i].kind != Link::behind) order.push_back(what[i]);
    }
  }

  Problem& p_;
  const Watch& watch_;
  bool want_order_;
  bool unlimited_;
  UsedCounts used_;
  std::vector<Event> events_;
  std::vector<uint32_t> times_;
  Moment now_;
  Moment exact_;  // the last one at which nothing had been cut
  FrontierSet<kWords> collected_;
  FrontierSet<kWords> explored_;
  DominanceRule<kWords> rule_;
  std::vector<Config> waiting_;
  std::vector<Config> stack_;
  std::vector<Config> before_;
  std::vector<uint64_t> tried_;
  std::vector<Link> links_;
  uint64_t epoch_ = 0;
  uint64_t explored_total_ = 0;
  uint64_t looks_ = 0;
  Reservation memory_;
  size_t proved_ = 0;
  bool refuted_before_ = false;
  bool cut_ = false;                   // since exact_
  uint32_t most_spent_ = kFirstSpent;  // crashed operations for one completion, once cut
  std::function<bool(size_t, uint32_t&)> on_death_;
  std::string why_;
};

template <size_t kWords>
Answer search(Problem& problem, const Watch& watch, bool want_order) {
  constexpr size_t kNarrow = 512;
  const size_t widest = std::max<size_t>(
      kNarrow, static_cast<size_t>(watch.memory->limit_bytes() / (sizeof(FrontierConfig<kWords>) * 16)));
  Search<kWords> exact(problem, watch, want_order, false);
  exact.on_death([&](size_t died, uint32_t& event) {
    for (const size_t back : {size_t{64}, size_t{256}, size_t{1024}}) {
      Search<kWords> local(problem, watch, false, true);
      if (local.refutes_from(died > back ? died - back : 0, kWildWidth, event)) return true;
    }
    return false;
  });
  return exact.run(kNarrow, widest);
}

}  // namespace

bool frontier_applies(const Problem& problem) { return most_in_flight(problem) <= 256; }

Answer search_frontier(Problem& problem, const Watch& watch, bool want_order) {
  const uint32_t most = most_in_flight(problem);
  const auto run = most <= 64 ? search<1> : most <= 128 ? search<2> : search<4>;
  return run(problem, watch, want_order);
}

}  // namespace riven::linearizable
