#include "checkers/linearizable/picture.h"

#include <algorithm>
#include <map>
#include <set>
#include <unordered_map>

#include "checkers/linearizable/solve.h"
#include "checkers/linearizable/zones.h"
#include "harness/core/text.h"

namespace riven::linearizable {

namespace {

constexpr uint32_t kEntriesBefore = 6000;
constexpr uint32_t kEntriesAfter = 400;
constexpr uint64_t kMostStatesBytes = uint64_t{64} << 20;
constexpr size_t kWholePrefix = 20000;  // operations up to which the linearization starts at the beginning

class Picture {
 public:
  Picture(const Options& options, const ModelSpec& spec, const Projection& projection, const History& history,
          const Part& part, const Evidence& evidence, const Watch& watch)
      : options_(options),
        spec_(spec),
        projection_(projection),
        history_(history),
        part_(part),
        evidence_(evidence),
        watch_(watch),
        timed_(history.times_ascend()),
        until_ns_(std::min(watch.deadline_ns, monotonic_now_ns() + kNanosPerSecond)) {}

  LanesFigure figure() {
    constexpr uint64_t kBytesAnOperation = 64;  // of a prefix
    Reservation room(watch_.memory);
    choose();
    if (room.grow_to(ops().size() * kBytesAnOperation)) linearize();
    LanesFigure figure;
    figure.sentence = evidence_.sentence;
    figure.facts = facts();
    figure.failure_ns = moment(evidence_.event);
    figure.timed = timed_;
    figure.lanes = std::move(lanes_);
    figure.operations.reserve(shown_.size());
    for (const uint32_t i : shown_) figure.operations.push_back(operation(i));
    return figure;
  }

 private:
  const std::vector<Operation>& ops() const { return part_.operations; }
  /// What else is known of the failure, in words.
  std::string facts() const {
    constexpr size_t kShown = 8;
    std::string text;
    for (size_t i = 0; i < evidence_.states.size() && i < kShown; ++i)
      text += (i == 0 ? "Possible just before: " : ", ") + evidence_.states[i];
    if (evidence_.states.size() > kShown)
      text += " and " + std::to_string(evidence_.states.size() - kShown) + " more";
    if (!text.empty())
      text += evidence_.states_of_these ? " (of the operations of the conflict alone). " : ". ";
    if (evidence_.stale_versions > 0)
      text += "Stale by " + counted(evidence_.stale_versions, "version") +
              (evidence_.stale_ns > 0 ? " and " + duration_text(evidence_.stale_ns) : "") + " at least.";
    return text;
  }
  int64_t moment(uint32_t entry) const { return timed_ ? history_.time_ns(entry) : entry * kPlaceNs; }

  /// The operations around the failure and all of the evidence, in lanes.
  void choose() {
    const uint32_t event = evidence_.event;
    const uint32_t from = event > kEntriesBefore ? event - kEntriesBefore : 0;
    std::set<uint32_t> chosen(evidence_.operations.begin(), evidence_.operations.end());
    for (uint32_t i = 0; i < ops().size(); ++i) {
      const Operation& op = ops()[i];
      if (op.invoked > event + kEntriesAfter) break;
      // Crashed operations of long ago are shown only if they took part.
      if (op.pending() ? op.invoked + kEntriesBefore / 4 >= event : op.returned >= from) chosen.insert(i);
    }
    shown_.assign(chosen.begin(), chosen.end());
    // A process keeps its lane; a new process takes one whose last process is done.
    std::map<Process, size_t> lane_of;
    std::vector<uint32_t> until;
    for (const uint32_t i : shown_) {
      const Process process = history_.process(ops()[i].invoked);
      const auto [at, fresh] = lane_of.try_emplace(process, 0);
      if (fresh) {
        const auto free =
            std::find_if(until.begin(), until.end(), [&](uint32_t t) { return t < ops()[i].invoked; });
        at->second = static_cast<size_t>(free - until.begin());
        if (free == until.end()) {
          until.push_back(0);
          lanes_.push_back(process == kInitialProcess ? "initially" : "process " + std::to_string(process));
        }
      }
      lane_[i] = at->second;
      // A process that is still there keeps its lane to itself.
      until[at->second] = last_of(process, i);
    }
  }

