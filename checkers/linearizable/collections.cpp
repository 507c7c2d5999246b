#include "checkers/linearizable/collections.h"

#include <algorithm>
#include <queue>

#include "checkers/linearizable/collection_orders.h"
#include "checkers/linearizable/local_ids.h"
#include "checkers/linearizable/stack_reduction.h"

namespace riven::linearizable {

namespace {

constexpr uint32_t kNone = kNoOperation;
using Element = CollectionElement;

/// The events of operations, numbered without gaps.
class DenseEvents {
 public:
  explicit DenseEvents(std::span<const Operation> ops) {
    uint32_t last = 0;
    for (const Operation& op : ops) last = std::max(last, op.pending() ? op.invoked : op.returned);
    direct_ = ops.size() * 32 > last;
    if (direct_) ranks_.assign(last + 1, 0);
    for (const Operation& op : ops) {
      add(op.invoked);
      if (!op.pending()) add(op.returned);
    }
    if (!direct_) {
      std::sort(ranks_.begin(), ranks_.end());
      count_ = static_cast<uint32_t>(ranks_.size());
      return;
    }
    for (uint32_t& r : ranks_) {
      const uint32_t used = r;
      r = count_;
      count_ += used;
    }
  }
  uint32_t operator()(uint32_t event) const {
    if (event == kPending) return kLate;
    if (direct_) return ranks_[event];
    return static_cast<uint32_t>(std::lower_bound(ranks_.begin(), ranks_.end(), event) - ranks_.begin());
  }
  uint32_t count() const { return count_; }

 private:
  void add(uint32_t event) {
    if (direct_) {
      ranks_[event] = 1;
    } else {
      ranks_.push_back(event);
    }
  }
  bool direct_ = false;  // a table by event, for parts that have most of the history
  std::vector<uint32_t> ranks_;
  uint32_t count_ = 0;
};

class Collections {
 public:
  Collections(Model model, std::span<const Operation> ops, const ValueTable& values, bool smallest_first,
              const Watch& watch, bool want_order)
      : model_(model),
        ops_(ops),
        values_(values),
        smallest_first_(smallest_first),
        watch_(watch),
        want_order_(want_order) {}

  CollectionAnswer run() {
    answer_.engine = model_ == Model::fifo_queue ? "queue"
                     : model_ == Model::stack    ? "stack"
                                                 : "priority-queue";
    const uint64_t bytes = ops_.size() * (want_order_ ? 256 : 128);
    if (!watch_.memory->reserve(bytes)) {
      answer_.applies = true;
      answer_.why = "the memory ran out";
      return answer_;
    }
    decide();
    watch_.memory->release(bytes);
    answer_.configurations = ops_.size();
    return std::move(answer_);
  }

 private:
  void decide() {
    if (!match()) return;
    answer_.applies = true;
    if (answer_.verdict == Verdict::invalid) return;
    if (crashed_.empty() || left_.empty()) {
      if (judge()) arrange();
      return;
    }
    const std::vector<Element> plain = elements_;
    if (judge()) return arrange();
    CollectionAnswer refused = answer_;
    guess();
    if (judge()) return;
    elements_ = plain;
    for (const uint32_t v : left_) {  // each taken as early as any of them could
      elements_[v].take_begin = std::max(elements_[v].insert_begin, crashed_.front());
    }
    if (!judge()) return;
    answer_ = refused;
    answer_.core.clear();
    answer_.verdict = Verdict::unknown;
    answer_.undecided = true;
    answer_.event = 0;
    answer_.why = "crashed removals need a search";
  }

  /// A linearization without crashed removals.
  void arrange() {
    if (!want_order_ || answer_.verdict != Verdict::valid) return;
    CollectionTable table{model_, slots_, elements_, ranks_, {}, critical_counts()};
    for (size_t i = 0; i < empties_.size(); ++i) table.empties.emplace_back(empties_[i], empty_slots_[i]);
    answer_.order = collection_order(table);
  }

  bool judge() {
    answer_.core.clear();
    answer_.verdict = Verdict::valid;
    answer_.event = kPending;
    if (!check_empties()) return false;
    if (model_ == Model::fifo_queue) return check_queue();
    return model_ == Model::stack ? check_stack() : check_priority_queue();
  }

