#include "checkers/linearizable/refusal.h"

#include <algorithm>
#include <set>

#include "checkers/linearizable/dfs.h"
#include "checkers/linearizable/evidence.h"
#include "checkers/linearizable/jit.h"
#include "checkers/linearizable/solve.h"
#include "checkers/linearizable/zones.h"

namespace riven::linearizable {

namespace {

constexpr size_t kMostStarts = 64;
constexpr size_t kMostValues = 24;  // of a register, that a set may need

void by_invocation(std::vector<Operation>& ops) {
  std::stable_sort(ops.begin(), ops.end(),
                   [](const auto& x, const auto& y) { return x.invoked < y.invoked; });
}

}  // namespace

Refusal::Refusal(const Options& options, const ModelSpec& spec, const Projection& projection,
                 std::span<const Operation> part, const Watch& watch)
    : options_(options), spec_(spec), projection_(projection), part_(part), watch_(watch) {
  options_.want_order = false;
  options_.engine = Engine::automatic;
  const Model m = options.model.model;
  const bool appends =
      std::any_of(part.begin(), part.end(), [](const Operation& op) { return op.f == Function::append; });
  if (m == Model::kv && appends) texts_ = std::make_unique<TextQuestions>(options.model, part, projection);
  if (m == Model::reg || m == Model::cas_register || (m == Model::kv && !appends)) {
    family_ = Family::reg;
    find_makers();
  } else if (m == Model::fifo_queue || m == Model::stack || m == Model::priority_queue) {
    family_ = Family::elements;
  } else if (m == Model::counter || m == Model::fenced_mutex ||
             (m == Model::reentrant_mutex && options.model.depth == 0)) {
    family_ = Family::endless;
    if (m == Model::counter) own_ = std::make_unique<Projection>();
    if (own_ != nullptr) own_->values = projection.values;
  } else if (texts_ != nullptr && texts_->apply()) {
    family_ = Family::texts;
  } else if (m != Model::unordered_queue) {
    std::set<std::tuple<Function, int32_t, int32_t>> known;
    for (const Operation& op : part_)
      if (!only_looks(op, projection_) && known.emplace(op.f, op.a, op.b).second) kinds_.push_back(op);
    if (!starts(kPending).empty()) family_ = Family::few_states;
  }
  uint32_t latest = 0;
  for (uint32_t i = 0; i < part_.size(); ++i) {
    if (!part_[i].pending()) latest = std::max(latest, part_[i].returned);
    if (part_[i].pending()) crashed_.push_back(i);
    latest_return_.push_back(latest);
  }
}

void Refusal::find_makers() {
  makers_.resize(projection_.values.size());
  for (uint32_t i = 0; i < part_.size(); ++i) {
    const Operation& op = part_[i];
    if (op.f != Function::write && op.f != Function::cas) continue;
    Maker& maker = makers_[static_cast<size_t>(op.f == Function::cas ? op.b : op.a)];
    maker.alone = maker.first == kPending;
    if (maker.alone) maker.first = i;
  }
}

Refusal::Maker Refusal::maker_of(int32_t value) const {
  const auto at = static_cast<size_t>(value);
  return at < makers_.size() ? makers_[at] : Maker{};
}

template <typename Fn>
void Refusal::each_in_flight(uint32_t begin, uint32_t end, const Fn& fn) const {
  const auto first = static_cast<uint32_t>(
      std::lower_bound(latest_return_.begin(), latest_return_.end(), begin) - latest_return_.begin());
  for (const uint32_t i : crashed_) {
    if (i >= first || part_[i].invoked >= end) break;
    fn(i);
  }
  for (uint32_t i = first; i < part_.size() && part_[i].invoked < end; ++i)
    if (part_[i].pending() || part_[i].returned >= begin) fn(i);
}

std::vector<uint32_t> Refusal::updates_in_flight(uint32_t begin, uint32_t end) const {
  std::vector<uint32_t> updates;
  each_in_flight(begin, end, [&](uint32_t i) {
    if (!only_looks(part_[i], projection_)) updates.push_back(i);
  });
  return updates;
}

/// The window with operations in front of it that happen one after another.
Refusal::Moved Refusal::moved(std::vector<Operation> lead, const std::vector<Operation>& window,
                              uint32_t begin) {
  Moved moved{std::move(lead)};
  for (uint32_t i = 0; i < moved.operations.size(); ++i) {
    moved.operations[i].invoked = i * 2;
    moved.operations[i].returned = i * 2 + 1;
  }
  const auto room = static_cast<uint32_t>(moved.operations.size() * 2);
  moved.by = int64_t{room} - begin;
  for (Operation op : window) {
    op.invoked = op.invoked - begin + room;
    if (!op.pending()) op.returned = op.returned - begin + room;
    moved.operations.push_back(op);
  }
  return moved;
}

/// For each state that operations invoked before `begin` lead to, some that do; none if the states are many.
Refusal::Leads Refusal::starts(uint32_t begin) const {
  constexpr size_t kMostKinds = 256;
  std::vector<Operation> kinds;
  for (const Operation& op : kinds_)
    if (op.invoked < begin) kinds.push_back(op);
  if (kinds.size() > kMostKinds) return {};
  const auto space = spec_.make(kinds);
  space->keep_to(watch_);
  std::vector<uint32_t> states{space->initial()};
  std::vector<std::vector<Operation>> leads{{}};
  for (size_t i = 0; i < states.size(); ++i) {
    for (uint32_t kind = 0; kind < kinds.size(); ++kind) {
      const uint32_t to = space->step(states[i], kind);
      if (to == StateSpace::kIllegal || std::find(states.begin(), states.end(), to) != states.end()) continue;
      if (states.size() == kMostStarts) return {};
      states.push_back(to);
      leads.push_back(leads[i]);
      leads.back().push_back(kinds[kind]);
    }
  }
  return leads;
}

bool Refusal::from_the_beginning() {
  if (family_ == Family::elements || family_ == Family::other || whole_texts_) return false;
  if (family_ == Family::texts) {
    whole_texts_ = true;
    return true;
  }
  family_ = Family::other;
  return true;
}

bool Refusal::refused(const std::vector<uint32_t>& chosen) {
  if (chosen.empty()) return false;
  const Question asked = question(chosen);
  return asked.possible && std::all_of(asked.histories.begin(), asked.histories.end(), [&](const Moved& m) {
           return family_ == Family::elements
                      ? solve(options_, spec_, projection_, m.operations, watch_, 1).verdict ==
                            Verdict::invalid
                  : family_ == Family::reg   ? register_search(m)
                  : family_ == Family::texts ? text_search(m)
                                             : search(m);
         });
}

SecondOpinion Refusal::second_opinion(const std::vector<uint32_t>& chosen, uint32_t event) {
  SecondOpinion all;
  if (chosen.empty()) return all;
  const Question asked = question(chosen, true);
  all.verdict = asked.possible ? Verdict::invalid : Verdict::unknown;
  for (const Moved& history : asked.histories) {
    const auto then = static_cast<uint32_t>(std::max<int64_t>(0, event + history.by));
    const ModelSpec& spec = history.spec != nullptr ? *history.spec : spec_;
    const SecondOpinion one = ask_again(spec, history.operations, then, watch_);
    if (one.verdict != Verdict::invalid) {
      all.verdict = one.verdict;
      return all;
    }
    for (const std::string& state : one.states)
      if (all.states.size() < 16 &&
          std::find(all.states.begin(), all.states.end(), state) == all.states.end())
        all.states.push_back(state);
  }
  return all;
}

bool Refusal::search(const Moved& history) const {
  Problem problem = make_problem(history.spec != nullptr ? *history.spec : spec_, history.operations);
  const Watch watch{std::min(watch_.deadline_ns, monotonic_now_ns() + kNanosPerSecond / 2), watch_.memory,
                    nullptr, nullptr};
  const Answer answer = frontier_applies(problem) ? search_frontier(problem, watch, false)
                                                  : search_depth_first(problem, watch, false);
  return answer.verdict == Verdict::invalid;
}

/// Values that are all different leave no search to be done: the lead is the state before.
bool Refusal::register_search(const Moved& history) const {
  const std::vector<Operation>& ops = history.operations;
  const int32_t initial = ops.front().a;
  const auto window = std::span(ops).subspan(1);
  const size_t values = projection_.values.size();
  if (zones_apply(window, initial, values)) {
    const Verdict verdict = check_zones(window, initial, values, watch_, false).verdict;
    if (verdict != Verdict::unknown) return verdict == Verdict::invalid;
  }
  return search(history);
}

Refusal::Question Refusal::question(const std::vector<uint32_t>& chosen, bool conditional) {
  switch (family_) {
    case Family::texts:
      return text_question(chosen, conditional);
    case Family::reg:
      return register_question(chosen);
    case Family::elements:
      return elements_question(chosen);
    case Family::few_states:
      return window_question(chosen);
    case Family::endless:
      return endless_question(chosen);
    default:
      return whole_question(chosen);
  }
}

Refusal::Question Refusal::elements_question(const std::vector<uint32_t>& chosen) const {
  std::vector<Operation> ops;
  uint32_t last = 0;
  for (const uint32_t i : chosen) {
    ops.push_back(part_[i]);
    last = std::max(last, part_[i].pending() ? part_[i].invoked : part_[i].returned);
  }
  for (const Operation& op : part_)
    if (op.f == Function::take && op.a == kUnknown && op.invoked <= last) ops.push_back(op);
  by_invocation(ops);
  return {{{std::move(ops)}}};
}

Refusal::Question Refusal::whole_question(const std::vector<uint32_t>& chosen) const {
  std::vector<Operation> ops;
  std::vector<bool> in(part_.size(), false);
  for (const uint32_t i : chosen) in[i] = true;
  for (uint32_t i = 0; i < part_.size() && part_[i].invoked <= end_; ++i) {
    if (!in[i] && only_looks(part_[i], projection_)) continue;
    ops.push_back(part_[i]);
    if (!in[i]) ops.back().returned = kPending;
  }
  return {{{std::move(ops)}}};
}

/// The window from the first invocation (`begin`) to the last return of the set.
std::vector<Operation> Refusal::window_of(const std::vector<uint32_t>& chosen, uint32_t& begin) const {
  begin = kPending;
  uint32_t end = 0;
  std::vector<bool> in(part_.size(), false);
  for (const uint32_t i : chosen) {
    in[i] = true;
    begin = std::min(begin, part_[i].invoked);
    end = std::max(end, part_[i].pending() ? part_[i].invoked : part_[i].returned);
  }
  std::vector<Operation> window;
  each_in_flight(begin, end + 1, [&](uint32_t i) {
    Operation op = part_[i];
    if (!in[i]) {
      if (only_looks(op, projection_)) return;
      op.returned = kPending;
      op.invoked = std::max(op.invoked, begin);
    }
    window.push_back(op);
  });
  by_invocation(window);
  return window;
}

Refusal::Question Refusal::window_question(const std::vector<uint32_t>& chosen) const {
  uint32_t begin = 0;
  const std::vector<Operation> window = window_of(chosen, begin);
  Question asked;
  for (auto& lead : starts(begin)) asked.histories.push_back(moved(std::move(lead), window, begin));
  return asked;
}

/// The chosen operations, and every update that may give a value that they need, in the window that they
/// span.
Refusal::Question Refusal::register_question(const std::vector<uint32_t>& chosen) const {
  uint32_t begin = kPending;
  uint32_t end = 0;
  std::set<int32_t> needed;
  std::vector<bool> in(part_.size(), false);
  bool sees_others = false;  // a failed cas needs a value other than its own
  for (const uint32_t i : chosen) {
    const Operation& op = part_[i];
    in[i] = true;
    begin = std::min(begin, op.invoked);
    end = std::max(end, op.pending() ? op.invoked : op.returned);
    if (op.f != Function::write) needed.insert(op.a);
    sees_others = sees_others || op.f == Function::failed_cas;
  }
  std::vector<Operation> window;
  for (const uint32_t i : chosen) window.push_back(part_[i]);
  for (bool more = true; more;) {
    more = false;
    each_in_flight(begin, end, [&](uint32_t i) {
      const Operation& op = part_[i];
      if (in[i] || only_looks(op, projection_)) return;
      if (needed.count(op.f == Function::cas ? op.b : op.a) == 0 && !sees_others) return;
      in[i] = true;
      window.push_back(op);
      window.back().returned = kPending;
      window.back().invoked = std::max(op.invoked, begin);
      if (op.f == Function::cas && needed.insert(op.a).second) more = true;
    });
  }
  Question asked;
  asked.possible = needed.size() <= kMostValues;
  if (!asked.possible) return asked;
  by_invocation(window);
  int32_t other = kNil;
  while (needed.count(other) != 0) ++other;
  needed.insert(other);
  for (const int32_t initial : needed) {
    if (initial != other && !may_hold(initial, begin, chosen)) continue;
    std::vector<Operation> rest = window;
    // What alone can have made the state before has happened.
    const Maker maker = maker_of(initial);
    if (maker.alone && initial != projection_.initial && initial != other)
      std::erase_if(rest, [&](const Operation& op) {
        return op.f == part_[maker.first].f && op.a == part_[maker.first].a && op.b == part_[maker.first].b;
      });
    asked.histories.push_back(moved({{.a = initial, .f = Function::write}}, rest, begin));
  }
  return asked;
}

/// Whether a register can hold the value when the chosen operations begin, by anybody else's doing.
bool Refusal::may_hold(int32_t value, uint32_t begin, const std::vector<uint32_t>& chosen) const {
  if (value == projection_.initial) return true;
  const Maker maker = maker_of(value);
  if (maker.first == kPending || maker.alone)
    return maker.alone && part_[maker.first].invoked < begin &&
           std::find(chosen.begin(), chosen.end(), maker.first) == chosen.end();
  const auto end = std::lower_bound(part_.begin(), part_.end(), begin,
                                    [](const Operation& op, uint32_t t) { return op.invoked < t; });
  for (auto i = static_cast<uint32_t>(end - part_.begin()); i-- > 0;) {
    const Operation& op = part_[i];
    const bool makes = (op.f == Function::write && op.a == value) || (op.f == Function::cas && op.b == value);
    if (makes && std::find(chosen.begin(), chosen.end(), i) == chosen.end()) return true;
  }
  return false;
}

std::vector<uint32_t> Refusal::closed(std::vector<uint32_t> chosen) {
  if (family_ != Family::elements) return chosen;
  if (of_element_.empty()) {
    for (uint32_t i = 0; i < part_.size(); ++i)
      if (part_[i].a > kNil) of_element_.emplace_back(part_[i].a, i);
    std::sort(of_element_.begin(), of_element_.end());
  }
  const size_t given = chosen.size();
  for (size_t k = 0; k < given; ++k) {
    const int32_t element = part_[chosen[k]].a;
    if (element <= kNil) continue;
    auto at = std::lower_bound(of_element_.begin(), of_element_.end(), std::pair(element, 0U));
    for (; at != of_element_.end() && at->first == element; ++at) chosen.push_back(at->second);
  }
  std::sort(chosen.begin(), chosen.end());
  chosen.erase(std::unique(chosen.begin(), chosen.end()), chosen.end());
  return chosen;
}

std::vector<uint32_t> Refusal::without(const std::vector<uint32_t>& chosen, size_t at, size_t chunk) const {
  std::vector<int32_t> elements;
  if (family_ == Family::elements) {
    for (size_t i = at; i < std::min(chosen.size(), at + chunk); ++i)
      if (part_[chosen[i]].a > kNil) elements.push_back(part_[chosen[i]].a);
    std::sort(elements.begin(), elements.end());
  }
  std::vector<uint32_t> fewer;
  for (size_t i = 0; i < chosen.size(); ++i) {
    if ((i < at || i >= at + chunk) &&
        !std::binary_search(elements.begin(), elements.end(), part_[chosen[i]].a))
      fewer.push_back(chosen[i]);
  }
  return fewer;
}

}  // namespace riven::linearizable