  uint32_t last_of(Process process, uint32_t i) {
    if (last_.empty()) {
      for (const uint32_t k : shown_) {
        uint32_t& last = last_[history_.process(ops()[k].invoked)];
        last = std::max(last, ops()[k].pending() ? ops()[k].invoked : ops()[k].returned);
      }
    }
    return std::max(last_[process], ops()[i].pending() ? ops()[i].invoked : ops()[i].returned);
  }

  /// The longest partial linearization: of everything before the event, or of the window, from a state that
  /// fits.
  void linearize() {
    const std::vector<Operation> before = prefix_of(ops(), evidence_.event, false, projection_);
    if (before.size() <= kWholePrefix) {
      follow(before);
      return;
    }
    const Model m = options_.model.model;
    if (m != Model::reg && m != Model::cas_register) return;
    const uint32_t from = evidence_.event > kEntriesBefore ? evidence_.event - kEntriesBefore : 0;
    std::set<int32_t> seen;  // by what returned in the window: what made it matters, however old
    for (const Operation& op : before)
      if (!op.pending() && op.returned >= from && op.f != Function::write) seen.insert(op.a);
    if (!follow_values(before, from, seen)) follow_states(before, from, seen);
  }

  static int32_t target(const Operation& op) { return op.f == Function::cas ? op.b : op.a; }

  /// Of values that are all different: the window, with what made the values that were seen in it.
  bool follow_values(const std::vector<Operation>& before, uint32_t from, const std::set<int32_t>& seen) {
    const size_t values = projection_.values.size();
    if (!zones_apply(before, projection_.initial, values)) return false;
    std::vector<Operation> window;
    for (Operation op : before) {
      if ((op.pending() ? op.invoked : op.returned) < from) {
        if (only_looks(op, projection_) || seen.count(target(op)) == 0) continue;
        op.a = target(op);
        op.f = Function::write;
      }
      window.push_back(op);
    }
    const ZonesAnswer answer = check_zones(window, projection_.initial, values, watch_, true);
    return answer.verdict == Verdict::valid && !answer.order.empty() && walk(window, answer.order);
  }

  /// The window from a state that fits. What was in flight when it begins may have happened before.
  void follow_states(const std::vector<Operation>& before, uint32_t from, const std::set<int32_t>& seen) {
    constexpr size_t kMostStates = 64;
    std::vector<Operation> window;
    std::set<int32_t> states;
    for (Operation op : before) {
      if (op.pending() ? op.invoked < from && seen.count(target(op)) == 0 : op.returned < from) continue;
      if (states.size() < kMostStates && op.f != Function::write) states.insert(op.a);
      if (op.invoked < from && only_looks(op, projection_)) continue;
      if (op.invoked < from) op.returned = kPending;
      op.invoked = std::max(op.invoked, 2U);
      window.push_back(op);
    }
    for (const int32_t state : states) {
      std::vector<Operation> from_state{{.invoked = 0, .returned = 1, .a = state, .f = Function::write}};
      from_state.insert(from_state.end(), window.begin(), window.end());
      if (monotonic_now_ns() >= until_ns_ || follow(from_state)) return;
    }
  }

  /// The operation that was invoked then, or kPending.
  uint32_t invoked_at(uint32_t entry) const {
    const auto at = std::lower_bound(ops().begin(), ops().end(), entry,
                                     [](const Operation& op, uint32_t t) { return op.invoked < t; });
    return at != ops().end() && at->invoked == entry ? static_cast<uint32_t>(at - ops().begin()) : kPending;
  }