  bool refute(std::initializer_list<uint32_t> elements, uint32_t op = kNone) {
    for (const uint32_t v : elements) {
      answer_.core.push_back(elements_[v].insert);
      if (elements_[v].take != kNone) answer_.core.push_back(elements_[v].take);
    }
    if (op != kNone) answer_.core.push_back(op);
    std::sort(answer_.core.begin(), answer_.core.end());
    answer_.core.erase(std::unique(answer_.core.begin(), answer_.core.end()), answer_.core.end());
    answer_.verdict = Verdict::invalid;
    answer_.event = 0;
    for (const uint32_t i : answer_.core)
      if (!ops_[i].pending()) answer_.event = std::max(answer_.event, ops_[i].returned);
    return false;
  }

  /// Pairs insertions with removals. False: the elements are not all different.
  bool match() {
    LocalIds ids(ops_, values_.size());
    std::vector<uint32_t> takes_twice;
    for (uint32_t i = 0; i < ops_.size(); ++i) {
      const Operation& op = ops_[i];
      if (op.f != Function::insert && op.f != Function::take) return false;
      if (op.f == Function::take && op.a == kNil) {
        empties_.push_back(i);
        continue;
      }
      if (op.a == kUnknown) {
        crashed_ops_.push_back(i);
        continue;
      }
      const uint32_t v = ids.id(op.a);
      if (v >= elements_.size()) elements_.resize(v + 1);
      uint32_t& mine = op.f == Function::insert ? elements_[v].insert : elements_[v].take;
      if (mine != kNone) {
        if (op.f == Function::insert) return false;
        if (takes_twice.empty()) takes_twice = {mine, i};
        continue;
      }
      mine = i;
    }
    if (!takes_twice.empty()) {
      const uint32_t v = ids.id(ops_[takes_twice[0]].a);
      if (elements_[v].insert == kNone) return refute({}, takes_twice[0]), true;
      return refute({v}, takes_twice[1]), true;
    }
    for (uint32_t v = 0; v < elements_.size(); ++v) {
      const Element& e = elements_[v];
      if (e.insert == kNone) return refute({}, e.take), true;
      if (e.take != kNone && ops_[e.take].returned < ops_[e.insert].invoked) return refute({v}), true;
    }
    place();
    return true;
  }

  /// From history entries to dense slots.
  void place() {
    const DenseEvents at(ops_);
    slots_ = at.count();
    // An insertion that crashed and whose element nobody took never happened.
    std::erase_if(elements_, [&](const Element& e) { return e.take == kNone && ops_[e.insert].pending(); });
    for (uint32_t v = 0; v < elements_.size(); ++v) {
      Element& e = elements_[v];
      e.insert_begin = at(ops_[e.insert].invoked);
      e.insert_end = at(ops_[e.insert].returned);
      if (e.take == kNone) {
        left_.push_back(v);
        continue;
      }
      e.take_begin = std::max(e.insert_begin, at(ops_[e.take].invoked));
      e.take_end = at(ops_[e.take].returned);
      e.insert_end = std::min(e.insert_end, e.take_end);
    }
    for (const uint32_t i : crashed_ops_) crashed_.push_back(at(ops_[i].invoked));
    for (const uint32_t i : empties_) empty_slots_.emplace_back(at(ops_[i].invoked), at(ops_[i].returned));
  }

  /// What the crashed removals may well have taken.
  void guess() {
    if (model_ == Model::fifo_queue) {
      guess_queue();
      return;
    }
    std::vector<uint32_t> by_end(left_);
    std::sort(by_end.begin(), by_end.end(),
              [&](uint32_t x, uint32_t y) { return elements_[x].insert_end < elements_[y].insert_end; });
    if (model_ == Model::priority_queue) rank();
    const auto weight = [&](uint32_t v) {
      return model_ == Model::stack ? elements_[v].insert_begin : ranks_[v];
    };
    std::priority_queue<std::pair<uint32_t, uint32_t>> there;
    size_t next = 0;
    for (const uint32_t from : crashed_) {
      for (; next < by_end.size() && elements_[by_end[next]].insert_end < from; ++next)
        there.emplace(weight(by_end[next]), by_end[next]);
      if (there.empty()) continue;
      elements_[there.top().second].take_begin = from;
      there.pop();
    }
  }

  /// Those that have to be gone first, first: exact as long as nothing was found empty.
  void guess_queue() {
    std::vector<uint32_t> by_event(slots_ + 1,
                                   kLate);  // by invocation of an insertion: return of the removal
    for (const Element& e : elements_) by_event[e.insert_begin] = e.take_end;
    for (const auto& [begin, end] : empty_slots_) by_event[begin] = end;
    for (size_t i = slots_; i-- > 0;) by_event[i] = std::min(by_event[i], by_event[i + 1]);
    std::vector<std::pair<uint32_t, uint32_t>> due;
    for (const uint32_t v : left_) due.emplace_back(by_event[elements_[v].insert_end], v);
    std::sort(due.begin(), due.end());
    for (size_t i = 0; i < due.size() && i < crashed_.size(); ++i) {
      if (due[i].first == kLate) break;
      Element& e = elements_[due[i].second];
      e.take_begin = std::max(e.insert_begin, crashed_[i]);
    }
  }

