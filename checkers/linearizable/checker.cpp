#include "checkers/linearizable/checker.h"

#include <algorithm>
#include <iterator>
#include <thread>

#include "checkers/linearizable/evidence.h"
#include "checkers/linearizable/picture.h"
#include "checkers/linearizable/solve.h"
#include "checkers/linearizable/user_model.h"
#include "checkers/linearizable/written_out.h"
#include "checkers/threads.h"
#include "harness/core/machine_memory.h"

namespace riven::linearizable {

namespace {

constexpr size_t kMaxExplained = 8;
constexpr size_t kMaxFigures = 4;
constexpr const char* kNoMemory = "the memory ran out before the search: the history alone fills it";

uint64_t limit_bytes(const Budget& budget) {
  return budget.memory_bytes != 0 ? budget.memory_bytes : half_of_machine_memory_bytes();
}

class LinearizableChecker final : public Checker {
 public:
  explicit LinearizableChecker(Options options) : options_(std::move(options)), name_("linearizable") {}
  LinearizableChecker(std::string name, std::shared_ptr<const UserModel> model, Engine engine)
      : name_(std::move(name)), user_(std::move(model)) {
    options_.engine = engine;
    options_.model.model = Model::user;
  }
  std::string name() const override { return name_; }

  CheckResult check(const History& history, const Budget& budget) const override {
    MemoryMeter memory(limit_bytes(budget));
    if (user_ != nullptr) {
      CheckResult result = empty_result();
      Reservation held(&memory);
      UserProjection mine = project_user(history, *user_, held);
      const auto spec = user_model_spec(*user_, mine.calls);
      decide(history, mine.projection, *spec, budget, memory, result);
      return result;
    }
    auto written = write_out(history, options_.model, options_.projection.per_key);
    if (!written) return not_of_this_model(written.error());
    return *written ? check_written(**written, budget, memory) : check_entries(history, budget, memory);
  }

 private:
  CheckResult empty_result() const {
    CheckResult result;
    result.name = name();
    result.details["model"] = to_text(options_.model.model);
    return result;
  }

  CheckResult not_of_this_model(const Error& why) const {
    CheckResult result = empty_result();
    result.reason = "the history cannot be judged: " + why.message;
    result.details["not-of-this-model"] = true;
    return result;
  }

  CheckResult check_entries(const History& history, const Budget& budget, MemoryMeter& memory) const {
    CheckResult result = empty_result();
    Reservation held(&memory);
    auto projected = project(history, options_.projection, &held);
    if (!projected) return not_of_this_model(projected.error());
    const auto spec = builtin_model(options_.model, *projected);
    decide(history, *projected, *spec, budget, memory, result);
    return result;
  }

  /// What write_out() made, told in the entries of the history that it was made of.
  CheckResult check_written(const WrittenOut& written, const Budget& budget, MemoryMeter& memory) const {
    LinearizableChecker plain(options_);
    if (writes_out_initial(options_.model)) plain.options_.model.initial = Value();
    CheckResult result = plain.check_entries(written.history, budget, memory);
    for (Anomaly& anomaly : result.anomalies) {
      std::vector<uint32_t> entries;
      for (const uint32_t entry : anomaly.entries)
        if (written.origin[entry] != History::kNone) entries.push_back(written.origin[entry]);
      entries.erase(std::unique(entries.begin(), entries.end()), entries.end());
      anomaly.entries = std::move(entries);
    }
    return result;
  }

  void decide(const History& history, const Projection& projection, const ModelSpec& spec,
              const Budget& budget, MemoryMeter& memory, CheckResult& result) const {
    if (projection.too_large) {
      result.reason = kNoMemory;
      return;
    }
    describe(projection, result);
    if (projection.client_operations == projection.failed + projection.crashed) {
      result.reason = projection.client_operations == 0 ? "vacuous: the history has no operation of a client"
                                                        : "vacuous: no operation completed";
      return;
    }
    const std::vector<PartAnswer> answers = solve_parts(projection, spec, budget, memory);
    judge(history, projection, spec, answers, Watch{budget.deadline_ns, &memory, nullptr}, result);
    if (result.verdict == Verdict::valid && options_.want_order)
      show_linearization(history, projection, spec, answers, memory, result);
  }

  /// What was found for one part.
  struct PartAnswer {
    size_t part;
    Answer answer;
  };

