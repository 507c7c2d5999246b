#include "tests/checkers/linearizable/reference.h"

#include <set>
#include <unordered_set>

namespace riven::linearizable::testing {

namespace {

int64_t amount(const SmallHistory& h, int32_t id) { return h.projection.values.value(id).integer(); }

bool step_register(Reference& s, const Operation& op) {
  if (op.f == Function::read) return s.value == op.a;
  if (op.f == Function::failed_cas) return s.value != op.a;
  if (op.f == Function::cas) {
    if (s.value != op.a) return false;
    s.value = op.b;
    return true;
  }
  s.value = op.a;
  return true;
}

bool step_lock(const SmallHistory& h, Reference& s, const Operation& op) {
  const Model m = h.model.model;
  if (m == Model::semaphore) {
    if (op.f == Function::release) return (s.count -= op.b) >= 0;
    if (op.f == Function::failed_acquire) return s.count + op.b > h.model.permits;
    return (s.count += op.b) <= h.model.permits;
  }
  const bool mine = s.count > 0 && (m == Model::mutex || s.owner == op.a);
  if (op.f == Function::release) {
    if (!mine) return false;
    --s.count;
    if (s.count == 0) s.owner = kUnknown;
    return true;
  }
  bool can = s.count == 0;
  if (m == Model::reentrant_mutex && mine && (h.model.depth == 0 || s.count < h.model.depth)) can = true;
  if (op.f == Function::failed_acquire) return !can;
  if (!can) return false;
  if (m == Model::fenced_mutex && op.b != kNil) {
    if (op.b <= s.fence) return false;
    s.fence = op.b;
  }
  if (m != Model::mutex) s.owner = op.a;
  ++s.count;
  return true;
}

bool step_set(const SmallHistory& h, Reference& s, const Operation& op) {
  const bool in = s.map.has(op.a);
  switch (op.f) {
    case Function::read: {
      const auto& all = h.projection.lists[static_cast<size_t>(op.a)];
      return std::equal(s.map.keys.begin(), s.map.keys.end(), all.begin(), all.end());
    }
    case Function::contains:
      return in == (op.b == kTrue);
    case Function::add:
      if (op.b != kNil && in != (op.b == kFalse)) return false;
      s.map.set(op.a, 1);
      return true;
    default:
      if (op.b != kNil && in != (op.b == kTrue)) return false;
      s.map.erase(op.a);
      return true;
  }
}

/// `choice`: which element a crashed take from a bag removes.
bool step_collection(const SmallHistory& h, Reference& s, const Operation& op, size_t choice) {
  const Model m = h.model.model;
  auto& q = s.items;
  if (op.f == Function::insert) {
    if (m == Model::stack) {
      q.push_front(op.a);
    } else if (m == Model::fifo_queue) {
      q.push_back(op.a);
    } else {
      q.insert(std::upper_bound(q.begin(), q.end(), op.a,
                                [&](int32_t x, int32_t y) {
                                  return h.model.smallest_first || m == Model::unordered_queue
                                             ? amount(h, x) < amount(h, y)
                                             : amount(h, x) > amount(h, y);
                                }),
               op.a);
    }
    return true;
  }
  if (op.a == kNil) return q.empty();
  if (q.empty()) return op.a == kUnknown;
  auto at = q.begin();
  if (m == Model::unordered_queue)
    at = op.a == kUnknown ? q.begin() + choice : std::find(q.begin(), q.end(), op.a);
  if (at == q.end() || (op.a != kUnknown && *at != op.a)) return false;
  if (op.f == Function::take) q.erase(at);
  return true;
}

/// A map's key whose values are texts: the state is the characters.
bool step_text(const SmallHistory& h, Reference& s, const Operation& op) {
  const auto text = [&](int32_t id) {
    FewItems items;
    if (id != kNil)
      for (const char c : h.projection.values.value(id).text()) items.push_back(c);
    return items;
  };
  if (op.f == Function::append) {
    s.items.push_back(text(op.a).item[0]);
    return true;
  }
  const bool same = s.items == text(op.a);
  if (op.f == Function::read) return same;
  if (op.f == Function::failed_cas) return !same;
  if (op.f == Function::cas && !same) return false;
  s.items = text(op.f == Function::cas ? op.b : op.a);
  return true;
}

}  // namespace

bool step(const SmallHistory& h, Reference& s, const Operation& op, size_t choice) {
  switch (h.model.model) {
    case Model::reg:
    case Model::cas_register:
      return step_register(s, op);
    case Model::kv:
      return h.texts ? step_text(h, s, op) : step_register(s, op);
    case Model::mutex:
    case Model::owner_mutex:
    case Model::reentrant_mutex:
    case Model::fenced_mutex:
    case Model::semaphore:
      return step_lock(h, s, op);
    case Model::set:
      return step_set(h, s, op);
    case Model::counter:
      if (op.f == Function::read) return s.count == amount(h, op.a);
      s.count += amount(h, op.a);
      return true;
    case Model::multi_register: {
      for (const MicroOp& micro : h.projection.transactions[static_cast<size_t>(op.a)]) {
        if (micro.write) {
          s.map.set(micro.key, micro.value);
        } else if ((s.map.has(micro.key) ? s.map.get(micro.key) : s.value) != micro.value) {
          return false;
        }
      }
      return true;
    }
    default:
      return step_collection(h, s, op, choice);
  }
}

Reference first_state(const SmallHistory& h) {
  Reference s;
  if (!h.model.initial.is_nil()) s.value = const_cast<ValueTable&>(h.projection.values).id(h.model.initial);
  return s;
}

namespace {

struct Configuration {
  uint32_t done;
  Reference state;
  bool operator==(const Configuration&) const = default;
};
struct ConfigurationHash {
  size_t operator()(const Configuration& c) const {
    uint64_t h = mix64((uint64_t{c.done} << 32) ^ static_cast<uint32_t>(c.state.value));
    for (const FewItems* items : {&c.state.items, &c.state.map.keys, &c.state.map.values})
      for (const int32_t v : *items) h = mix64(h ^ static_cast<uint32_t>(v));
    return mix64(h ^ (static_cast<uint64_t>(c.state.count) << 20) ^ static_cast<uint32_t>(c.state.owner));
  }
};

struct Brute {
  const SmallHistory& h;
  const std::vector<Operation>& ops;
  std::unordered_set<Configuration, ConfigurationHash> seen;
  uint32_t must = 0;

