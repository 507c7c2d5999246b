#include "checkers/linearizable/solve.h"

#include <algorithm>
#include <atomic>
#include <exception>
#include <thread>

#include "checkers/linearizable/collections.h"
#include "checkers/linearizable/dfs.h"
#include "checkers/linearizable/jit.h"
#include "checkers/linearizable/zones.h"

namespace riven::linearizable {

namespace {

bool is_register(Model model) {
  return model == Model::reg || model == Model::cas_register || model == Model::kv;
}

Engine collection_engine(Model model) {
  if (model == Model::fifo_queue) return Engine::queue;
  if (model == Model::stack) return Engine::stack;
  return model == Model::priority_queue ? Engine::priority_queue : Engine::automatic;
}

/// An engine that was asked for by name but cannot serve this part.
Answer refuse(const char* engine, const char* why) {
  Answer answer;
  answer.engine = engine;
  answer.why = why;
  return answer;
}

/// The frontier alone for a moment, which is enough for most; then both searches at once, each with a problem
/// of its own: the depth-first one may be lucky on what is linearizable, the frontier proves what is not. The
/// first answer counts; of two that found none, the one that proved the longer prefix.
Answer race(const ModelSpec& spec, std::span<const Operation> part, Problem& problem, const Watch& watch,
            bool want_order) {
  constexpr int64_t kAloneNs = 300 * kNanosPerMilli;
  Watch alone = watch;
  alone.deadline_ns = std::min(watch.deadline_ns, monotonic_now_ns() + kAloneNs);
  Answer quick = search_frontier(problem, alone, want_order);
  if (quick.verdict != Verdict::unknown || watch.expired()) return quick;

  std::atomic<bool> decided{false};
  Watch racing = watch;
  racing.cancelled = &decided;
  Answer depth_first;
  std::exception_ptr failure;  // of the other thread: thrown on in this one
  {
    const std::jthread other([&] {
      try {
        Problem mine = make_problem(spec, part);
        depth_first = search_depth_first(mine, racing, want_order);
        if (depth_first.verdict != Verdict::unknown) decided = true;
      } catch (...) {
        failure = std::current_exception();
      }
    });
    Problem mine = make_problem(spec, part);
    quick = search_frontier(mine, racing, want_order);
    if (quick.verdict != Verdict::unknown) decided = true;
  }
  if (quick.verdict != Verdict::unknown) return quick;
  if (failure) std::rethrow_exception(failure);
  return depth_first.verdict != Verdict::unknown || depth_first.event > quick.event ? depth_first : quick;
}

}  // namespace

Answer solve(const Options& options, const ModelSpec& spec, const Projection& projection,
             std::span<const Operation> part, const Watch& watch, unsigned) {
  const bool automatic = options.engine == Engine::automatic;
  const bool only_cas =
      std::none_of(part.begin(), part.end(), [](const Operation& op) { return op.f == Function::write; });
  if (options.engine == Engine::versions && !only_cas)
    return refuse("versions", "version chains need a register that is only changed by cas");
  if (is_register(options.model.model) &&
      (automatic || options.engine == Engine::zones || options.engine == Engine::versions)) {
    const int32_t initial = projection.initial;
    if (zones_apply(part, initial, projection.values.size())) {
      ZonesAnswer answer = check_zones(part, initial, projection.values.size(), watch, options.want_order);
      if (options.engine == Engine::versions) answer.engine = "versions";
      if (!answer.undecided || !automatic) return answer;
    } else if (!automatic) {
      return refuse("zones", "zones need a register to which no value is written twice");
    }
  }
  const Model model = options.model.model;
  const bool element = projection.by_element && options.model.initial.is_nil();
  if (element && (automatic || options.engine == Engine::set) && !options.want_order) {
    if (auto answer = check_element(part)) return std::move(*answer);
  }
  const Engine own = collection_engine(model);
  if (own != Engine::automatic && (automatic || options.engine == own) && !options.want_order) {
    CollectionAnswer answer =
        check_collection(model, part, projection.values, options.model.smallest_first, watch);
    if (answer.applies && (!answer.undecided || !automatic)) return answer;
    if (!automatic)
      return refuse(answer.engine, "this engine needs elements that are all different, and no peeks");
  }
  if (!automatic && options.engine != Engine::dfs && options.engine != Engine::jit && !options.want_order)
    return refuse("", "the engine that was asked for does not serve this model or history");
  Problem problem = make_problem(spec, part);
  if (options.engine == Engine::jit) {
    if (!frontier_applies(problem)) return refuse("jit", "more than 256 operations are in flight at once");
    return search_frontier(problem, watch, options.want_order);
  }
  if (options.engine == Engine::dfs || !frontier_applies(problem))
    return search_depth_first(problem, watch, options.want_order);
  if (watch.cancelled != nullptr) return search_frontier(problem, watch, options.want_order);
  return race(spec, part, problem, watch, options.want_order);
}

bool is_linearization(const ModelSpec& spec, std::span<const Operation> part,
                      const std::vector<uint32_t>& order) {
  const Problem problem = make_problem(spec, part);
  std::vector<uint32_t> kind(part.size(), UINT32_MAX);
  for (size_t i = 0; i < problem.live.size(); ++i) kind[problem.member[i]] = problem.kind[i];
  for (const Pool& pool : problem.pools)
    for (const uint32_t i : pool.members) kind[i] = pool.kinds.front();
  uint32_t state = problem.space->initial();
  uint32_t latest = 0;  // invocation so far
  size_t live = 0;
  for (const uint32_t i : order) {
    if (i >= part.size() || kind[i] == UINT32_MAX || part[i].returned < latest) return false;
    latest = std::max(latest, part[i].invoked);
    state = problem.space->step(state, kind[i]);
    if (state == StateSpace::kIllegal) return false;
    kind[i] = UINT32_MAX;  // once only
    if (!part[i].pending()) ++live;
  }
  return live == problem.live.size();
}

}  // namespace riven::linearizable