  /// Each part's operations in an order that explains the history, by the index of their invocation; checked
  /// here in one pass. Text from the beginning, as there may be millions.
  static void show_linearization(const History& history, const Projection& projection, const ModelSpec& spec,
                                 const std::vector<PartAnswer>& answers, MemoryMeter& memory,
                                 CheckResult& result) {
    constexpr uint64_t kBytesAnOperation = 32;  // of text that grows, and to check the order
    std::string text = "[";
    bool verified = true;
    size_t missing = 0;
    for (const auto& [i, answer] : answers) {
      const Part& part = projection.parts[i];
      const bool empty = std::all_of(part.operations.begin(), part.operations.end(),
                                     [](const Operation& op) { return op.pending(); });
      Reservation room(&memory);
      if ((answer.order.empty() && !empty) ||
          !room.grow_to(text.capacity() * 2 + answer.order.size() * kBytesAnOperation)) {
        ++missing;  // the budget ended before one was found
        continue;
      }
      verified = verified && is_linearization(spec, part.operations, answer.order);
      text += text.size() > 1 ? ",{" : "{";
      if (part.keyed) text += "\"key\":" + to_json(part.key).dump() + ",";
      text += "\"order\":[";
      for (const uint32_t k : answer.order) {
        if (history.process(part.operations[k].invoked) == kInitialProcess) continue;
        text += std::to_string(history.source_index(part.operations[k].invoked)) + ",";
      }
      if (text.back() == ',') text.pop_back();
      text += "]}";
    }
    if (missing > 0) result.details["linearizations-not-found"] = missing;
    result.details["linearization-verified"] = verified && missing == 0;
    result.artifacts.push_back({"linearization.json", std::move(text) + "]\n"});
  }

  static void describe(const Projection& projection, CheckResult& result) {
    result.details["operations"] = projection.client_operations;
    result.details["crashed"] = projection.crashed;
    result.details["failed"] = projection.failed;
    result.details["parts"] = projection.parts.size();
  }

  /// Parts are shared out over the cores; a single part gets all of them. Of parts that are valid only those
  /// whose order was asked for are told: there may be millions.
  std::vector<PartAnswer> solve_parts(const Projection& projection, const ModelSpec& spec,
                                      const Budget& budget, MemoryMeter& memory) const {
    const Watch watch{budget.deadline_ns, &memory, nullptr};
    const unsigned cores = threads_of(budget);
    const auto& parts = projection.parts;
    const size_t workers = std::max<size_t>(1, std::min<size_t>(cores, parts.size()));
    std::vector<std::vector<PartAnswer>> found(workers);
    std::atomic<size_t> next{0};
    const auto work = [&](size_t worker, unsigned threads) {
      for (size_t i = next++; i < parts.size(); i = next++) {
        Answer answer = solve(options_, spec, projection, parts[i].operations, watch, threads);
        if (answer.verdict == Verdict::valid && !options_.want_order) continue;
        memory.add(static_cast<int64_t>(sizeof(PartAnswer) + answer.order.capacity() * sizeof(uint32_t)));
        found[worker].push_back({i, std::move(answer)});
      }
    };
    {
      std::vector<std::jthread> threads;
      for (size_t i = 1; i < workers; ++i) threads.emplace_back(work, i, 1U);
      work(0, workers == 1 ? cores : 1);
    }
    for (size_t i = 1; i < workers; ++i)
      std::move(found[i].begin(), found[i].end(), std::back_inserter(found[0]));
    std::sort(found[0].begin(), found[0].end(),
              [](const PartAnswer& x, const PartAnswer& y) { return x.part < y.part; });
    return std::move(found[0]);
  }

  /// The evidence, for the first few parts that failed.
  Anomaly explain(const History& history, const Projection& projection, const ModelSpec& spec,
                  const std::vector<PartAnswer>& answers, const Watch& watch, size_t invalid,
                  CheckResult& result) const {
    Anomaly anomaly;
    anomaly.type = "nonlinearizable";
    anomaly.count = invalid;
    anomaly.details = Json::array();
    // Evidence has at most five seconds of the budget.
    Watch until = watch;
    until.deadline_ns = std::min(watch.deadline_ns, monotonic_now_ns() + 5 * kNanosPerSecond);
    for (const auto& [i, answer] : answers) {
      if (answer.verdict != Verdict::invalid) continue;
      if (anomaly.sentences.size() == kMaxExplained) break;
      const Part& part = projection.parts[i];
      const Evidence evidence =
          find_evidence(options_, spec, projection, history, part.operations, answer, until);
      const std::string key = part.keyed ? "key " + brief(part.key) + ": " : "";
      anomaly.sentences.push_back(key + evidence.sentence);
      anomaly.details.push_back(describe(history, part, answer, evidence));
      if (anomaly.entries.empty()) anomaly.entries = entries_of(part, evidence);
      if (result.figures.size() < kMaxFigures) {
        const std::string id = "linearizable-" + std::to_string(result.figures.size() + 1);
        result.figures.push_back(draw(options_, spec, projection, history, part, evidence, until, id));
      }
    }
    return anomaly;
  }