  std::vector<int32_t> critical_counts() const {
    std::vector<int32_t> counts(slots_ + 1, 0);
    for (const Element& e : elements_) {
      if (!e.critical()) continue;
      ++counts[e.insert_end];
      if (e.take_begin < slots_) --counts[e.take_begin];
    }
    for (size_t i = 1; i < counts.size(); ++i) counts[i] += counts[i - 1];
    counts.resize(std::max<size_t>(1, slots_));
    return counts;
  }

  bool check_empties() {
    if (empties_.empty()) return true;
    const std::vector<int32_t> counts = critical_counts();
    std::vector<uint32_t> zeros(counts.size() + 1, 0);
    for (size_t i = 0; i < counts.size(); ++i) zeros[i + 1] = zeros[i] + (counts[i] == 0 ? 1 : 0);
    for (size_t i = 0; i < empties_.size(); ++i) {
      const auto [begin, end] = empty_slots_[i];
      if (zeros[std::min<size_t>(end, counts.size())] != zeros[begin]) continue;
      cover(begin, end, kNone);
      return refute({}, empties_[i]);
    }
    return true;
  }

  /// Adds to the core elements that are critical, one after another, all the time from `begin` to `end`; of a
  /// higher rank than `rank` if that is given.
  void cover(uint32_t begin, uint32_t end, uint32_t above) {
    for (uint32_t at = begin; at < end;) {
      uint32_t best = kNone;
      for (uint32_t v = 0; v < elements_.size(); ++v) {
        const Element& e = elements_[v];
        if (!e.critical() || e.insert_end > at || e.take_begin <= at) continue;
        if (above != kNone && ranks_[v] <= above) continue;
        if (best == kNone || e.take_begin > elements_[best].take_begin) best = v;
      }
      if (best == kNone) return;
      refute({best});
      at = elements_[best].take_begin;
    }
  }

  bool check_queue() {
    std::vector<uint32_t> begins(slots_, kNone);
    std::vector<uint32_t> ends(slots_, kNone);
    for (uint32_t v = 0; v < elements_.size(); ++v) {
      begins[elements_[v].insert_begin] = v;
      if (elements_[v].insert_end < slots_) ends[elements_[v].insert_end] = v;
    }
    uint32_t latest = 0;  // invocation of the removal of what was surely inserted before
    uint32_t who = kNone;
    for (uint32_t event = 0; event < slots_; ++event) {
      if (const uint32_t b = begins[event]; b != kNone && elements_[b].take_end < latest)
        return refute({who, b});
      const uint32_t a = ends[event];
      if (a == kNone || elements_[a].take_begin <= latest) continue;
      latest = elements_[a].take_begin;
      who = a;
    }
    return true;
  }

  /// ranks_: 0 is taken last.
  void rank() {
    if (!ranks_.empty()) return;
    const auto number = [&](uint32_t v) {
      const Value& value = values_.value(ops_[elements_[v].insert].a);
      return value.is_integer()                  ? static_cast<double>(value.integer())
             : value.kind() == Value::Kind::real ? value.real()
                                                 : 0.0;
    };
    const auto integer = [&](uint32_t v) {
      const Value& value = values_.value(ops_[elements_[v].insert].a);
      return value.is_integer() ? value.integer() : 0;
    };
    std::vector<uint32_t> order(elements_.size());
    for (uint32_t v = 0; v < order.size(); ++v) order[v] = v;
    const auto above = [&](uint32_t x, uint32_t y) {
      const auto a = smallest_first_ ? x : y;
      const auto b = smallest_first_ ? y : x;
      return number(a) != number(b) ? number(a) < number(b) : integer(a) < integer(b);
    };
    std::sort(order.begin(), order.end(), [&](uint32_t x, uint32_t y) { return above(y, x); });
    ranks_.resize(elements_.size());
    for (uint32_t i = 0, rank = 0; i < order.size(); ++i) {
      if (i > 0 && above(order[i], order[i - 1])) rank = i;  // else they are of one priority
      ranks_[order[i]] = rank;
    }
  }

