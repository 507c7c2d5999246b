#include "checkers/linearizable/solve.h"

#include <algorithm>
#include <atomic>
#include <exception>
#include <optional>
#include <thread>

#include "checkers/linearizable/appends.h"
#include "checkers/linearizable/collections.h"
#include "checkers/linearizable/dfs.h"
#include "checkers/linearizable/jit.h"
#include "checkers/linearizable/versions.h"
#include "checkers/linearizable/zones.h"
#include "harness/core/check.h"

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
  answer.refused = true;
  return answer;
}

constexpr const char* kNotAppends =
    "this engine needs a key that is read, put and appended to, with values that are all texts or all lists";

/// What a prepared problem and the tables of a search by operation take.
constexpr uint64_t kProblemBytes = 160;

/// The depth-first search in turns between those of the frontier: half as much time as that has.
class Turns final : public Rival {
 public:
  /// `problem` and `watch` outlive it.
  Turns(Problem& problem, const Watch& watch, bool want_order) : search_(problem, watch, want_order) {}
  bool decided() override {
    constexpr int64_t kTurnNs = 10 * kNanosPerMilli;
    constexpr int64_t kPauseNs = 20 * kNanosPerMilli;
    const int64_t now_ns = monotonic_now_ns();
    if (ended_ || now_ns < next_ns_) return found_;
    ended_ = search_.advance(now_ns + kTurnNs);
    found_ = ended_ && search_.answer().verdict != Verdict::unknown;
    next_ns_ = monotonic_now_ns() + kPauseNs;
    return found_;
  }
  void finish() { search_.advance(INT64_MAX); }
  Answer answer() const { return search_.answer(); }

 private:
  DepthFirstSearch search_;
  int64_t next_ns_ = 0;
  bool ended_ = false;
  bool found_ = false;
};

/// Of two searches: the one with an answer, else the one that proved the longer prefix.
Answer better(Answer frontier, Answer depth_first) {
  if (frontier.verdict != Verdict::unknown) return frontier;
  const bool further = depth_first.verdict != Verdict::unknown || depth_first.event > frontier.event;
  return std::move(further ? depth_first : frontier);
}

Answer race_in_turns(Problem& first, Problem& second, const Watch& watch, bool want_order) {
  Turns depth_first(second, watch, want_order);
  Watch racing = watch;
  racing.rival = &depth_first;
  const Answer frontier = search_frontier(first, racing, want_order);
  // A frontier that gave up leaves the rest of the time to the other.
  if (frontier.verdict == Verdict::unknown) depth_first.finish();
  return better(frontier, depth_first.answer());
}

Answer race_in_threads(Problem& first, Problem& second, const Watch& watch, bool want_order) {
  std::atomic<bool> decided{false};
  Watch racing = watch;
  racing.cancelled = &decided;
  Answer frontier;
  Answer depth_first;
  std::exception_ptr failure;  // of the other thread: thrown on in this one
  {
    const std::jthread other([&] {
      try {
        depth_first = search_depth_first(second, racing, want_order);
        if (depth_first.verdict != Verdict::unknown) decided = true;
      } catch (...) {
        failure = std::current_exception();
      }
    });
    frontier = search_frontier(first, racing, want_order);
    if (frontier.verdict != Verdict::unknown) decided = true;
  }
  if (frontier.verdict == Verdict::unknown && failure) std::rethrow_exception(failure);
  return better(std::move(frontier), std::move(depth_first));
}

/// The frontier alone for a moment, which is enough for most; then both searches, each with a problem of its
/// own: the depth-first one may be lucky on what is linearizable, the frontier proves what is not. The first
/// answer counts; of two that found none, the one that proved the longer prefix. With one thread they take
/// turns in it.
Answer race(const ModelSpec& spec, std::span<const Operation> part, Problem& problem, const Watch& watch,
            bool want_order, unsigned threads) {
  constexpr int64_t kAloneNs = 300 * kNanosPerMilli;
  Watch alone = watch;
  alone.deadline_ns = std::min(watch.deadline_ns, monotonic_now_ns() + kAloneNs);
  Answer quick = search_frontier(problem, alone, want_order);
  Reservation second(watch.memory);
  if (quick.verdict != Verdict::unknown || watch.expired() || !second.grow_to(part.size() * kProblemBytes))
    return quick;
  Problem other = make_problem(spec, part);
  const auto both = threads > 1 ? race_in_threads : race_in_turns;
  return both(problem, other, watch, want_order);
}

