#include "checkers/isolation/cycles.h"

#include <algorithm>

namespace riven::checkers::isolation {

const std::vector<CycleClass>& cycle_classes() {
  static const std::vector<CycleClass> all = [] {
    std::vector<CycleClass> out;
    for (const Order order : {Order::none, Order::session, Order::realtime})
      for (const Shape shape : {Shape::g0, Shape::g1c, Shape::single, Shape::nonadjacent, Shape::adjacent})
        out.push_back({shape, order, false});
    return out;
  }();
  return all;
}

std::string name_of(const CycleClass& c) {
  static constexpr const char* kShapes[] = {"G0", "G1c", "G-single", "G-nonadjacent", "G2"};
  const char* const item = c.shape >= Shape::single && !c.predicate ? "-item" : "";
  static constexpr const char* kOrders[] = {"", "-process", "-realtime"};
  return std::string(kShapes[static_cast<size_t>(c.shape)]) + item + kOrders[static_cast<size_t>(c.order)];
}

namespace {
// A state of the search: whether the last edge was an anti-dependency, how many there were (0, 1, more; for
// G2 whether two followed each other), and whether the required edge was there.
constexpr uint32_t kRejected = kNone;
constexpr uint32_t encode(bool last, uint32_t count, bool seen) {
  return (last ? 1 : 0) + 2 * (seen ? 1 : 0) + 4 * count;
}
constexpr bool last_of(uint32_t s) { return (s & 1) != 0; }
constexpr bool seen_of(uint32_t s) { return (s & 2) != 0; }
constexpr uint32_t count_of(uint32_t s) { return s >> 2; }
}  // namespace

uint32_t CycleSearch::begin_state(uint8_t label) const {
  const bool seen = required_ == 0 || (label & required_) != 0;
  if (label != kRw) return encode(false, 0, seen);
  return encode(true, class_.shape == Shape::adjacent ? 0 : 1, seen);
}

uint32_t CycleSearch::next_state(uint32_t s, uint8_t label) const {
  const bool seen = seen_of(s) || (label & required_) != 0;
  if (label != kRw) {
    const bool pair_due = class_.shape == Shape::adjacent && class_.order != Order::realtime && last_of(s) &&
                          count_of(s) == 0;  // the start is the first of the pair
    return pair_due ? kRejected : encode(false, count_of(s), seen);
  }
  switch (class_.shape) {
    case Shape::g0:
    case Shape::g1c:
      return kRejected;
    case Shape::single:
      return count_of(s) == 0 ? encode(false, 1, seen) : kRejected;
    case Shape::nonadjacent:
      return last_of(s) ? kRejected : encode(true, std::min(2U, count_of(s) + 1), seen);
    case Shape::adjacent:
      return encode(true, count_of(s) != 0 || last_of(s) ? 1 : 0, seen);
  }
  return kRejected;
}

bool CycleSearch::accepts(uint32_t s) const {
  if (!seen_of(s)) return false;
  switch (class_.shape) {
    case Shape::g0:
    case Shape::g1c:
      return true;
    case Shape::single:
      return count_of(s) == 1;
    case Shape::nonadjacent:
      return count_of(s) == 2 && (class_.order == Order::realtime || !last_of(s));
    case Shape::adjacent:
      return count_of(s) == 1;
  }
  return false;
}

std::vector<CycleSearch::Start> CycleSearch::starts() const {
  std::vector<Start> out;
  const uint32_t n = graph_.size();
  const Components c = components(graph_, mask_);
  if (class_.order == Order::realtime) {
    // Components come in reverse topological order: what a vertex reaches is known before it.
    std::vector<uint32_t> first_return(c.count, kNone);
    std::vector<std::pair<uint32_t, uint32_t>> by_component;
    for (uint32_t v = 0; v < n; ++v) by_component.emplace_back(c.of[v], v);
    std::sort(by_component.begin(), by_component.end());
    for (const auto& [number, v] : by_component) {
      first_return[number] = std::min(first_return[number], t_.returned(suspect_.txns[v]));
      for (uint32_t e = graph_.begin[v]; e < graph_.begin[v + 1]; ++e)
        if ((graph_.labels[e] & mask_) != 0)
          first_return[number] = std::min(first_return[number], first_return[c.of[graph_.targets[e]]]);
    }
    for (uint32_t v = 0; v < n; ++v)
      if (first_return[c.of[v]] < t_.invoke[suspect_.txns[v]]) out.push_back({v, v, kRealtime});
    return out;
  }
  uint8_t first = kRw;
  if (class_.shape == Shape::g0) first = class_.order == Order::none ? kWw : kProcess;
  if (class_.shape == Shape::g1c) first = class_.order == Order::none ? kWr : kProcess;
  for (uint32_t v = 0; v < n; ++v)
    for (uint32_t e = graph_.begin[v]; e < graph_.begin[v + 1]; ++e)
      if (graph_.labels[e] == first && c.of[v] == c.of[graph_.targets[e]])
        out.push_back({v, graph_.targets[e], first});
  return out;
}

void CycleSearch::take_path(const Start& start, uint32_t end, uint8_t closing) {
  std::vector<Cycle::Step> steps;
  uint8_t label = closing;
  for (uint32_t at = end; at != kNone; at = parent_[at]) {
    steps.push_back({suspect_.txns[at / kStates], label});
    label = via_[at];
  }
  if (start.label != kRealtime) steps.push_back({suspect_.txns[start.goal], start.label});
  std::reverse(steps.begin(), steps.end());
  // A walk that meets itself hides a cycle of a graver class, which is searched for by itself.
  std::vector<uint32_t> seen;
  for (const auto& step : steps) seen.push_back(step.txn);
  std::sort(seen.begin(), seen.end());
  if (std::adjacent_find(seen.begin(), seen.end()) == seen.end()) best_ = std::move(steps);
}

// Breadth first over (vertex, state), at most `limit` edges in the cycle.
bool CycleSearch::search(const Start& start, uint32_t limit) {
  if (++epoch_ == 0) {
    std::fill(stamp_.begin(), stamp_.end(), 0);
    epoch_ = 1;
  }
  const bool realtime = start.label == kRealtime;
  queue_.clear();
  const uint32_t root =
      start.first * kStates + (realtime ? encode(false, 0, required_ == 0) : begin_state(start.label));
  stamp_[root] = epoch_;
  parent_[root] = kNone;
  queue_.push_back(root);
  for (uint32_t length = 1; !queue_.empty();
       ++length) {  // edges so far, the start's (or real time's) included
    next_queue_.clear();
    for (const uint32_t at : queue_) {
      const uint32_t v = at / kStates;
      const uint32_t s = at % kStates;
      if (realtime && length > 1 && accepts(s) &&
          t_.returned(suspect_.txns[v]) < t_.invoke[suspect_.txns[start.goal]]) {
        take_path(start, at, kRealtime);
        return !best_.empty();
      }
      if (length >= limit) {
        truncated_ = true;
        continue;
      }
      for (uint32_t e = graph_.begin[v]; e < graph_.begin[v + 1]; ++e) {
        ++spent_;
        const uint8_t label = graph_.labels[e];
        if ((label & mask_) == 0) continue;
        const uint32_t w = graph_.targets[e];
        if (banned_[w] != 0) continue;
        const uint32_t next = next_state(s, label);
        if (next == kRejected) continue;
        if (!realtime && w == start.goal && accepts(next)) {
          // The closing edge may not meet the start's anti-dependency.
          if (!(class_.shape == Shape::nonadjacent && label == kRw)) {
            take_path(start, at, label);
            return !best_.empty();
          }
        }
        const uint32_t to = w * kStates + next;
        if (stamp_[to] == epoch_) continue;
        stamp_[to] = epoch_;
        parent_[to] = at;
        via_[to] = label;
        next_queue_.push_back(to);
      }
    }
    queue_.swap(next_queue_);
    if (spent_ > work_) {
      exhausted_ = true;
      return false;
    }
  }
  return false;
}

// What is found ends what is longer; a cycle of none_up_to + 1 edges ends the search. `next`: the start to
// begin with, then the one to go on with: those before it have nothing that short.
std::vector<Cycle::Step> CycleSearch::shortest(const std::vector<Start>& starts, uint32_t none_up_to,
                                               uint32_t limit, size_t& next) {
  const bool only_one_length = limit == none_up_to + 1;
  std::vector<Cycle::Step> out;
  size_t i = next;
  for (; i < starts.size() && !exhausted_; ++i) {
    if (banned_[starts[i].goal] != 0 || banned_[starts[i].first] != 0) continue;
    best_.clear();
    if (!search(starts[i], limit)) continue;
    out = std::move(best_);
    limit = static_cast<uint32_t>(out.size()) - 1;
    if (limit == none_up_to) break;
  }
  next = only_one_length ? i : 0;
  return out;
}

std::vector<Cycle> CycleSearch::find(const CycleClass& wanted_class, size_t wanted) {
  class_ = wanted_class;
  mask_ = kWw;
  if (class_.shape != Shape::g0) mask_ |= kWr;
  if (class_.shape >= Shape::single) mask_ |= kRw;
  required_ = 0;
  if (class_.order == Order::session) mask_ |= kProcess, required_ = kProcess;
  if (class_.shape == Shape::g1c && class_.order != Order::none) required_ = kWr;
  const size_t cells = static_cast<size_t>(graph_.size()) * kStates;
  if (stamp_.size() != cells) {
    stamp_.assign(cells, 0);
    parent_.resize(cells);
    via_.resize(cells);
  }
  banned_.assign(graph_.size(), 0);
  spent_ = 0;
  exhausted_ = false;
  std::vector<Cycle> found;
  const std::vector<Start> all = starts();
  // Deepen step by step: short cycles end the search before anyone goes far.
  size_t next = 0;
  truncated_ = false;
  for (uint32_t none_up_to = 1, limit = 2; !all.empty() && found.size() < wanted && !exhausted_;) {
    std::vector<Cycle::Step> cycle = shortest(all, none_up_to, limit, next);
    if (!cycle.empty()) {
      for (const auto& step : cycle) {
        const auto at = std::lower_bound(suspect_.txns.begin(), suspect_.txns.end(), step.txn);
        banned_[static_cast<size_t>(at - suspect_.txns.begin())] = 1;
      }
      none_up_to = static_cast<uint32_t>(cycle.size()) - 1;
      found.push_back({class_, std::move(cycle)});
      continue;
    }
    if (!truncated_) break;
    truncated_ = false;
    none_up_to = limit;
    next = 0;
    limit = limit < 8 ? limit + 1 : limit + limit / 2;
  }
  if (!found.empty()) exhausted_ = false;
  return found;
}

}  // namespace riven::checkers::isolation
