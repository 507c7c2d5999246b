#include "checkers/linearizable/collection_orders.h"

#include <algorithm>
#include <map>
#include <queue>
#include <set>

#include "checkers/linearizable/stack_reduction.h"

namespace riven::linearizable {

namespace {

/// Operations by slot where the collection was found empty: each at the first moment without a critical
/// element.
std::map<uint32_t, std::vector<uint32_t>> place_empties(const CollectionTable& t) {
  std::map<uint32_t, std::vector<uint32_t>> placed;
  if (t.empties.empty()) return placed;
  std::vector<uint32_t> next_zero(t.criticals.size() + 1, kLate);
  for (size_t i = t.criticals.size(); i-- > 0;)
    next_zero[i] = t.criticals[i] == 0 ? static_cast<uint32_t>(i) : next_zero[i + 1];
  for (const auto& [op, slots] : t.empties)
    placed[next_zero[std::min<size_t>(slots.first, t.criticals.size())]].push_back(op);
  return placed;
}

/// Events by slot: the element that `end` says ends there, or kNoOperation.
template <typename End>
std::vector<uint32_t> elements_by(const CollectionTable& t, End&& end) {
  std::vector<uint32_t> by(t.slots, kNoOperation);
  for (uint32_t v = 0; v < t.elements.size(); ++v)
    if (end(t.elements[v]) < t.slots) by[end(t.elements[v])] = v;
  return by;
}

/// Elements in an order in which they can go through the queue.
class QueueOrder {
 public:
  explicit QueueOrder(const CollectionTable& table) : t_(table), empties_(place_empties(table)) {}

  std::vector<uint32_t> run() {
    if (!choose()) return {};
    const auto inserted = elements_by(t_, [](const CollectionElement& e) { return e.insert_end; });
    const auto taken = elements_by(t_, [](const CollectionElement& e) { return e.take_end; });
    for (uint32_t event = 0; event < t_.slots; ++event) {
      if (inserted[event] != kNoOperation) insert_up_to(place_[inserted[event]] + 1);
      if (taken[event] != kNoOperation) take_up_to(place_[taken[event]] + 1);
      if (const auto found = empties_.find(event); found != empties_.end()) {
        take_up_to(in_);
        order_.insert(order_.end(), found->second.begin(), found->second.end());
      }
    }
    insert_up_to(line_.size());
    return std::move(order_);
  }

 private:
  /// line_: each time an element before which no other has to come, by real time or by an empty queue between
  /// them. Of those whose insertion can be next the one whose removal was invoked first is one, if any is.
  bool choose() {
    const auto& elements = t_.elements;
    const auto n = static_cast<uint32_t>(elements.size());
    const auto sorted = [&](auto&& key) {
      std::vector<uint32_t> by(n);
      for (uint32_t v = 0; v < n; ++v) by[v] = v;
      std::sort(by.begin(), by.end(), [&](uint32_t x, uint32_t y) { return key(x) < key(y); });
      return by;
    };
    const auto by_begin = sorted([&](uint32_t v) { return elements[v].insert_begin; });
    const auto by_inserted = sorted([&](uint32_t v) { return elements[v].insert_end; });
    const auto by_taken = sorted([&](uint32_t v) { return elements[v].take_end; });
    place_.assign(n, kNoOperation);
    size_t begun = 0;
    size_t first_inserted = 0;
    size_t first_taken = 0;
    using Entry = std::pair<uint32_t, uint32_t>;  // invocation of the removal, element
    std::priority_queue<Entry, std::vector<Entry>, std::greater<>> ready;
    while (line_.size() < n) {
      while (place_[by_inserted[first_inserted]] != kNoOperation) ++first_inserted;
      while (place_[by_taken[first_taken]] != kNoOperation) ++first_taken;
      const uint32_t inserted = elements[by_inserted[first_inserted]].insert_end;
      for (; begun < n && elements[by_begin[begun]].insert_begin < inserted; ++begun)
        ready.emplace(elements[by_begin[begun]].take_begin, by_begin[begun]);
      if (ready.empty()) return false;
      const auto [take_begin, v] = ready.top();
      ready.pop();
      const uint32_t taken = elements[by_taken[first_taken]].take_end;
      const auto empty = empties_.lower_bound(inserted);
      if (taken != kLate && take_begin >= taken) return false;
      if (empty != empties_.end() && take_begin > empty->first) return false;
      place_[v] = static_cast<uint32_t>(line_.size());
      line_.push_back(v);
    }
    return true;
  }

