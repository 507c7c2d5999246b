#include "checkers/linearizable/evidence.h"

#include <algorithm>
#include <map>
#include <set>
#include <unordered_map>

#include "checkers/linearizable/dfs.h"
#include "checkers/linearizable/jit.h"
#include "checkers/linearizable/narrative.h"
#include "checkers/linearizable/solve.h"
#include "checkers/linearizable/zones.h"

namespace riven::linearizable {

bool only_looks(const Operation& op, const Projection& projection) {
  switch (op.f) {
    case Function::read:
    case Function::failed_cas:
    case Function::contains:
    case Function::failed_acquire:
    case Function::peek:
      return true;
    case Function::take:
      return op.a == kNil;
    case Function::add:
    case Function::remove:
      return op.b == kFalse;
    case Function::txn: {
      const auto& micro = projection.transactions[static_cast<size_t>(op.a)];
      return std::none_of(micro.begin(), micro.end(), [](const MicroOp& m) { return m.write; });
    }
    default:
      return false;
  }
}

std::vector<Operation> prefix_of(std::span<const Operation> part, uint32_t event, bool with,
                                 const Projection& projection) {
  std::vector<Operation> prefix;
  const uint32_t end = with ? event + 1 : event;
  std::unordered_map<int32_t, int> elements;  // 1: inserted, 2: taken
  for (Operation op : part) {
    if (op.invoked >= end) break;
    if (op.returned >= end) {
      op.returned = kPending;
      if (only_looks(op, projection)) continue;
    }
    if (op.f == Function::insert) elements[op.a] |= 1;
    if (op.f == Function::take && !op.pending()) elements[op.a] |= 2;
    prefix.push_back(op);
  }
  // A removal in flight counts only if its element is there and nobody else's.
  std::erase_if(prefix, [&](const Operation& op) {
    return op.f == Function::take && op.pending() && op.a != kUnknown && elements[op.a] != 1;
  });
  return prefix;
}

namespace {

class Finder {
 public:
  Finder(const Options& options, const ModelSpec& spec, const Projection& projection,
         std::span<const Operation> part, const Watch& watch)
      : options_(options), spec_(spec), projection_(projection), part_(part), watch_(watch) {
    options_.want_order = false;
    const Model m = options.model.model;
    const bool appends =
        std::any_of(part.begin(), part.end(), [](const Operation& op) { return op.f == Function::append; });
    if (m == Model::reg || m == Model::cas_register || (m == Model::kv && !appends)) {
      family_ = Family::reg;
    } else if (m == Model::fifo_queue || m == Model::stack || m == Model::priority_queue) {
      family_ = Family::elements;
    }
  }

  Evidence run(const Answer& answer) {
    Evidence evidence;
    evidence.event = answer.event;
    evidence.exact_event = answer.exact_event;
    evidence.states = answer.states;
    std::vector<uint32_t> core = answer.core;
    std::vector<uint32_t> chosen;
    if (!evidence.exact_event && !core.empty()) {
      // What is left of a large core says better than the core when it was certain.
      chosen = start(core, evidence.event);
      if (!chosen.empty()) {
        evidence.minimal = shrink(chosen);
        evidence.event = std::min(evidence.event, last_return(chosen));
      }
    }
    const uint32_t upper = evidence.event;
    first_event(evidence, core);
    if (chosen.empty() || evidence.event != upper) {
      chosen = start(core, evidence.event);
      if (!chosen.empty()) evidence.minimal = shrink(chosen);
    }
    if (evidence.states.empty() && family_ == Family::reg) evidence.states = states_before(evidence.event);
    if (chosen.empty()) return evidence;
    evidence.verified = refused(chosen, true);
    if (family_ == Family::reg) add_writers(chosen);
    evidence.operations = std::move(chosen);
    return evidence;
  }

 private:
  enum class Family : uint8_t { reg, elements, other };

  bool late() const { return watch_.expired(); }

  uint32_t last_return(const std::vector<uint32_t>& chosen) const {
    uint32_t last = 0;
    for (const uint32_t i : chosen)
      if (!part_[i].pending()) last = std::max(last, part_[i].returned);
    return last == 0 ? kPending : last;
  }

