#include "checkers/linearizable/jit.h"

#include <algorithm>
#include <array>
#include <bit>
#include <functional>

#include "checkers/linearizable/frontier_links.h"
#include "checkers/linearizable/frontier_moment.h"
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
  using Moment = FrontierMoment<kWords>;

  Search(Problem& problem, const Watch& watch, bool want_order, bool unlimited)
      : p_(problem),
        watch_(watch),
        want_order_(want_order),
        unlimited_(unlimited),
        used_(problem.pools.size()),
        memory_(watch.memory) {
    p_.space->keep_to(watch);
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
    now_.slot_of.assign(kWords * 64, Moment::kFree);
    tried_.assign(p_.traits.size(), 0);
  }
  /// Whether the events from `from` on cannot be linearized even if everything was possible before: any
  /// state, operations in flight done or not as one likes, crashed ones without number. True proves that the
  /// history is not linearizable; `event`: where that became certain.
  bool refutes_from(size_t from, size_t width, uint32_t& event) {
    const std::vector<uint32_t> states = reachable_states(p_, kMaxStates);
    for (now_.next = 0; now_.next < from; ++now_.next) {
      const Event& e = events_[now_.next];
      now_.frontier.clear();  // only the slots matter until then
      if (e.kind == Event::invoke) invoke(e.which);
      if (e.kind == Event::crash) ++now_.available[e.which];
      if (e.kind == Event::complete) now_.release(now_.slot_with(e.which));
    }
    if (states.empty() || !fill(states, from, width)) return false;
    for (; now_.next < events_.size(); ++now_.next) {
      if (now_.frontier.size() > width || stop_at_event()) return false;
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
    base_width_ = width_ = first_width;
    exact_ = now_;
    while (now_.next < events_.size()) {
      if (stop_at_event()) break;
      if (now_.frontier.size() > width_) {
        if (!cut_) exact_ = now_;
        cut_ = true;
        now_.keep_best(width_, used_);
      }
      if (cut_) checkpoints_.offer(now_);
      const uint32_t time = times_[now_.next];
      before_.assign(now_.frontier.begin(),
                     now_.frontier.begin() +
                         std::min<std::ptrdiff_t>(64, static_cast<std::ptrdiff_t>(now_.frontier.size())));
      if (!process(events_[now_.next], time)) break;
      if (!now_.frontier.empty()) {
        ++now_.next;
        proved_ = std::max(proved_, now_.next);
        if (now_.next == recovered_) calm_down();
        continue;
      }
      uint32_t event = time;
      if (!cut_ || refuted(event)) {
        answer.verdict = Verdict::invalid;
        answer.event = event;
        answer.exact_event = cut_ ? event == times_[proved_] : !unlimited_;
        describe_states(answer);
        return finish(answer);
      }
      if (!go_back(last_width)) break;
    }
    if (!why_.empty() || now_.next < events_.size()) {
      answer.event = proved_ < times_.size() ? times_[proved_] : p_.last_event;
      answer.why = why_;
      return finish(answer);
    }
    answer.verdict = Verdict::valid;
    answer.event = kPending;
    if (want_order_ && !unlimited_) answer.order = follow_links(p_, links_, now_.frontier.front().link);
    return finish(answer);
  }

 private:
  /// What counts of crashed operations once the frontier is cut: all of them; how many; how many, and none is
  /// taken where another way leads on.
  enum class Thrift : uint8_t { none, number, forced };
  struct Event {
    uint32_t which;
    enum Kind : uint8_t { invoke, complete, crash } kind;
  };
  /// What to do when a cut frontier has died: whether anything at all leads past the event.
  bool refuted(uint32_t& event) {
    constexpr uint32_t kMostRefutations = 4;
    if (!on_death_ || now_.next <= deepest_death_ || refutations_ == kMostRefutations) return false;
    ++refutations_;
    return on_death_(now_.next, event);
  }

  /// Back to a moment before the death, further each time, with a wider frontier and more crashed operations
  /// for each completion; in the end to where the first cut was made. False: there is nothing wider.
  bool go_back(size_t last_width) {
    if (now_.next > deepest_death_) tries_ = 0;
    deepest_death_ = std::max(deepest_death_, now_.next);
    constexpr uint32_t kMostTries = 4;
    if (tries_ < kMostTries) {
      const size_t distance = FrontierCheckpoints<kWords>::kApart << (2 * tries_);
      ++tries_;
      if (const Moment* const before = checkpoints_.back_from(deepest_death_, distance)) {
        now_ = *before;
        width_ = std::min(last_width, base_width_ * (tries_ > 2 ? 8 : 4));
        most_spent_ = base_spent_ << tries_;
        thrift_ = Thrift::number;
        recovered_ = deepest_death_ + FrontierCheckpoints<kWords>::kApart * 2;
        return true;
      }
    }
    if (base_width_ >= last_width) {
      why_ = "the search was cut to " + std::to_string(base_width_) + " configurations";
      return false;
    }
    base_width_ = width_ = std::min(last_width, base_width_ * 8);
    most_spent_ = base_spent_ *= 2;
    tries_ = 0;
    thrift_ = base_width_ < last_width ? Thrift::forced : Thrift::none;
    checkpoints_.clear();
    now_ = exact_;
    cut_ = false;
    return true;
  }

  /// The hard part is behind: as narrow as before.
  void calm_down() {
    width_ = base_width_;
    most_spent_ = base_spent_;
    thrift_ = Thrift::forced;
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

  bool stop_at_event() { return stop_after(now_.frontier.size() > 256 ? 0 : now_.next * 16); }
  bool stop_after(uint64_t steps) { return ((steps & 1023) == 0 || p_.space->exhausted()) && stop(); }
  bool stop() {
    if (watch_.expired()) why_ = "the time ran out";
    const uint64_t bytes = room(now_.frontier) + room(exact_.frontier) + checkpoints_.bytes() +
                           room(waiting_) + room(queue_) + collected_.bytes() + explored_.bytes() +
                           room(links_) + used_.memory_bytes();
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
    const auto traits = p_.traits[p_.kind[op]];
    const uint32_t slot = now_.place(op, traits, p_.live);
    if (!traits.observer) return;
    for (Config& c : now_.frontier) observe(c, slot);
  }

  void observe(Config& c, uint32_t slot) {
    const uint32_t op = now_.slot_of[slot];
    if (p_.space->step(c.state, p_.kind[op]) == StateSpace::kIllegal) return;
    c.set(slot);
    link(c, op, FrontierLink::live);
  }

  void link(Config& c, uint32_t what, FrontierLink::Kind kind) {
    if (!want_order_) return;
    links_.push_back({c.link, what, kind});
    c.link = static_cast<uint32_t>(links_.size() - 1);
  }

  bool complete(uint32_t op, uint32_t time) {
    const uint32_t slot = now_.slot_with(op);
    const bool overwrite = p_.traits[p_.kind[op]].overwrite;
    collected_.clear();
    explored_.clear();
    rule_ = {&now_.strict, &now_.overwrites, &now_.slot_of,
             &p_.live,     &used_,           cut_ && thrift_ != Thrift::none};
    waiting_.clear();
    // The slot is free from now on: what is done no longer counts.
    for (const Config& c : now_.frontier) {
      if (stop_after(++looks_)) return false;
      if (c.has(slot)) {
        Config next = c;
        next.clear(slot);
        collect(next, slot);
        continue;
      }
      if (overwrite && c.overwritten > p_.live[op].invoked) {
        Config next = c;
        link(next, op, FrontierLink::behind);
        collect(next, slot);
      }
      waiting_.push_back(c);  // this is also the last chance to use it
    }
    if (!expand(slot, op, time)) return false;
    now_.frontier.clear();
    for (const Config& c : collected_.configs)
      if (c.state != Config::kDropped) now_.frontier.push_back(c);
    if (!now_.frontier.empty()) now_.release(slot);  // else the states before it are still to be told
    return true;
  }

  void collect(Config c, uint32_t slot) {
    c.fresh = 0;
    collected_.add_undominated(c, rule_, slot);
  }

  /// All ways to linearize operations in flight from the waiting configurations until `op` is among them;
  /// those with few crashed operations first.
  bool expand(uint32_t slot, uint32_t op, uint32_t time) {
    if (rule_.greedy)
      std::sort(waiting_.begin(), waiting_.end(),
                [&](const Config& x, const Config& y) { return used_.total(x.used) > used_.total(y.used); });
    queue_.clear();
    for (Config& c : waiting_) {
      c.spent = 0;
      if (explored_.add_new(c, rule_.greedy)) queue_.push_back(c);
    }
    size_t level =
        0;  // from here on the queue's configurations used as many crashed operations as each other
    for (size_t i = 0;; ++i) {
      if (i == queue_.size()) {
        // One crashed operation more, but when thrifty only if there is no other way.
        if (cut_ && thrift_ == Thrift::forced && !collected_.configs.empty()) return true;
        if (!spend(level, slot, op, time)) return false;
        level = i;
        if (i == queue_.size()) return true;
      }
      const Config at = queue_[i];
      if (stop_after(++explored_total_)) return false;
      if (unlimited_ && (at.state >= kMaxStates || explored_.configs.size() > kMaxUnlimited)) {
        why_ = "unlimited crashed operations reach too many states";
        return false;
      }
      if (enough()) return true;
      // An observer that waited for this state is among the taken ones already.
      ++epoch_;
      for (const uint32_t s : now_.updates)
        if (first_of_kind(at, s))
          take(at, p_.kind[now_.slot_of[s]], kNoPool, s, now_.slot_of[s], slot, op, time);
    }
  }

  /// Whether what was found for this event has to do: more would be cut anyway.
  bool enough() {
    constexpr size_t kMostExact = 65536;
    constexpr size_t kTimesWidth = 16;
    const size_t most = cut_ ? width_ * kTimesWidth : std::max(kMostExact, width_ * kTimesWidth);
    if (unlimited_ || explored_.configs.size() <= most || collected_.configs.empty()) return false;
    if (!cut_) exact_ = now_;
    cut_ = true;
    return true;
  }

  /// Whether the update in the slot is to be taken now: not done, and none of its kind returns earlier.
  bool first_of_kind(const Config& at, uint32_t slot) {
    if (at.has(slot)) return false;
    uint64_t& mark = tried_[p_.kind[now_.slot_of[slot]]];
    return mark != epoch_ && (mark = epoch_, true);
  }

  /// Takes a crashed operation at every configuration from `level` on.
  bool spend(size_t level, uint32_t slot, uint32_t op, uint32_t time) {
    for (size_t i = level, end = p_.pools.empty() ? level : queue_.size(); i < end; ++i) {
      const Config at = queue_[i];
      if (stop_after(++looks_)) return false;
      if (cut_ && at.spent >= most_spent_) continue;
      if (enough()) return true;
      ++epoch_;
      for (const uint32_t s : now_.updates) first_of_kind(at, s);
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
      link(next, pool, FrontierLink::pool);
    } else {
      next.set(s);
      link(next, o, FrontierLink::live);
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
      link(behind, op, FrontierLink::behind);
      collect(behind, slot);
    }
    if (explored_.add_new(next, rule_.greedy)) queue_.push_back(next);
  }

  /// The states before the event at which all died, also those that only what was in flight or had crashed
  /// leads to.
  void describe_states(Answer& answer) {
    constexpr size_t kMostStates = 16;
    constexpr size_t kMostConfigs = 4096;
    std::vector<uint32_t> states;
    explored_.clear();
    std::vector<Config> queue = before_;
    const auto reach = [&](Config next, uint32_t kind) {
      next.state = p_.space->step(next.state, kind);
      if (next.state != StateSpace::kIllegal) queue.push_back(next);
    };
    for (size_t i = 0; i < queue.size() && i < kMostConfigs && states.size() < kMostStates; ++i) {
      Config at = queue[i];
      at.fresh = 0;
      if (!explored_.add_new(at)) continue;
      if (std::find(states.begin(), states.end(), at.state) == states.end()) states.push_back(at.state);
      for (const uint32_t s : now_.updates) {
        Config next = at;
        next.set(s);
        if (!at.has(s)) reach(next, p_.kind[now_.slot_of[s]]);
      }
      for (uint32_t pool = 0; pool < p_.pools.size(); ++pool) {
        if (used_.count(at.used, pool) >= now_.available[pool]) continue;
        Config next = at;
        next.used = used_.with_one_more(at.used, pool);
        for (const uint32_t kind : p_.pools[pool].kinds) reach(next, kind);
      }
    }
    for (const uint32_t state : states) answer.states.push_back(p_.space->describe(state));
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
  std::vector<Config> queue_;
  std::vector<Config> before_;
  std::vector<uint64_t> tried_;
  std::vector<FrontierLink> links_;
  uint64_t epoch_ = 0;
  uint64_t explored_total_ = 0;
  uint64_t looks_ = 0;
  Reservation memory_;
  size_t proved_ = 0;
  FrontierCheckpoints<kWords> checkpoints_;  // since exact_
  bool cut_ = false;                         // since exact_
  size_t width_ = 0;
  size_t base_width_ = 0;
  uint32_t most_spent_ = kFirstSpent;  // crashed operations for one completion, once cut
  uint32_t base_spent_ = kFirstSpent;
  Thrift thrift_ = Thrift::forced;  // once cut
  size_t deepest_death_ = 0;
  size_t recovered_ = SIZE_MAX;  // event from which on the search is as narrow as before
  uint32_t tries_ = 0;           // to get past deepest_death_
  uint32_t refutations_ = 0;
  std::function<bool(size_t, uint32_t&)> on_death_;
  std::string why_;
};

template <size_t kWords>
Answer search(Problem& problem, const Watch& watch, bool want_order, size_t first_width) {
  const size_t widest = std::max<size_t>(
      first_width, static_cast<size_t>(watch.memory->limit_bytes() / (sizeof(FrontierConfig<kWords>) * 16)));
  Search<kWords> exact(problem, watch, want_order, false);
  exact.on_death([&](size_t died, uint32_t& event) {
    for (const size_t back : {size_t{64}, size_t{256}, size_t{1024}}) {
      Search<kWords> local(problem, watch, false, true);
      if (local.refutes_from(died > back ? died - back : 0, kWildWidth, event)) return true;
    }
    return false;
  });
  return exact.run(first_width, widest);
}

}  // namespace

bool frontier_applies(const Problem& problem) { return most_in_flight(problem) <= 256; }

Answer search_frontier(Problem& problem, const Watch& watch, bool want_order, size_t first_width) {
  const uint32_t most = most_in_flight(problem);
  const auto run = most <= 64 ? search<1> : most <= 128 ? search<2> : search<4>;
  return run(problem, watch, want_order, first_width);
}

}  // namespace riven::linearizable