/// Any model, any history.
Answer search(Engine engine, const ModelSpec& spec, std::span<const Operation> part, const Watch& watch,
              bool want_order, unsigned threads) {
  Reservation memory(watch.memory);
  if (!memory.grow_to(part.size() * kProblemBytes)) {
    Answer answer;
    answer.why = "the memory ran out";
    return answer;
  }
  Problem problem = make_problem(spec, part);
  if (engine == Engine::jit) {
    if (!frontier_applies(problem)) return refuse("jit", "more than 256 operations are in flight at once");
    return search_frontier(problem, watch, want_order);
  }
  if (engine == Engine::dfs || !frontier_applies(problem))
    return search_depth_first(problem, watch, want_order);
  return race(spec, part, problem, watch, want_order, threads);
}

/// What the near-linear engines say; nullopt: they leave it to a search.
std::optional<Answer> solve_fast(const Options& options, const Projection& projection,
                                 std::span<const Operation> part, const Watch& watch) {
  const bool automatic = options.engine == Engine::automatic;
  const auto asked = [&](Engine engine) { return automatic || options.engine == engine; };
  const auto decided = [&](const auto& answer) { return !answer.undecided || !automatic; };
  const Model model = options.model.model;
  const int32_t initial = projection.initial;
  const size_t values = projection.values.size();
  if (is_register(model) && asked(Engine::versions)) {
    if (versions_apply(part, initial, values)) {
      ZonesAnswer answer = check_versions(part, initial, values, watch, options.want_order);
      if (decided(answer)) return answer;
      return std::nullopt;
    }
    if (!automatic)
      return refuse("versions", "version chains need a register that only cas changes, to fresh values");
  }
  if (is_register(model) && asked(Engine::zones)) {
    if (zones_apply(part, initial, values)) {
      ZonesAnswer answer = check_zones(part, initial, values, watch, options.want_order);
      if (decided(answer)) return answer;
      return std::nullopt;
    }
    if (!automatic) return refuse("zones", "zones need a register to which no value is written twice");
  }
  if (model == Model::kv && asked(Engine::appends)) {
    AppendsAnswer answer = check_appends(part, projection, watch, options.want_order);
    if (answer.applies && (answer.verdict != Verdict::unknown || !automatic)) return answer;
    if (!automatic) return refuse("appends", kNotAppends);
  }
  if (projection.by_element && options.model.initial.is_nil() && asked(Engine::set)) {
    if (auto answer = check_element(part)) return answer;
  }
  const Engine own = collection_engine(model);
  if (own != Engine::automatic && asked(own)) {
    CollectionAnswer answer = check_collection(model, part, projection.values, options.model.smallest_first,
                                               watch, options.want_order);
    if (answer.applies && decided(answer)) return answer;
    if (!automatic)
      return refuse(answer.engine, "this engine needs elements that are all different, and no peeks");
  }
  return std::nullopt;
}

}  // namespace

Answer solve(const Options& options, const ModelSpec& spec, const Projection& projection,
             std::span<const Operation> part, const Watch& watch, unsigned threads) {
  const Engine engine = options.engine;
  const bool general = engine == Engine::automatic || engine == Engine::dfs || engine == Engine::jit;
  std::optional<Answer> fast;
  if (engine != Engine::dfs && engine != Engine::jit) fast = solve_fast(options, projection, part, watch);
  if (!fast && !general)
    return refuse("", "the engine that was asked for does not serve this model or history");
  if (!fast) return search(engine, spec, part, watch, options.want_order, threads);
  if (!options.want_order || fast->verdict != Verdict::valid || !fast->order.empty() || part.empty())
    return std::move(*fast);
  // It is linearizable, but this engine does not say how: a search may.
  const Answer searched = search(engine, spec, part, watch, true, threads);
  RIVEN_CHECK(searched.verdict != Verdict::invalid, "two engines disagree about a history");
  fast->order = searched.order;
  return std::move(*fast);
}

bool is_linearization(const ModelSpec& spec, std::span<const Operation> part,
                      const std::vector<uint32_t>& order) {
  std::vector<bool> done(part.size(), false);
  std::vector<Operation> ops;
  ops.reserve(order.size());
  uint32_t latest = 0;  // invocation so far
  for (const uint32_t i : order) {
    if (i >= part.size() || done[i] || part[i].returned < latest) return false;
    latest = std::max(latest, part[i].invoked);
    done[i] = true;
    ops.push_back(part[i]);
  }
  for (size_t i = 0; i < part.size(); ++i)
    if (!done[i] && !part[i].pending()) return false;
  return spec.replay(ops);
}

}  // namespace riven::linearizable