  /// Operations of the prefix before an event, as operations of the part.
  std::vector<uint32_t> in_part(const std::vector<uint32_t>& core, uint32_t event) const {
    if (core.empty()) return core;
    const std::vector<Operation> prefix = prefix_of(part_, event, false, projection_);
    std::vector<uint32_t> mapped;
    for (const uint32_t i : core) {
      const auto at = std::lower_bound(part_.begin(), part_.end(), prefix[i].invoked,
                                       [](const Operation& op, uint32_t t) { return op.invoked < t; });
      mapped.push_back(static_cast<uint32_t>(at - part_.begin()));
    }
    return mapped;
  }

  /// Values that a register without repeated ones may have had just before the event: those that a read there
  /// could have returned, as far as the operations of a window before it say.
  std::vector<std::string> states_before(uint32_t event) const {
    constexpr uint32_t kWindow = 2000;
    constexpr size_t kMostStates = 16;
    const std::vector<Operation> prefix = prefix_of(part_, event, false, projection_);
    const size_t values = projection_.values.size();
    if (!zones_apply(prefix, projection_.initial, values)) return {};
    const uint32_t from = event > kWindow ? event - kWindow : 0;
    const auto in_window = [&](const Operation& op) {
      return (op.pending() ? op.invoked : op.returned) >= from;
    };
    const auto made = [](const Operation& op) { return op.f == Function::cas ? op.b : op.a; };
    std::set<int32_t> needed;
    std::set<int32_t> candidates{projection_.initial};
    for (const Operation& op : prefix) {
      if (!in_window(op)) continue;
      if (op.f != Function::write) needed.insert(op.a);
      if (op.f == Function::write || op.f == Function::cas) candidates.insert(made(op));
    }
    candidates.insert(needed.begin(), needed.end());
    std::vector<Operation> window;
    for (Operation op : prefix) {
      const bool changes = op.f == Function::write || op.f == Function::cas;
      if (!in_window(op)) {  // kept only as what made a value
        if (!changes || candidates.count(made(op)) == 0) continue;
        op.a = made(op);
        op.f = Function::write;
      }
      window.push_back(op);
    }
    window.push_back({.invoked = event, .returned = event + 1, .f = Function::read});
    std::vector<std::string> states;
    for (auto v = candidates.rbegin(); v != candidates.rend() && states.size() < kMostStates && !late();
         ++v) {
      window.back().a = *v;
      if (check_zones(window, projection_.initial, values, watch_, false).verdict == Verdict::valid)
        states.push_back(to_edn(projection_.values.value(*v)));
    }
    return states;
  }

  Answer judge_prefix(uint32_t event, bool with) const {
    return solve(options_, spec_, projection_, prefix_of(part_, event, with, projection_), watch_, 1);
  }

  /// The event up to which the history is refused and before which it is not. An upper bound that proves
  /// wrong is given up.
  void first_event(Evidence& evidence, std::vector<uint32_t>& core) {
    if (evidence.exact_event || late()) return;
    if (judge_prefix(evidence.event, true).verdict != Verdict::invalid) {
      evidence.event = 0;
      for (const Operation& op : part_)
        if (!op.pending()) evidence.event = std::max(evidence.event, op.returned);
    }
    uint32_t low = 0;  // the part before it is linearizable
    bool halve = false;
    while (!late()) {
      const uint32_t at = halve ? low + (evidence.event - low) / 2 : evidence.event;
      const Answer before = judge_prefix(at, false);
      if (before.verdict == Verdict::unknown) return;
      if (before.verdict == Verdict::valid) {
        low = at;
        if (at == evidence.event) {
          evidence.exact_event = true;
          return;
        }
      } else {
        evidence.event = std::min(before.event, at == 0 ? 0 : at - 1);
        core = in_part(before.core, at);
        evidence.states = before.states;
        if (before.exact_event) {
          evidence.exact_event = true;
          return;
        }
      }
      halve = !halve;
    }
  }

