#include "checkers/linearizable/register_states.h"

#include <algorithm>
#include <set>

#include "checkers/linearizable/evidence.h"
#include "checkers/linearizable/zones.h"

namespace riven::linearizable {

namespace {

constexpr uint32_t kWindow = 800;
constexpr size_t kMostStates = 16;

bool changes(const Operation& op) { return op.f == Function::write || op.f == Function::cas; }
int32_t shown_by(const Operation& op) { return op.f == Function::cas ? op.b : op.a; }

/// When each value was there for certain, and the last to show one at all.
class Sightings {
 public:
  explicit Sightings(size_t values) : first_(values, kPending) {}
  void add(const Operation& op) {
    const int32_t v = shown_by(op);
    uint32_t& first = first_[static_cast<size_t>(v)];
    first = std::min(first, op.returned);
    if (v == latest_.value) {
      latest_.invoked = std::max(latest_.invoked, op.invoked);
    } else if (op.invoked >= latest_.invoked) {
      other_ = latest_;
      latest_ = {v, op.invoked};
    } else {
      other_.invoked = std::max(other_.invoked, op.invoked);
    }
  }
  /// False: after it had been seen something began that saw or made another value.
  bool may_last(int32_t v) const {
    const uint32_t first = first_[static_cast<size_t>(v)];
    return first == kPending || first > (v == latest_.value ? other_ : latest_).invoked;
  }

 private:
  struct Last {
    int32_t value = kUnknown;
    uint32_t invoked = 0;
  };
  std::vector<uint32_t> first_;  // by value: when it was there for certain, at the latest
  Last latest_;
  Last other_;  // of any other value
};

}  // namespace

std::vector<std::string> register_states_before(const Projection& projection, std::span<const Operation> part,
                                                uint32_t event, const Watch& watch) {
  const std::vector<Operation> prefix = prefix_of(part, event, false, projection);
  const size_t values = projection.values.size();
  if (!zones_apply(prefix, projection.initial, values)) return {};
  const uint32_t from = event > kWindow ? event - kWindow : 0;
  const auto in_window = [&](const Operation& op) {
    return (op.pending() ? op.invoked : op.returned) >= from;
  };
  std::set<int32_t> needed;
  std::set<int32_t> candidates{projection.initial};
  Sightings sightings(values);
  for (const Operation& op : prefix) {
    if (!op.pending() && op.f != Function::failed_cas) sightings.add(op);
    if (!in_window(op)) continue;
    if (op.f != Function::write) needed.insert(op.a);
    if (changes(op)) candidates.insert(shown_by(op));
  }
  candidates.insert(needed.begin(), needed.end());
  std::vector<Operation> window;
  for (Operation op : prefix) {
    if (!in_window(op)) {  // kept only as what made a value
      if (!changes(op) || candidates.count(shown_by(op)) == 0) continue;
      op.a = shown_by(op);
      op.f = Function::write;
    }
    window.push_back(op);
  }
  window.push_back({.invoked = event, .returned = event + 1, .f = Function::read});
  std::vector<std::string> states;
  for (auto v = candidates.rbegin(); v != candidates.rend() && states.size() < kMostStates; ++v) {
    if (!sightings.may_last(*v)) continue;
    if (watch.expired()) break;
    window.back().a = *v;
    if (check_zones(window, projection.initial, values, watch, false).verdict == Verdict::valid)
      states.push_back(brief(projection.values.value(*v)));
  }
  return states;
}

}  // namespace riven::linearizable
