#include "checkers/linearizable/text_search.h"

#include <algorithm>
#include <optional>
#include <unordered_map>

#include "checkers/linearizable/text_moment.h"
#include "checkers/linearizable/text_order.h"
#include "checkers/linearizable/text_problem.h"

namespace riven::linearizable {

namespace {

constexpr size_t kMostInFlight = 256;

template <size_t kWords>
class TextSearch {
 public:
  using Config = TextConfig<kWords>;
  using Moment = TextMoment<kWords>;
  using Event = TextProblem::Event;

  TextSearch(const TextProblem& problem, const TextStarts& starts, const Watch& watch, bool want_order)
      : p_(problem), watch_(watch), want_order_(want_order), memory_(watch.memory) {
    for (const std::string_view text : starts.texts) begin_with(p_.trie.find(text));
    if (starts.other) begin_with({});
    now_.slots.assign(kWords * 64, Moment::kFree);
    now_.available.assign(p_.pools.size(), 0);
    tried_.assign(p_.kinds, 0);
    invoked_.assign(kWords * 64, 0);
    better_ = {&now_.update_slots, &invoked_, &used_};
  }

  Answer run(std::span<const Operation> part, size_t width) {
    Answer answer;
    answer.engine = "appends";
    width_ = width;
    exact_ = now_;
    while (now_.next < p_.events.size()) {
      if (time_to_look() && stop()) break;
      if (now_.frontier.size() > width_) {
        keep_exact();
        now_.keep_best(width_, used_);
      }
      const Event& event = p_.events[now_.next];
      if (!process(event)) break;
      if (!now_.frontier.empty()) {
        proved_ = std::max(proved_, ++now_.next);
        continue;
      }
      if (!is_cut_) return refuse(answer, event);
      go_back();
    }
    answer.configurations = explored_total_;
    if (now_.next < p_.events.size()) {
      answer.event = p_.events[proved_].time;
      answer.why = why_;
      return answer;
    }
    answer.verdict = Verdict::valid;
    answer.event = kPending;
    if (want_order_) answer.order = order_of(part, p_, links_, now_.frontier.front().link);
    return answer;
  }

 private:
  void begin_with(TextPlace place) {
    Config first;
    first.place = place;
    if (std::none_of(now_.frontier.begin(), now_.frontier.end(),
                     [&](const Config& c) { return c.same(first); }))
      now_.frontier.push_back(first);
  }

  bool time_to_look() const { return (now_.next & 63) == 0 || now_.frontier.size() > 256; }

  bool stop() {
    if (watch_.expired()) why_ = "the time ran out";
    const uint64_t bytes =
        (now_.frontier.capacity() + exact_.frontier.capacity() + queue_.capacity()) * sizeof(Config) +
        collected_.bytes() + explored_.bytes() + links_.capacity() * sizeof(TextLink) * 2 +
        used_.memory_bytes() + continuations_.size() * 96;
    if (!memory_.grow_to(bytes)) why_ = "the memory ran out";
    return !why_.empty();
  }

  // ---- events ---------------------------------------------------------------------------------------------

  bool process(const Event& event) {
    if (event.kind == Event::crash) {
      ++now_.available[event.which];
      return true;
    }
    if (event.kind == Event::invoke) {
      invoke(event.which);
      return true;
    }
    return complete(event.which, event.time);
  }

  const TextProblem::Live& at(uint32_t slot) const { return p_.live[now_.slots[slot]]; }

  void invoke(uint32_t live) {
    const uint32_t slot = now_.place(live, p_);
    invoked_[slot] = p_.live[live].op.invoked;
    if (p_.live[live].op.f != Function::read) return;
    for (Config& c : now_.frontier) observe(c, slot);
  }

  /// Does the read if the text is its own.
  bool observe(Config& c, uint32_t slot) {
    if (!(c.place == at(slot).place) || c.has(slot)) return false;
    c.set(slot);
    link(c, now_.slots[slot], TextLink::live);
    return true;
  }
  void observe_all(Config& c) {
    if (!c.place.somewhere()) return;
    for (const uint32_t slot : now_.reads)
      if (observe(c, slot)) c.fresh = false;
  }

  void link(Config& c, uint32_t which, TextLink::Kind kind) {
    if (!want_order_) return;
    links_.push_back({c.link, which, kind});
    c.link = static_cast<uint32_t>(links_.size() - 1);
  }

  // ---- completions ----------------------------------------------------------------------------------------