  bool follow(const std::vector<Operation>& before) {
    const Watch watch{until_ns_, watch_.memory, nullptr};
    Options options = options_;
    options.engine = Engine::automatic;
    options.want_order = true;
    const Answer answer = solve(options, spec_, projection_, before, watch, 1);
    return answer.verdict == Verdict::valid && walk(before, answer.order);
  }

  /// Keeps an order with the state after each operation.
  bool walk(const std::vector<Operation>& before, const std::vector<uint32_t>& order) {
    // Kinds are found by shape: the problem's own.
    Problem problem = make_problem(spec_, before);
    problem.space->keep_to(watch_);
    std::vector<uint32_t> kind_of(before.size(), 0);
    for (size_t i = 0; i < problem.live.size(); ++i) kind_of[problem.member[i]] = problem.kind[i];
    for (const Pool& pool : problem.pools)
      for (const uint32_t i : pool.members) kind_of[i] = pool.kinds.front();
    uint32_t state = problem.space->initial();
    uint32_t latest = 0;
    std::set<uint32_t> done;
    for (const uint32_t i : order) {
      state = problem.space->step(state, kind_of[i]);
      if (state == StateSpace::kIllegal || problem.space->exhausted() ||
          problem.space->memory_bytes() > kMostStatesBytes)
        return false;
      latest = std::max(latest, before[i].invoked);
      const uint32_t at = invoked_at(before[i].invoked);
      if (at == kPending || lane_.count(at) == 0) continue;
      done.insert(at);
      step_of_[at] = order_.size();
      order_.push_back({at, latest, problem.space->describe(state)});
    }
    last_state_ = problem.space->describe(state);
    // What returns at the event, and what else was in flight, cannot come next.
    for (const uint32_t i : shown_) {
      const Operation& op = ops()[i];
      if (op.invoked < evidence_.event && op.returned >= evidence_.event && !op.pending() &&
          done.count(i) == 0 && op.returned == evidence_.event)
        illegal_.insert(i);
    }
    return true;
  }

  LaneOperation operation(uint32_t i) const {
    const Operation& op = ops()[i];
    LaneOperation out;
    out.lane = static_cast<uint32_t>(lane_.at(i));
    out.begin_ns = moment(op.invoked);
    if (!op.pending()) out.end_ns = moment(op.returned);
    out.name = name_operation(history_, op);
    out.in_conflict = std::binary_search(evidence_.operations.begin(), evidence_.operations.end(), i);
    out.impossible_next = illegal_.count(i) != 0;
    if (out.impossible_next) out.state = last_state_;
    if (const auto step = step_of_.find(i); step != step_of_.end()) {
      out.step = step->second + 1;
      out.point_ns = moment(order_[step->second].at);
      out.state = order_[step->second].state;
    }
    return out;
  }

  struct Step {
    uint32_t op;
    uint32_t at;  // entry
    std::string state;
  };
  const Options& options_;
  const ModelSpec& spec_;
  const Projection& projection_;
  const History& history_;
  const Part& part_;
  const Evidence& evidence_;
  const Watch& watch_;
  const bool timed_;
  int64_t until_ns_;  // of the search for a linearization
  std::vector<uint32_t> shown_;
  std::map<uint32_t, size_t> lane_;
  std::map<Process, uint32_t> last_;
  std::vector<std::string> lanes_;
  std::vector<Step> order_;
  std::unordered_map<uint32_t, size_t> step_of_;  // by operation: in order_
  std::set<uint32_t> illegal_;
  std::string last_state_;
};

}  // namespace

Figure draw(const Options& options, const ModelSpec& spec, const Projection& projection,
            const History& history, const Part& part, const Evidence& evidence, const Watch& watch,
            const std::string& id) {
  return {id, "Around the failure" + (part.keyed ? ", key " + brief(part.key) : std::string()),
          Picture(options, spec, projection, history, part, evidence, watch).figure()};
}

}  // namespace riven::linearizable