  bool check_priority_queue() {
    rank();
    struct At {
      uint32_t becomes = kNone;  // critical
      uint32_t ends = kNone;
    };
    std::vector<At> events(slots_);
    std::vector<std::pair<uint32_t, uint32_t>> begins;  // of removals; several when crashed ones are guessed
    for (uint32_t v = 0; v < elements_.size(); ++v) {
      const Element& e = elements_[v];
      if (e.critical()) events[e.insert_end].becomes = v;
      if (e.take_begin < slots_) begins.emplace_back(e.take_begin, v);
      if (e.take_end < slots_) events[e.take_end].ends = v;
    }
    std::sort(begins.begin(), begins.end());
    size_t next = 0;
    std::priority_queue<std::pair<uint32_t, uint32_t>> critical;  // rank, element; gone ones are popped late
    std::vector<bool> gone(elements_.size(), false);
    std::vector<uint32_t> running;  // removals in flight that have had no moment yet
    for (uint32_t event = 0; event < slots_; ++event) {
      const At& at = events[event];
      if (at.ends != kNone) {
        const auto found = std::find(running.begin(), running.end(), at.ends);
        if (found != running.end()) {
          const Element& e = elements_[at.ends];
          cover(e.take_begin, e.take_end, ranks_[at.ends]);
          return refute({at.ends});
        }
      }
      if (at.becomes != kNone) critical.emplace(ranks_[at.becomes], at.becomes);
      for (; next < begins.size() && begins[next].first == event; ++next) {
        const uint32_t v = begins[next].second;
        gone[v] = true;
        if (elements_[v].take_end < slots_) running.push_back(v);
      }
      while (!critical.empty() && gone[critical.top().second]) critical.pop();
      const uint32_t top = critical.empty() ? 0 : critical.top().first;
      std::erase_if(running, [&](uint32_t v) { return ranks_[v] >= top; });
    }
    return true;
  }

  bool check_stack() {
    if (elements_.empty()) return true;
    const std::vector<int32_t> counts = critical_counts();
    const auto slots = static_cast<uint32_t>(counts.size());
    CountTree free(counts);
    std::vector<StabTree::Interval> intervals;
    intervals.reserve(elements_.size() * 2);
    // Removals that may come after everything find nothing critical there: they go at once.
    for (uint32_t v = 0; v < elements_.size(); ++v) {
      const Element& e = elements_[v];
      intervals.push_back({e.insert_begin, std::min(e.insert_end, slots) - 1, v * 2});
      if (e.take_end != kLate) intervals.push_back({e.take_begin, e.take_end - 1, v * 2 + 1});
    }
    std::sort(intervals.begin(), intervals.end(), [](const auto& x, const auto& y) {
      return x.left != y.left ? x.left < y.left : x.what < y.what;
    });
    StabTree waiting(std::move(intervals));
    std::vector<uint8_t> missing(elements_.size(), 2);
    size_t remaining = elements_.size();
    const auto leave = [&](uint32_t v) {
      if (--missing[v] > 0) return;
      --remaining;
      const Element& e = elements_[v];
      if (e.critical()) free.add(e.insert_end, std::min(e.take_begin, slots) - 1, -1);
    };
    for (uint32_t v = 0; v < elements_.size(); ++v)
      if (elements_[v].take_end == kLate) leave(v);
    uint32_t steps = 0;
    for (size_t slot = free.take_zero(); slot != SIZE_MAX; slot = free.take_zero()) {
      waiting.take(static_cast<uint32_t>(slot), [&](uint32_t what) { leave(what / 2); });
      if ((++steps & 0xffff) == 0 && watch_.expired()) {
        answer_.verdict = Verdict::unknown;
        answer_.event = 0;
        answer_.why = "the time ran out";
        return true;
      }
    }
    if (remaining == 0) return true;
    for (uint32_t v = 0; v < elements_.size(); ++v)
      if (missing[v] > 0) refute({v});
    return false;
  }

  Model model_;
  std::span<const Operation> ops_;
  const ValueTable& values_;
  bool smallest_first_;
  const Watch& watch_;
  bool want_order_;
  CollectionAnswer answer_;
  std::vector<Element> elements_;
  std::vector<uint32_t> left_;     // elements that nobody took
  std::vector<uint32_t> crashed_;  // invocations of crashed removals, in order
  std::vector<uint32_t> crashed_ops_;
  std::vector<uint32_t> empties_;
  std::vector<std::pair<uint32_t, uint32_t>> empty_slots_;
  std::vector<uint32_t> ranks_;
  uint32_t slots_ = 0;
};

}  // namespace

CollectionAnswer check_collection(Model model, std::span<const Operation> part, const ValueTable& values,
                                  bool smallest_first, const Watch& watch, bool want_order) {
  return Collections(model, part, values, smallest_first, watch, want_order).run();
}

}  // namespace riven::linearizable