  bool go(uint32_t done, const Reference& s) {
    if ((done & must) == must) return true;
    if (!seen.insert({done, s}).second) return false;
    uint32_t limit = kPending;
    for (size_t i = 0; i < ops.size(); ++i)
      if (!(done >> i & 1)) limit = std::min(limit, ops[i].returned);
    for (size_t i = 0; i < ops.size(); ++i) {
      if ((done >> i & 1) || ops[i].invoked > limit) continue;
      const size_t choices = ops[i].a == kUnknown ? std::max<size_t>(1, s.items.size()) : 1;
      for (size_t choice = 0; choice < choices; ++choice) {
        Reference next = s;
        if (step(h, next, ops[i], choice) && go(done | 1U << i, next)) return true;
      }
    }
    return false;
  }
};

}  // namespace

bool is_linearizable(const SmallHistory& history, const std::vector<Operation>& operations) {
  Brute brute{history, operations, {}, 0};
  for (size_t i = 0; i < operations.size(); ++i)
    if (!operations[i].pending()) brute.must |= 1U << i;
  return brute.go(0, first_state(history));
}

bool is_linearizable(const SmallHistory& history) { return is_linearizable(history, history.operations()); }

bool is_linearization(const SmallHistory& history, const std::vector<uint32_t>& order) {
  const auto& ops = history.operations();
  std::set<Reference> states{first_state(history)};
  std::set<uint32_t> done;
  uint32_t latest = 0;
  for (const uint32_t i : order) {
    if (!done.insert(i).second || ops[i].returned < latest) return false;
    latest = std::max(latest, ops[i].invoked);
    std::set<Reference> next;
    for (const Reference& s : states) {
      const size_t choices = ops[i].a == kUnknown ? std::max<size_t>(1, s.items.size()) : 1;
      for (size_t choice = 0; choice < choices; ++choice) {
        Reference to = s;
        if (step(history, to, ops[i], choice)) next.insert(to);
      }
    }
    states = std::move(next);
  }
  for (uint32_t i = 0; i < ops.size(); ++i)
    if (!ops[i].pending() && done.count(i) == 0) return false;
  return !states.empty();
}

}  // namespace riven::linearizable::testing
