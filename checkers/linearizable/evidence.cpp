#include "checkers/linearizable/evidence.h"

#include <algorithm>
#include <map>
#include <unordered_map>

#include "checkers/linearizable/narrative.h"
#include "checkers/linearizable/refusal.h"
#include "checkers/linearizable/register_states.h"
#include "checkers/linearizable/solve.h"

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
      : options_(options),
        spec_(spec),
        projection_(projection),
        part_(part),
        watch_(watch),
        refusal_(options, spec, projection, part, watch) {
    options_.want_order = false;
    options_.engine = Engine::automatic;  // the verdict is there: any engine may tell the rest
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
    first_event(evidence, core, !chosen.empty() && last_return(chosen) == upper);
    if (chosen.empty() || evidence.event != upper) {
      chosen = start(core, evidence.event);
      if (!chosen.empty()) evidence.minimal = shrink(chosen);
    }
    if (evidence.states.empty() && refusal_.is_register())
      evidence.states = register_states_before(projection_, part_, evidence.event, watch_);
    if (chosen.empty()) return evidence;
    const SecondOpinion opinion = refusal_.second_opinion(chosen, evidence.event);
    evidence.verified = opinion.verdict == Verdict::invalid;
    if (evidence.states.empty() && !refusal_.is_register()) {
      evidence.states = opinion.states;
      evidence.states_of_these = true;
    }
    if (refusal_.is_register()) add_writers(chosen);
    evidence.operations = std::move(chosen);
    return evidence;
  }

 private:
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

  Answer judge_prefix(uint32_t event, bool with) const {
    return solve(options_, spec_, projection_, prefix_of(part_, event, with, projection_), watch_, 1);
  }

  /// The event up to which the history is refused and before which it is not. An upper bound that proves
  /// wrong is given up, unless `certain`.
  void first_event(Evidence& evidence, std::vector<uint32_t>& core, bool certain) {
    if (evidence.exact_event || late()) return;
    if (!certain && judge_prefix(evidence.event, true).verdict != Verdict::invalid) {
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
    refusal_.up_to(event);
    core = refusal_.closed(std::move(core));
    if (!core.empty() && refused(core)) return core;
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
      window = refusal_.closed(std::move(window));
      if (refused(window)) return window;
      if (width < count) continue;
      if (late() || !refusal_.from_the_beginning()) break;
      if (refused(window)) return window;
      break;
    }
    return {};
  }

  /// Leaves out what can be left out: halves, quarters, ..., single operations.
  bool shrink(std::vector<uint32_t>& chosen) {
    for (size_t chunk = std::max<size_t>(1, chosen.size() / 2);; chunk = std::max<size_t>(1, chunk / 2)) {
      bool left_out = false;
      for (size_t at = 0; at < chosen.size();) {
        if (late()) return false;
        std::vector<uint32_t> fewer = refusal_.without(chosen, at, chunk);
        if (!fewer.empty() && fewer.size() < chosen.size() && refused(fewer)) {
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

  bool refused(const std::vector<uint32_t>& chosen) { return refusal_.refused(chosen); }

  Options options_;
  const ModelSpec& spec_;
  const Projection& projection_;
  std::span<const Operation> part_;
  const Watch& watch_;
  Refusal refusal_;
};

}  // namespace

Evidence find_evidence(const Options& options, const ModelSpec& spec, const Projection& projection,
                       const History& history, std::span<const Operation> part, const Answer& answer,
                       const Watch& watch) {
  constexpr uint64_t kBytesAnOperation = 96;  // a prefix and what a Refusal knows, the searches aside
  Reservation room(watch.memory);
  Evidence evidence;
  evidence.event = answer.event;
  evidence.exact_event = answer.exact_event;
  if (room.grow_to(part.size() * kBytesAnOperation))
    evidence = Finder(options, spec, projection, part, watch).run(answer);
  narrate(options.model.model, projection, history, part, evidence);
  return evidence;
}

}  // namespace riven::linearizable
