#include "checkers/linearizable/state_space.h"

#include <algorithm>
#include <unordered_map>

#include "harness/core/check.h"
#include "harness/core/rng.h"

namespace riven::linearizable {

namespace {
constexpr size_t kMaxTableKinds = 4096;
constexpr size_t kMaxTableEntries = size_t{1} << 20;
}  // namespace

StateSpace::StateSpace(size_t kinds)
    : kinds_(kinds), max_rows_(kinds == 0 || kinds > kMaxTableKinds ? 0 : kMaxTableEntries / kinds) {}

StateSpace::~StateSpace() { keep_to({}); }

void StateSpace::keep_to(const Watch& watch) {
  if (watch_.memory != nullptr) {
    watch_.memory->add(-counted_bytes_);
    watch_.memory->add_blocks(-counted_blocks_);
  }
  counted_bytes_ = counted_blocks_ = 0;
  worked_bytes_ = 0;
  exhausted_ = false;
  watch_ = watch;
  watch_.rival = nullptr;  // it has its turns elsewhere
  count();
}

void StateSpace::count() {
  if (watch_.memory == nullptr) return;
  watch_.memory->add(held_bytes_ - counted_bytes_);
  watch_.memory->add_blocks(held_blocks_ - counted_blocks_);
  counted_bytes_ = held_bytes_;
  counted_blocks_ = held_blocks_;
}

void StateSpace::hold(int64_t more_bytes, int64_t more_blocks) {
  constexpr int64_t kCountedLater = int64_t{1} << 16;
  held_bytes_ += more_bytes;
  held_blocks_ += more_blocks;
  if (held_bytes_ - counted_bytes_ > kCountedLater) look();
}

void StateSpace::look() {
  worked_bytes_ = 0;
  count();
  if (watch_.memory != nullptr) exhausted_ = exhausted_ || !watch_.memory->within() || watch_.time_is_up();
}

uint32_t StateSpace::slow_step(uint32_t state, uint32_t kind) {
  const uint32_t next = compute(state, kind);
  if (state < max_rows_) {
    if (state >= rows_) {
      const size_t before_bytes = table_.capacity() * sizeof(uint32_t);
      rows_ = std::min<size_t>(max_rows_, std::max<size_t>(state + 1, rows_ * 2));
      table_.resize(rows_ * kinds_, kUnknownStep);
      hold(static_cast<int64_t>(table_.capacity() * sizeof(uint32_t) - before_bytes));
    }
    table_[state * kinds_ + kind] = next;
  }
  return next;
}

uint32_t most_in_flight(const Problem& p) {
  std::vector<std::pair<uint32_t, int>> edges;
  for (const Operation& op : p.live) {
    edges.emplace_back(op.invoked, 1);
    edges.emplace_back(op.returned, -1);
  }
  std::sort(edges.begin(), edges.end());
  int now = 0, most = 0;
  for (const auto& [event, change] : edges) most = std::max(most, now += change);
  return static_cast<uint32_t>(most);
}

std::vector<uint32_t> reachable_states(Problem& p, size_t most) {
  std::vector<uint32_t> states{p.space->initial()};
  for (size_t i = 0; i < states.size(); ++i) {
    for (uint32_t kind = 0; kind < p.traits.size(); ++kind) {
      const uint32_t to = p.space->step(states[i], kind);
      if (to == StateSpace::kIllegal || std::find(states.begin(), states.end(), to) != states.end()) continue;
      states.push_back(to);
      if (states.size() > most) return {};
    }
  }
  return states;
}

bool ModelSpec::replay(std::span<const Operation> ops) const {
  const auto space = make({ops.begin(), ops.end()});
  uint32_t state = space->initial();
  for (uint32_t i = 0; i < ops.size() && state != StateSpace::kIllegal; ++i) state = space->step(state, i);
  return state != StateSpace::kIllegal;
}

namespace {
struct Shape {
  uint64_t ab;
  Function f;
  bool operator==(const Shape&) const = default;
};
struct ShapeHash {
  size_t operator()(const Shape& s) const { return mix64(s.ab * 31 + static_cast<uint64_t>(s.f)); }
};
Shape shape(const Operation& op) {
  return {(static_cast<uint64_t>(static_cast<uint32_t>(op.a)) << 32) | static_cast<uint32_t>(op.b), op.f};
}
}  // namespace

Problem make_problem(const ModelSpec& model, std::span<const Operation> part) {
  Problem problem;
  std::unordered_map<Shape, uint32_t, ShapeHash> ids;
  std::vector<Operation> kinds;
  const auto kind_of = [&](const Operation& op) {
    const auto [found, fresh] = ids.try_emplace(shape(op), static_cast<uint32_t>(kinds.size()));
    if (fresh) kinds.push_back(op);
    return found->second;
  };
  std::unordered_map<Shape, size_t, ShapeHash> pool_ids;
  for (uint32_t i = 0; i < part.size(); ++i) {
    const Operation& op = part[i];
    problem.last_event = std::max(problem.last_event, op.pending() ? op.invoked : op.returned);
    if (!op.pending()) {
      problem.live.push_back(op);
      problem.kind.push_back(kind_of(op));
      problem.member.push_back(i);
      continue;
    }
    const auto [found, fresh] = pool_ids.try_emplace(shape(op), problem.pools.size());
    if (fresh) {
      Pool pool;
      for (const Operation& effect : model.crashed_as(op, part)) pool.kinds.push_back(kind_of(effect));
      std::sort(pool.kinds.begin(), pool.kinds.end());
      problem.pools.push_back(std::move(pool));
    }
    problem.pools[found->second].invoked.push_back(op.invoked);
    problem.pools[found->second].members.push_back(i);
  }
  problem.space = model.make(kinds);
  problem.traits.reserve(kinds.size());
  for (uint32_t k = 0; k < kinds.size(); ++k) problem.traits.push_back(problem.space->traits(k));
  // What changes nothing need not happen.
  std::erase_if(problem.pools, [&](Pool& pool) {
    std::erase_if(pool.kinds, [&](uint32_t k) { return problem.traits[k].observer; });
    return pool.kinds.empty();
  });
  return problem;
}

}  // namespace riven::linearizable