  static std::vector<uint32_t> entries_of(const Part& part, const Evidence& evidence) {
    std::vector<uint32_t> entries;
    for (const uint32_t i : evidence.operations) {
      entries.push_back(part.operations[i].invoked);
      if (!part.operations[i].pending()) entries.push_back(part.operations[i].returned);
    }
    if (entries.empty()) entries.push_back(evidence.event);
    std::sort(entries.begin(), entries.end());
    return entries;
  }

  static Json describe(const History& history, const Part& part, const Answer& answer,
                       const Evidence& evidence) {
    Json details;
    if (part.keyed) details["key"] = to_json(part.key);
    details["engine"] = answer.engine;
    details["sentence"] = evidence.sentence;
    details["certain-at"] = history.source_index(evidence.event);
    details["certain-at-operation"] = describe_entry(history, evidence.event);
    details["first-certain"] = evidence.exact_event;
    details["states-before"] = evidence.states;
    if (evidence.states_of_these) details["states-before-of"] = "the operations of the conflict alone";
    details["minimal"] = evidence.minimal;
    details["verified"] = evidence.verified;
    if (evidence.stale_versions > 0) {
      details["stale-versions"] = evidence.stale_versions;
      if (evidence.stale_ns > 0) details["stale-ms"] = static_cast<double>(evidence.stale_ns) / 1e6;
    }
    Json operations = Json::array();
    for (const uint32_t i : evidence.operations) {
      const Operation& op = part.operations[i];
      Json one;
      one["operation"] = name_operation(history, op);
      one["invoked"] = history.source_index(op.invoked);
      one["returned"] = op.pending() ? Json() : Json(history.source_index(op.returned));
      if (history.has_times()) one["invoked-ms"] = static_cast<double>(history.time_ns(op.invoked)) / 1e6;
      if (history.has_times() && !op.pending())
        one["returned-ms"] = static_cast<double>(history.time_ns(op.returned)) / 1e6;
      operations.push_back(std::move(one));
    }
    details["operations"] = std::move(operations);
    return details;
  }

  /// How far it got: the longest prefix that was proved linearizable.
  static std::string tell_unknown(const History& history, const Part& part, const Answer& answer) {
    if (answer.refused || answer.event == 0 || answer.event >= history.size()) return answer.why;
    std::string text =
        answer.why + "; everything before entry " + std::to_string(history.source_index(answer.event));
    if (const auto line = history.source_line(answer.event)) text += ", line " + std::to_string(*line) + ",";
    if (part.keyed) text += " of key " + brief(part.key);
    return text + " is linearizable";
  }

  static Json describe_unknown(const History& history, const Part& part, const Answer& answer) {
    Json one;
    if (part.keyed) one["key"] = to_json(part.key);
    one["why"] = answer.why;
    one["engine"] = answer.engine;
    one["configurations"] = answer.configurations;
    const auto proved =
        std::lower_bound(part.operations.begin(), part.operations.end(), answer.event,
                         [](const Operation& op, uint32_t event) { return op.invoked < event; });
    one["operations-proved"] = proved - part.operations.begin();
    one["operations"] = part.operations.size();
    if (answer.event < history.size()) one["proved-before"] = history.source_index(answer.event);
    return one;
  }

  void judge(const History& history, const Projection& projection, const ModelSpec& spec,
             const std::vector<PartAnswer>& answers, const Watch& watch, CheckResult& result) const {
    result.verdict = Verdict::valid;
    size_t invalid = 0;
    size_t unknown = 0;
    Json unknown_parts = Json::array();
    for (const auto& [i, answer] : answers) {
      result.verdict = worst(result.verdict, answer.verdict);
      if (answer.verdict == Verdict::invalid) ++invalid;
      if (answer.verdict != Verdict::unknown) continue;
      ++unknown;
      if (result.reason.empty()) result.reason = tell_unknown(history, projection.parts[i], answer);
      if (!answer.refused && unknown_parts.size() < kMaxExplained)
        unknown_parts.push_back(describe_unknown(history, projection.parts[i], answer));
    }
    if (!unknown_parts.empty()) result.details["unknown"] = std::move(unknown_parts);
    if (invalid > 0) {
      result.anomalies.push_back(explain(history, projection, spec, answers, watch, invalid, result));
      result.reason = "the history is not linearizable: " + result.anomalies.front().sentences.front();
    } else if (unknown == 0) {
      result.reason = "the history is linearizable";
    }
  }

  Options options_;
  std::string name_;
  std::shared_ptr<const UserModel> user_;
};

}  // namespace

CheckerPtr make_checker(const std::string& name, std::shared_ptr<const UserModel> model, Engine engine) {
  return std::make_shared<LinearizableChecker>(name, std::move(model), engine);
}

CheckerPtr make_checker(const Options& options) { return std::make_shared<LinearizableChecker>(options); }

}  // namespace riven::linearizable