  void insert_up_to(size_t end) {
    for (; in_ < end; ++in_) order_.push_back(t_.elements[line_[in_]].insert);
  }
  void take_up_to(size_t end) {
    insert_up_to(end);
    for (; out_ < end; ++out_) order_.push_back(t_.elements[line_[out_]].take);
  }

  const CollectionTable& t_;
  std::map<uint32_t, std::vector<uint32_t>> empties_;
  std::vector<uint32_t> line_;
  std::vector<uint32_t> place_;  // in line_
  std::vector<uint32_t> order_;
  size_t in_ = 0;
  size_t out_ = 0;
};

std::vector<uint32_t> priority_order(const CollectionTable& t) {
  const auto empties = place_empties(t);
  const auto inserted = elements_by(t, [](const CollectionElement& e) { return e.insert_end; });
  std::vector<std::pair<uint32_t, uint32_t>> begins;  // of removals
  for (uint32_t v = 0; v < t.elements.size(); ++v)
    if (t.elements[v].take != kNoOperation) begins.emplace_back(t.elements[v].take_begin, v);
  std::sort(begins.begin(), begins.end());
  std::vector<uint32_t> order;
  std::vector<bool> in(t.elements.size(), false);
  const auto insert = [&](uint32_t v) {
    if (!in[v]) order.push_back(t.elements[v].insert);
    in[v] = true;
  };
  std::priority_queue<std::pair<uint32_t, uint32_t>> critical;
  std::priority_queue<std::pair<uint32_t, uint32_t>> running;  // removals in flight not done yet
  std::vector<bool> begun(t.elements.size(), false);
  size_t next = 0;
  for (uint32_t event = 0; event < t.slots; ++event) {
    if (const uint32_t v = inserted[event]; v != kNoOperation) {
      insert(v);
      if (t.elements[v].critical()) critical.emplace(t.ranks[v], v);
    }
    for (; next < begins.size() && begins[next].first == event; ++next) {
      begun[begins[next].second] = true;
      running.emplace(t.ranks[begins[next].second], begins[next].second);
    }
    while (!critical.empty() && begun[critical.top().second]) critical.pop();
    while (!running.empty() && (critical.empty() || running.top().first >= critical.top().first)) {
      const uint32_t v = running.top().second;
      running.pop();
      insert(v);
      order.push_back(t.elements[v].take);
    }
    if (const auto found = empties.find(event); found != empties.end())
      order.insert(order.end(), found->second.begin(), found->second.end());
  }
  return order;
}

/// The reduction of the stack check once more, with the moments of each operation.
class StackOrder {
 public:
  explicit StackOrder(const CollectionTable& table) : t_(table), places_(table.elements.size()) {}

