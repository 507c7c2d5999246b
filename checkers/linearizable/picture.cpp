#include "checkers/linearizable/picture.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <set>
#include <unordered_map>

#include "checkers/linearizable/solve.h"
#include "checkers/linearizable/zones.h"

namespace riven::linearizable {

namespace {

constexpr uint32_t kEntriesBefore = 2400;
constexpr uint32_t kEntriesAfter = 200;
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
        until_ns_(std::min(watch.deadline_ns, monotonic_now_ns() + kNanosPerSecond)) {}

  /// The picture's data as JSON text: thousands of operations, so written piece by piece.
  std::string data() {
    choose();
    linearize();
    Json head;
    head["sentence"] = evidence_.sentence;
    head["failureMs"] = ms(evidence_.event);
    head["states"] = evidence_.states;
    head["lanes"] = lanes_;
    std::string text = head.dump(-1, ' ', true, Json::error_handler_t::replace);
    text.pop_back();
    text += ",\"operations\":[";
    for (const uint32_t i : shown_) add_operation(i, text);
    if (!shown_.empty()) text.pop_back();
    return text + "]}";
  }

 private:
  const std::vector<Operation>& ops() const { return part_.operations; }
  double ms(uint32_t entry) const { return static_cast<double>(history_.time_ns(entry)) / 1e6; }

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
          lanes_.push_back("process " + std::to_string(process));
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
    std::vector<Operation> window;
    std::set<int32_t> values;
    std::set<int32_t> seen;  // by what returned in the window: a crashed write of it matters, however old
    for (const Operation& op : before)
      if (!op.pending() && op.returned >= from && op.f != Function::write) seen.insert(op.a);
    for (Operation op : before) {
      const int32_t target = op.f == Function::cas ? op.b : op.a;
      if (op.pending() ? op.invoked < from && seen.count(target) == 0 : op.returned < from) continue;
      op.invoked = std::max(op.invoked, 2U);
      if (values.size() < 64 && op.f != Function::write) values.insert(op.a);
      window.push_back(op);
    }
    for (const int32_t initial : values)
      if (monotonic_now_ns() >= until_ns_ || follow_from(initial, window)) return;
  }

  /// The window from a state; false: it is none that fits.
  bool follow_from(int32_t initial, const std::vector<Operation>& window) {
    std::vector<Operation> from_state{{.invoked = 0, .returned = 1, .a = initial, .f = Function::write}};
    // Of values that are all different, what made this one has happened.
    for (const Operation& op : window)
      if (op.f == Function::read || op.f == Function::failed_cas ||
          (op.f == Function::cas ? op.b : op.a) != initial)
        from_state.push_back(op);
    const auto rest = std::span(from_state).subspan(1);
    if (zones_apply(rest, initial, projection_.values.size())) {
      const ZonesAnswer answer = check_zones(rest, initial, projection_.values.size(), watch_, true);
      if (answer.verdict == Verdict::invalid) return false;
      if (answer.verdict == Verdict::valid && !answer.order.empty()) {
        std::vector<uint32_t> order{0};
        for (const uint32_t i : answer.order) order.push_back(i + 1);
        return walk(from_state, order);
      }
    }
    from_state.resize(1);
    from_state.insert(from_state.end(), window.begin(), window.end());
    return follow(from_state);
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
    std::vector<uint32_t> kind_of(before.size(), 0);
    for (size_t i = 0; i < problem.live.size(); ++i) kind_of[problem.member[i]] = problem.kind[i];
    for (const Pool& pool : problem.pools)
      for (const uint32_t i : pool.members) kind_of[i] = pool.kinds.front();
    uint32_t state = problem.space->initial();
    uint32_t latest = 0;
    std::set<uint32_t> done;
    for (const uint32_t i : order) {
      state = problem.space->step(state, kind_of[i]);
      if (state == StateSpace::kIllegal || problem.space->memory_bytes() > kMostStatesBytes) return false;
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

  static void add_text(const std::string& what, std::string& text) {
    const bool plain = std::all_of(what.begin(), what.end(),
                                   [](char c) { return c >= ' ' && c < 127 && c != '"' && c != '\\'; });
    text += plain ? '"' + what + '"' : Json(what).dump(-1, ' ', true, Json::error_handler_t::replace);
  }
  /// Milliseconds with six places, as JSON.
  void add_ms(uint32_t entry, std::string& text) const {
    char number[40];
    const int64_t ns = history_.time_ns(entry);
    std::snprintf(number, sizeof number, "%s%lld.%06lld", ns < 0 ? "-" : "",
                  static_cast<long long>(std::abs(ns / 1'000'000)),
                  static_cast<long long>(std::abs(ns % 1'000'000)));
    text += number;
  }

  void add_operation(uint32_t i, std::string& text) const {
    const Operation& op = ops()[i];
    text += "{\"lane\":" + std::to_string(lane_.at(i)) + ",\"from\":";
    add_ms(op.invoked, text);
    text += ",\"to\":";
    if (op.pending()) {
      text += "null";
    } else {
      add_ms(op.returned, text);
    }
    text += ",\"title\":";
    add_text(name_operation(history_, op), text);
    if (std::binary_search(evidence_.operations.begin(), evidence_.operations.end(), i))
      text += ",\"core\":1";
    if (illegal_.count(i) != 0) {
      text += ",\"illegal\":1,\"state\":";
      add_text("not possible after state " + last_state_, text);
    }
    if (const auto step = step_of_.find(i); step != step_of_.end()) {
      text += ",\"point\":";
      add_ms(order_[step->second].at, text);
      text += ",\"step\":" + std::to_string(step->second + 1) + ",\"state\":";
      add_text("state after it: " + order_[step->second].state, text);
    }
    text += "},";
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
  const std::string data = Picture(options, spec, projection, history, part, evidence, watch).data();
  Figure figure;
  figure.id = id;
  figure.title = "Around the failure" + (part.keyed ? ", key " + to_edn(part.key) : std::string());
  figure.html = picture_html(id, data);
  return figure;
}

}  // namespace riven::linearizable