  bool complete(uint32_t live, uint32_t time) {
    time_ = time;
    slot_ = now_.slot_with(live);
    collected_.clear();
    explored_.clear();
    queue_.clear();
    for (const Config& c : now_.frontier) {
      if (c.has(slot_)) {
        collect(c);
      } else if (explored_.add_new(c)) {
        queue_.push_back(c);
      }
    }
    for (size_t i = 0; i < queue_.size(); ++i) {
      if ((++explored_total_ & 255) == 0 && stop()) return false;
      if (enough()) break;
      const Config c = queue_[i];
      finish(c);
      go_on(c);
    }
    const bool read = p_.live[live].op.f == Function::read;
    now_.frontier.clear();
    for (Config& c : collected_.configs) {
      if (c.dropped) continue;
      // Nothing that begins like this is to be read any more.
      if (read && c.place.somewhere() && p_.trie.last_return(c.place) <= time) c.place = {};
      now_.frontier.push_back(c);
    }
    if (read) merge_lost();
    if (!now_.frontier.empty()) now_.release(slot_);
    return true;
  }

  /// Those whose text has just become nowhere may be superfluous.
  void merge_lost() {
    collected_.clear();
    const auto lost = std::partition(now_.frontier.begin(), now_.frontier.end(),
                                     [](const Config& c) { return c.place.somewhere(); });
    for (auto c = lost; c != now_.frontier.end(); ++c) collected_.add_best(*c, better_);
    now_.frontier.erase(lost, now_.frontier.end());
    for (const Config& c : collected_.configs)
      if (!c.dropped) now_.frontier.push_back(c);
  }

  void collect(Config c) {
    c.clear(slot_);
    c.fresh = false;
    collected_.add_best(c, better_);
  }

  /// A text that a read to come begins with, or nowhere.
  TextPlace alive(TextPlace place) const {
    return place.somewhere() && p_.trie.last_return(place) >= time_ ? place : TextPlace();
  }
  TextPlace after(TextPlace from, const TextProblem::Live& live) const {
    return alive(live.op.f == Function::write ? live.place : p_.trie.advance(from, p_.piece(live)));
  }

  /// The operation that returns, as the next step.
  void finish(const Config& c) {
    const TextProblem::Live& live = at(slot_);
    if (live.op.f == Function::read) return;
    const bool put = live.op.f == Function::write;
    const bool hides = c.put_at > live.op.invoked;
    if (!c.fresh && hides) {
      Config hidden = c;
      link(hidden, now_.slots[slot_], TextLink::hidden);
      collect(hidden);
    }
    // Directly after an update that nobody saw, only what makes that update part of a text that is read.
    if (c.fresh && put) return;
    Config next = c;
    next.place = after(c.place, live);
    if (!next.place.somewhere() && (hides || c.fresh)) return;
    if (put) next.put_at = time_;
    next.set(slot_);
    link(next, now_.slots[slot_], TextLink::live);
    observe_all(next);
    collect(next);
  }

  /// Every other update that leads to a text which is still to be read.
  void go_on(const Config& c) {
    epoch_ += 2;
    first_of_kind(c, at(slot_));
    for (const uint32_t slot : now_.updates) {
      if (c.has(slot) || slot == slot_) continue;
      const TextProblem::Live& live = at(slot);
      if (!first_of_kind(c, live)) continue;
      const bool put = live.op.f == Function::write;
      if (put && c.fresh) continue;
      const TextPlace place = after(c.place, live);
      if (!place.somewhere()) continue;
      Config next = c;
      next.set(slot);
      link(next, now_.slots[slot], TextLink::live);
      step(next, place, put);
    }
    if (p_.pools.empty()) return;
    if (!c.fresh)
      for (const uint32_t pool : p_.crashed_puts) use(c, pool, p_.pools[pool].place);
    if (!c.place.somewhere()) return;
    for (const auto& [pool, place] : continuations(c.place)) use(c, pool, place);
  }

  /// Of several that are the same the first to return does, and of those that would not fit before the last
  /// put the first of them too.
  bool first_of_kind(const Config& c, const TextProblem::Live& live) {
    uint64_t& mark = tried_[live.kind];
    const uint64_t tried = epoch_ + (c.put_at > live.op.invoked ? 0 : 1);
    if (mark >= tried || (live.op.f == Function::write && mark >= epoch_)) return false;
    mark = tried;
    return true;
  }

  /// A crashed update, where none of its kind in flight does.
  void use(const Config& c, uint32_t pool, TextPlace place) {
    const TextProblem::Pool& crashed = p_.pools[pool];
    if (now_.available[pool] == 0 || tried_[crashed.kind] >= epoch_ || !alive(place).somewhere()) return;
    if (used_.count(c.used, pool, crashed.invoked.front()) >= now_.available[pool]) return;
    Config next = c;
    next.used = used_.with_one_more(c.used, pool, time_);
    link(next, pool, TextLink::crashed);
    step(next, place, crashed.put);
  }