  /// A set that is refused: the engine's core, or the operations of a window before the event.
  std::vector<uint32_t> start(std::vector<uint32_t> core, uint32_t event) {
    end_ = event;
    core = closed(std::move(core));
    if (!core.empty() && refused(core, false)) return core;
    const auto count = static_cast<uint32_t>(
        std::lower_bound(part_.begin(), part_.end(), event,
                         [](const Operation& op, uint32_t t) { return op.invoked < t; }) -
        part_.begin());
    for (uint32_t width = 16; !late(); width *= 4) {
      std::vector<uint32_t> window;
      for (uint32_t i = count > width ? count - width : 0; i < count; ++i)
        if (part_[i].returned <= event) window.push_back(i);
      // Whatever returns at the event belongs to it, however early it began.
      for (uint32_t i = 0; i < count; ++i)
        if (part_[i].returned == event && !std::binary_search(window.begin(), window.end(), i))
          window.insert(window.begin(), i);
      std::sort(window.begin(), window.end());
      window = closed(std::move(window));
      if (refused(window, false)) return window;
      if (width >= count) break;
    }
    return {};
  }

  /// Leaves out what can be left out: halves, quarters, ..., single operations.
  bool shrink(std::vector<uint32_t>& chosen) {
    for (size_t chunk = std::max<size_t>(1, chosen.size() / 2);; chunk = std::max<size_t>(1, chunk / 2)) {
      bool left_out = false;
      for (size_t at = 0; at < chosen.size();) {
        if (late()) return false;
        std::vector<uint32_t> fewer = without(chosen, at, chunk);
        if (!fewer.empty() && fewer.size() < chosen.size() && refused(fewer, false)) {
          chosen = std::move(fewer);
          left_out = true;
        } else {
          at += chunk;
        }
      }
      if (chunk == 1 && !left_out) return true;
    }
  }

  /// Shows where the values came from, where only one operation can have written them.
  void add_writers(std::vector<uint32_t>& chosen) const {
    std::map<int32_t, std::vector<uint32_t>> writers;
    for (const uint32_t i : chosen)
      if (part_[i].f != Function::write) writers[part_[i].a];
    for (uint32_t i = 0; i < part_.size(); ++i) {
      if (part_[i].f != Function::write && part_[i].f != Function::cas) continue;
      const auto at = writers.find(part_[i].f == Function::cas ? part_[i].b : part_[i].a);
      if (at != writers.end() && at->second.size() < 2) at->second.push_back(i);
    }
    for (const auto& [value, by] : writers)
      if (by.size() == 1 && std::find(chosen.begin(), chosen.end(), by[0]) == chosen.end())
        chosen.push_back(by[0]);
    std::sort(chosen.begin(), chosen.end());
  }