  std::vector<uint32_t> run() {
    const auto slots = static_cast<uint32_t>(t_.criticals.size());
    std::vector<StabTree::Interval> intervals;
    for (uint32_t v = 0; v < t_.elements.size(); ++v) {
      const CollectionElement& e = t_.elements[v];
      intervals.push_back({e.insert_begin, std::min(e.insert_end, slots) - 1, v * 2});
      if (e.take_end != kLate) intervals.push_back({e.take_begin, e.take_end - 1, v * 2 + 1});
    }
    std::sort(intervals.begin(), intervals.end(), [](const auto& x, const auto& y) {
      return x.left != y.left ? x.left < y.left : x.what < y.what;
    });
    StabTree waiting(std::move(intervals));
    CountTree free(t_.criticals);
    std::vector<uint8_t> missing(t_.elements.size(), 2);
    for (uint32_t v = 0; v < t_.elements.size(); ++v)
      if (t_.elements[v].take_end == kLate) missing[v] = 1;

    // All moments without a critical element are the first round: there the stack shall be empty.
    std::vector<uint32_t> complete;
    const auto use = [&](uint32_t slot) {
      used_.insert(slot);
      waiting.take(slot, [&](uint32_t what) {
        if (--missing[what / 2] == 0) complete.push_back(what / 2);
      });
    };
    const auto leave = [&] {
      for (const uint32_t v : complete) {
        place(v);
        const CollectionElement& e = t_.elements[v];
        if (e.critical()) free.add(e.insert_end, std::min(e.take_begin, slots) - 1, -1);
      }
      complete.clear();
      ++round_;
    };
    for (uint32_t slot = 0; slot < slots; ++slot)
      if (t_.criticals[slot] == 0) use(slot);
    leave();
    for (size_t slot = free.take_zero(); slot != SIZE_MAX; slot = free.take_zero()) {
      use(static_cast<uint32_t>(slot));
      leave();
    }
    return emit();
  }

 private:
  struct Place {
    uint32_t push = kLate;  // slots
    uint32_t pop = kLate;
    uint32_t round = 0;
  };

  /// No moment used so far lies between the push and the pop: other elements nest within, or around.
  void place(uint32_t v) {
    const CollectionElement& e = t_.elements[v];
    Place& p = places_[v];
    p.round = round_;
    const auto pop = used_.lower_bound(e.take_begin);
    if (pop != used_.end() && *pop < e.take_end) p.pop = *pop;
    if (p.pop < e.insert_end) {
      p.push = p.pop;
    } else {
      p.push = *std::prev(used_.lower_bound(e.insert_end));
    }
  }

  std::vector<uint32_t> emit() const {
    // At one moment: pops of what was pushed before, the innermost first; what is pushed and popped at once;
    // empty results; pushes, the outermost first.
    enum Kind : uint32_t { pop, both, empty, push };
    struct Item {
      uint32_t slot;
      uint32_t kind;
      uint32_t depth;
      uint32_t element;
    };
    std::vector<Item> items;
    for (uint32_t v = 0; v < places_.size(); ++v) {
      const Place& p = places_[v];
      if (p.push == kLate) continue;
      const bool popped = p.pop != kLate && t_.elements[v].take != kNoOperation;
      if (popped && p.push == p.pop) {
        items.push_back({p.push, both, 0, v});
        continue;
      }
      items.push_back({p.push, push, p.round, v});
      if (popped) items.push_back({p.pop, pop, UINT32_MAX - p.round, UINT32_MAX - v});
    }
    for (const auto& [slot, ops] : place_empties(t_))
      for (const uint32_t op : ops) items.push_back({slot, empty, 0, op});
    std::sort(items.begin(), items.end(), [](const Item& x, const Item& y) {
      if (x.slot != y.slot) return x.slot < y.slot;
      if (x.kind != y.kind) return x.kind < y.kind;
      return x.depth != y.depth ? x.depth < y.depth : x.element < y.element;
    });
    std::vector<uint32_t> order;
    for (const Item& item : items) {
      if (item.kind == empty) order.push_back(item.element);
      if (item.kind == push || item.kind == both) order.push_back(t_.elements[item.element].insert);
      if (item.kind == both) order.push_back(t_.elements[item.element].take);
      if (item.kind == pop) order.push_back(t_.elements[UINT32_MAX - item.element].take);
    }
    return order;
  }

  const CollectionTable& t_;
  std::vector<Place> places_;
  std::set<uint32_t> used_;
  uint32_t round_ = 0;
};

}  // namespace

std::vector<uint32_t> collection_order(const CollectionTable& table) {
  if (table.model == Model::fifo_queue) return QueueOrder(table).run();
  if (table.model == Model::priority_queue) return priority_order(table);
  return StackOrder(table).run();
}

}  // namespace riven::linearizable