  void step(Config next, TextPlace place, bool put) {
    next.place = place;
    if (put) next.put_at = time_;
    next.fresh = true;
    observe_all(next);
    if (next.has(slot_)) {
      collect(next);
    } else if (explored_.add_new(next)) {
      queue_.push_back(next);
    }
  }

  /// The crashed appends that lead from a text to one that is read, with that.
  const std::vector<std::pair<uint32_t, TextPlace>>& continuations(TextPlace from) {
    const auto [entry, fresh] = continuations_.try_emplace((uint64_t{from.node} << 32) | from.length);
    auto& found = entry->second;  // clang 14 captures no structured binding
    if (!fresh) return found;
    p_.trie.each_continuation(from, p_.crashed_appends.longest(), [&](std::string_view text, size_t beyond) {
      p_.crashed_appends.each_at(text, from.length, beyond, [&](uint32_t piece, size_t end) {
        const std::string_view added = text.substr(from.length, end - from.length);
        found.emplace_back(p_.crashed_appends.pieces()[piece].first, p_.trie.advance(from, added));
      });
    });
    return found;
  }

  // ---- what is too much -----------------------------------------------------------------------------------

  /// Whether what was found for this event has to do: more would be cut anyway.
  bool enough() {
    constexpr size_t kTimesWidth = 16;
    if (queue_.size() <= width_ * kTimesWidth || collected_.configs.empty()) return false;
    keep_exact();
    return true;
  }

  void keep_exact() {
    if (!is_cut_) exact_ = now_;
    is_cut_ = true;
  }

  /// To where the first was left out, with eight times as many.
  void go_back() {
    now_ = exact_;
    is_cut_ = false;
    width_ *= 8;
  }

  Answer refuse(Answer& answer, const Event& event) {
    answer.verdict = Verdict::invalid;
    answer.event = event.time;
    answer.exact_event = true;
    answer.configurations = explored_total_;
    describe_states(answer);
    return std::move(answer);
  }

  /// The texts possible just before the event at which all died.
  void describe_states(Answer& answer) {
    constexpr size_t kMostStates = 16;
    std::vector<TextPlace> states;
    for (const Config& c : queue_) {
      if (states.size() == kMostStates) break;
      if (std::find(states.begin(), states.end(), c.place) == states.end()) states.push_back(c.place);
    }
    for (const TextPlace place : states)
      answer.states.push_back(place.somewhere() ? to_edn(p_.texts->value_of(p_.trie.text(place)))
                                                : "something that is not read any more");
  }

  const TextProblem& p_;
  const Watch& watch_;
  bool want_order_;
  Moment now_;
  Moment exact_;  // the last one at which nothing had been left out
  bool is_cut_ = false;
  size_t width_ = 0;
  UsedSets used_;
  TextSet<kWords> collected_;
  TextSet<kWords> explored_;
  TextDominance<kWords> better_;
  std::vector<Config> queue_;
  std::vector<uint32_t> invoked_;  // by slot
  std::vector<uint64_t> tried_;    // by kind: when
  uint64_t epoch_ = 0;
  uint64_t explored_total_ = 0;
  uint32_t time_ = 0;  // of the completion
  uint32_t slot_ = 0;  // of what returns
  size_t proved_ = 0;
  std::unordered_map<uint64_t, std::vector<std::pair<uint32_t, TextPlace>>> continuations_;
  std::vector<TextLink> links_;
  Reservation memory_;
  std::string why_;
};

}  // namespace

bool text_search_applies(std::span<const Operation> part) {
  std::vector<std::pair<uint32_t, int>> edges;
  for (const Operation& op : part) {
    if (op.pending()) continue;
    edges.emplace_back(op.invoked, 1);
    edges.emplace_back(op.returned, -1);
  }
  std::sort(edges.begin(), edges.end());
  size_t now = 0;
  for (const auto& [event, change] : edges) {
    now = change > 0 ? now + 1 : now - 1;
    if (now > kMostInFlight) return false;
  }
  return true;
}

Answer search_texts(std::span<const Operation> part, const Texts& texts, const TextStarts& starts,
                    const Watch& watch, bool want_order, size_t width) {
  const TextProblem problem(part, texts);
  Reservation memory(watch.memory);
  if (!memory.grow_to(problem.memory_bytes())) {
    Answer answer;
    answer.engine = "appends";
    answer.why = "the memory ran out";
    return answer;
  }
  const uint32_t most = problem.most_in_flight();
  if (most <= 64) return TextSearch<1>(problem, starts, watch, want_order).run(part, width);
  if (most <= 128) return TextSearch<2>(problem, starts, watch, want_order).run(part, width);
  return TextSearch<4>(problem, starts, watch, want_order).run(part, width);
}

}  // namespace riven::linearizable