  std::vector<uint32_t> without(const std::vector<uint32_t>& chosen, size_t at, size_t chunk) const {
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

  /// Whether the chosen operations are enough for a refusal.
  bool refused(const std::vector<uint32_t>& chosen, bool independent) {
    if (family_ == Family::reg) return register_refused(chosen, independent);
    std::vector<Operation> ops;
    if (family_ == Family::elements) {
      for (const uint32_t i : chosen) ops.push_back(part_[i]);
      for (const Operation& op : part_)
        if (op.f == Function::take && op.a == kUnknown) ops.push_back(op);
      std::sort(ops.begin(), ops.end(), [](const auto& x, const auto& y) { return x.invoked < y.invoked; });
    } else {
      std::vector<bool> in(part_.size(), false);
      for (const uint32_t i : chosen) in[i] = true;
      for (uint32_t i = 0; i < part_.size() && part_[i].invoked <= end_; ++i) {
        if (in[i]) {
          ops.push_back(part_[i]);
        } else if (!only_looks(part_[i], projection_)) {
          ops.push_back(part_[i]);
          ops.back().returned = kPending;
        }
      }
    }
    if (!independent && family_ == Family::elements)
      return solve(options_, spec_, projection_, ops, watch_, 1).verdict == Verdict::invalid;
    return search(ops, independent);
  }

  /// With every element of a collection all of its operations.
  std::vector<uint32_t> closed(std::vector<uint32_t> chosen) {
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

  bool search(const std::vector<Operation>& ops, bool independent) {
    Problem problem = make_problem(spec_, ops);
    const Watch watch{std::min(watch_.deadline_ns, monotonic_now_ns() + kNanosPerSecond / 2), watch_.memory,
                      nullptr};
    const Answer answer = independent || !frontier_applies(problem)
                              ? search_depth_first(problem, watch, false)
                              : search_frontier(problem, watch, false);
    return answer.verdict == Verdict::invalid;
  }

  /// Registers: the chosen operations, and every update that may give a value that they need, in the window
  /// that they span; from every state that could matter.
  bool register_refused(const std::vector<uint32_t>& chosen, bool independent) {
    if (chosen.empty()) return false;
    uint32_t begin = kPending;
    uint32_t end = 0;
    std::set<int32_t> needed;
    std::vector<bool> in(part_.size(), false);
    for (const uint32_t i : chosen) {
      const Operation& op = part_[i];
      in[i] = true;
      begin = std::min(begin, op.invoked);
      end = std::max(end, op.pending() ? op.invoked : op.returned);
      if (op.f != Function::write) needed.insert(op.a);
    }
    std::vector<uint32_t> helpers;
    for (bool more = true; more;) {
      more = false;
      for (uint32_t i = 0; i < part_.size() && part_[i].invoked < end; ++i) {
        const Operation& op = part_[i];
        if (in[i] || only_looks(op, projection_) || (!op.pending() && op.returned < begin)) continue;
        const int32_t target = op.f == Function::cas ? op.b : op.a;
        // A failed cas needs a value other than its own.
        if (needed.count(target) == 0 && !sees_others(chosen)) continue;
        in[i] = true;
        helpers.push_back(i);
        if (op.f == Function::cas && needed.insert(op.a).second) more = true;
      }
    }
    if (needed.size() > 24) return false;
    int32_t other = kNil;
    while (needed.count(other) != 0) ++other;
    needed.insert(other);
    for (const int32_t initial : needed) {
      if (initial != other && !may_hold(initial, begin, chosen)) continue;
      std::vector<Operation> ops{{.invoked = 0, .returned = 1, .a = initial, .f = Function::write}};
      for (const uint32_t i : chosen) ops.push_back(part_[i]);
      for (const uint32_t i : helpers) {
        ops.push_back(part_[i]);
        ops.back().returned = kPending;
        ops.back().invoked = std::max(ops.back().invoked, begin);
      }
      for (size_t i = 1; i < ops.size(); ++i) {
        ops[i].invoked = ops[i].invoked - begin + 2;
        if (!ops[i].pending()) ops[i].returned = ops[i].returned - begin + 2;
      }
      std::sort(ops.begin(), ops.end(), [](const auto& x, const auto& y) { return x.invoked < y.invoked; });
      if (!search(ops, independent)) return false;
    }
    return true;
  }

  /// Whether a register can hold the value when the chosen operations begin, by anybody else's doing.
  bool may_hold(int32_t value, uint32_t begin, const std::vector<uint32_t>& chosen) const {
    if (value == projection_.initial) return true;
    const auto end = std::lower_bound(part_.begin(), part_.end(), begin,
                                      [](const Operation& op, uint32_t t) { return op.invoked < t; });
    for (auto i = static_cast<uint32_t>(end - part_.begin()); i-- > 0;) {
      const Operation& op = part_[i];
      const bool makes =
          (op.f == Function::write && op.a == value) || (op.f == Function::cas && op.b == value);
      if (makes && std::find(chosen.begin(), chosen.end(), i) == chosen.end()) return true;
    }
    return false;
  }

  bool sees_others(const std::vector<uint32_t>& chosen) const {
    return std::any_of(chosen.begin(), chosen.end(),
                       [&](uint32_t i) { return part_[i].f == Function::failed_cas; });
  }

  Options options_;
  const ModelSpec& spec_;
  const Projection& projection_;
  std::span<const Operation> part_;
  const Watch& watch_;
  Family family_ = Family::other;
  uint32_t end_ = 0;
  std::vector<std::pair<int32_t, uint32_t>> of_element_;  // element, operation
};

}  // namespace

Evidence find_evidence(const Options& options, const ModelSpec& spec, const Projection& projection,
                       const History& history, std::span<const Operation> part, const Answer& answer,
                       const Watch& watch) {
  Evidence evidence = Finder(options, spec, projection, part, watch).run(answer);
  narrate(options.model.model, projection, history, part, evidence);
  return evidence;
}

}  // namespace riven::linearizable
