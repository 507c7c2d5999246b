// Clocks that are wrong: jumped, drifting, strobing, leaping, smeared or scrambled, on some of the nodes. The
// fault "clock" bends those of the database's processes alone, "machine-clock" those of whole machines that
// have a kernel of their own and whose owner allows it (agent/machine_clock.h); what is said of the one below
// goes for the other.
//
// :start-clock with a value for plan_clock (shared/clock_plan.h; default: one of its words by chance). While
// a fault is in force another :start-clock takes its place, without stopping the database's processes.
// Completes with {clock, nodes, offsets-ms: how far the database's process on each node sees itself off,
// spread-us, stopped-us: the longest that a process was stopped, absolute-waits: threads that wait for a
// moment of the kernel's real-time clock, which comes when that says so}. :clock-offsets completes with
// {offsets-ms}. :stop-clock completes with {took_effect, offsets-ms: just before, healed-ms: just after,
// followed: processes that were found after the beginning}; `took_effect` is missing where the skew was too
// small to be measured.
#include <algorithm>
#include <mutex>

#include "harness/api/registry.h"
#include "harness/core/json_fields.h"
#include "harness/generator/combinators.h"
#include "nemesis/shared/agent_faults.h"
#include "nemesis/shared/clock_plan.h"
#include "nemesis/shared/fields.h"
#include "nemesis/shared/node_choice.h"
#include "nemesis/shared/on_nodes.h"
#include "nemesis/shared/turns.h"

namespace riven {
namespace {

constexpr const char* kClock = "clock";
constexpr const char* kMachineClock = "machine-clock";
constexpr int64_t kMicro = 1000;

/// What the agents' proofs of kind "clock" say, node by node; nodes without one are missing.
using Proofs = std::map<size_t, Json>;

Value offsets_ms(const Proofs& proofs, const std::vector<Node>& nodes) {
  Value::List offsets;
  for (const auto& [node, proof] : proofs) {
    if (!proof.contains("offset_ns")) continue;
    offsets.emplace_back(nodes[node].name);
    offsets.emplace_back(static_cast<double>(integer_of(proof, "offset_ns") / kMicro) / 1000);
  }
  return Value::map(std::move(offsets));
}

/// What each node's clock showed over time, as the agents noted it down in milli- and microseconds.
Value series_of(const Proofs& proofs, const std::vector<Node>& nodes) {
  Value::List all;
  for (const auto& [node, proof] : proofs) {
    Value::List points;
    for (const Json& point : array_of(proof, "series")) {
      if (!point.is_array() || point.size() != 2) continue;
      points.emplace_back(Value::List{point[0].get<double>() / 1000, point[1].get<double>() / 1000});
    }
    all.emplace_back(nodes[node].name);
    all.emplace_back(std::move(points));
  }
  return Value::map(std::move(all));
}

int64_t sum_of(const Proofs& proofs, const char* key) {
  int64_t sum = 0;
  for (const auto& [node, proof] : proofs) sum += integer_of(proof, key);
  return sum;
}

int64_t most_of(const Proofs& proofs, const char* key) {
  int64_t most = 0;
  for (const auto& [node, proof] : proofs) most = std::max(most, integer_of(proof, key));
  return most;
}

/// Whether the bent nodes saw what they should: false when one did not, nothing when none was far enough off
/// to be distinguished from a correct clock.
std::optional<bool> effect_of(const Proofs& proofs, const std::vector<size_t>& bent) {
  bool seen = false;
  for (const size_t node : bent) {
    const auto found = proofs.find(node);
    if (found == proofs.end()) return false;
    const Json& proof = found->second;
    const int64_t largest_ns = integer_of(proof, "largest_ns");
    if (integer_of(proof, "processes") == 0) {
      if (largest_ns == 0) return false;  // the database was down all the time
    } else if (!flag_of(proof, "right") || integer_of(proof, "bent") != integer_of(proof, "processes")) {
      return false;
    }
    seen = seen || largest_ns > 2 * integer_of(proof, "error_ns") + kNanosPerMilli / 5;
  }
  if (!seen) return std::nullopt;
  return true;
}

class ClockNemesis final : public Nemesis {
 public:
  /// `kind`: the agent's, and the fault's name.
  ClockNemesis(std::string kind, uint64_t seed, std::vector<std::string> processes)
      : kind_(std::move(kind)), rng_(seed), processes_(std::move(processes)) {}

  Result<FaultPlan> plan(FaultTarget& target, const Op& op) override {
    Result<ClockPlan> plan = plan_clock(op.value, target, rng_);
    if (!plan) return plan.error();
    return FaultPlan{plan->exact, {plan->nodes, {}}};
  }

  Result<Value> invoke(FaultTarget& target, const Op& op) override {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (op.f.text() == "start-" + kind_) return start(target, op.value);
    if (op.f.text() == "stop-" + kind_) return stop(target);
    if (op.f.text() == kind_ + "-offsets") {
      Result<Proofs> proofs = ask(target);
      if (!proofs) return proofs.error();
      return Value::map({"offsets-ms", offsets_ms(*proofs, target.nodes)});
    }
    return Error{"clocks have no operation " + std::string(op.f.text())};
  }

  Status heal(FaultTarget& target) noexcept override {
    const std::lock_guard<std::mutex> lock(mutex_);
    Result<std::vector<NodeProof>> healed = faults_->heal(target);
    return healed ? ok_status() : Status(healed.error());
  }

 private:
  Result<Value> start(FaultTarget& target, const Value& spec) {
    Result<ClockPlan> plan = plan_clock(spec, target, rng_);
    if (!plan) return plan.error();
    std::vector<std::vector<FaultSpec>> faults(target.nodes.size());
    for (auto& node : faults) node.push_back(watching());
    for (size_t i = 0; i < plan->nodes.size(); ++i) {
      Json params = plan->shapes[i];
      if (params.size() == 1 && *params.begin() == 0) continue;  // an offset of 0 in a scramble: only watched
      params["processes"] = processes_;
      faults[plan->nodes[i]] = {{kind_, std::move(params)}};
    }
    auto next = std::make_unique<AgentFaults>();
    Result<std::vector<FaultAck>> acks = next->apply(target, faults);
    if (!acks) return acks.error();
    // The clocks that the fault before had skewed are the new one's now, or are restored here.
    std::swap(faults_, next);
    bent_ = plan->nodes;
    if (const Result<std::vector<NodeProof>> replaced = next->heal(target); !replaced)
      return replaced.error();
    Result<Proofs> proofs = ask(target);
    if (!proofs) return proofs.error();
    Value::List done = plan->exact.flat_map();
    done.insert(done.end(), {Value("seen-ms"), offsets_ms(*proofs, target.nodes), Value("spread-us"),
                             Value(spread_ns(*acks) / kMicro), Value("stopped-us"),
                             Value(most_of(*proofs, "stopped_us"))});
    if (const int64_t waits = sum_of(*proofs, "absolute_waits"); waits > 0) {
      done.insert(done.end(), {Value("absolute-waits"), Value(waits)});
    }
    return Value::map(std::move(done));
  }

  FaultSpec watching() const { return {kind_, {{"processes", processes_}, {"watch", true}}}; }

  /// The newest proof of each node; where nothing is in force, from faults that only watch.
  Result<Proofs> ask(FaultTarget& target) {
    AgentFaults watchers;
    if (!faults_->in_force()) {
      std::vector<std::vector<FaultSpec>> watch(target.nodes.size());
      for (auto& node : watch) node.push_back(watching());
      if (Result<std::vector<FaultAck>> acks = watchers.apply(target, watch); !acks) return acks.error();
    }
    Proofs proofs;
    std::mutex mutex;
    std::vector<size_t> all;
    for (size_t i = 0; i < target.agents.size(); ++i) all.push_back(i);
    const Status asked = on_nodes(all, target.nodes, [&](size_t node) -> Status {
      const Result<std::vector<FaultProof>> seen = target.agents[node]->observe();
      if (!seen) return seen.error();
      const std::lock_guard<std::mutex> lock(mutex);
      for (const FaultProof& fault : *seen) {
        if (fault.kind == kind_) proofs[node] = fault.proof;
      }
      return ok_status();
    });
    (void)watchers.heal(target);
    if (!asked) return asked.error();
    return proofs;
  }

  Result<Value> stop(FaultTarget& target) {
    if (!faults_->in_force()) return Value("no clock was bent");
    Result<std::vector<NodeProof>> healed = faults_->end(target);
    if (!healed) return healed.error();
    Proofs before;  // of several on one node the last took over from those before it
    for (NodeProof& proof : *healed) before[proof.node] = std::move(proof.fault.proof);
    const std::optional<bool> took_effect = effect_of(before, bent_);
    Value::List done;
    if (took_effect) done = {"took_effect", *took_effect};
    done.insert(done.end(), {Value("offsets-ms"), offsets_ms(before, target.nodes)});
    if (Result<Proofs> after = ask(target)) {
      done.insert(done.end(), {Value("healed-ms"), offsets_ms(*after, target.nodes)});
    }
    if (const int64_t followed = sum_of(before, "followed"); followed > 0) {
      done.insert(done.end(), {Value("followed"), Value(followed)});
    }
    done.insert(done.end(), {Value("series"), series_of(before, target.nodes)});
    for (const auto& [node, proof] : before) {
      if (!proof.contains("unbent")) continue;
      done.insert(done.end(), {Value("unbent"), from_json(proof["unbent"])});
      break;
    }
    return Value::map(std::move(done));
  }

  const std::string kind_;
  std::mutex mutex_;
  std::unique_ptr<AgentFaults> faults_ = std::make_unique<AgentFaults>();
  Rng rng_;
  std::vector<std::string> processes_;
  std::vector<size_t> bent_;
};

/// The part of every :start-clock that the options give, `nodes` apart.
Result<Value::List> fixed_fields(const FaultOptions& options) {
  Value::List fields;
  for (const auto& [key, text] : options.extra) {
    if (key == "nodes") continue;
    fields.emplace_back(key);
    if (key == "clock") {
      fields.emplace_back(text);
      continue;
    }
    const std::optional<double> number = parse_number(text);
    if (!number) return Error{"clock: " + key + " must be a number, not " + text};
    fields.emplace_back(*number);
  }
  return fields;
}

PlotSpan span_of(const std::string& kind) { return fault_span(kind, kind == kClock ? "#2a9d8f" : "#1f6f8b"); }

Result<FaultPackage> make(const std::string& kind, const FaultOptions& options,
                          const Capabilities& capabilities) {
  if (kind == kClock && capabilities.processes.empty())
    return Error{"nobody says which processes' clocks are to be bent"};
  std::vector<std::string> keys = clock_keys();
  std::erase(keys, "offsets-ms");
  keys.emplace_back("clock");
  Result<Value> who = nodes_option(options, keys);
  if (!who) return who.error();
  Result<Value::List> fields = fixed_fields(options);
  if (!fields) return fields.error();
  const FaultTarget shape = FaultTarget::named(options.nodes);
  const bool random = fields->empty();
  if (Rng trial(options.seed); !shape.nodes.empty()) {
    if (const Result<ClockPlan> plan = plan_clock(Value::map(*fields), shape, trial); !plan)
      return plan.error();
  }
  const bool everyone = options.extra.count("nodes") == 0 && !options.max_broken;
  const auto start = [kind, choice = *who, told = *fields, random, everyone](Rng& rng) {
    Value::List map = told;
    if (random) {
      const std::vector<std::string> words = clock_words();
      map = {"clock", words[rng.below(words.size())]};
    }
    const Value spec = Value::map(map);
    const Value* const word = spec.find("clock");
    // A scramble takes all nodes unless told otherwise.
    if (!everyone || word == nullptr || !word->is_name("scramble"))
      map.insert(map.end(), {Value("nodes"), word_of(choice, rng)});
    return gen::op("start-" + kind, Value::map(std::move(map)));
  };
  return in_turns(std::make_unique<ClockNemesis>(kind, mix64(options.seed + 4), capabilities.processes),
                  options.interval_ns, start, span_of(kind));
}

FaultFactory facts_of(const std::string& kind, const std::string& description) {
  return {.name = kind,
          .description = description,
          .word = "clock",
          .span = span_of(kind),
          .agent_kinds = {kind},
          .make = [kind](const FaultOptions& options, const Capabilities& capabilities) {
            return make(kind, options, capabilities);
          }};
}

}  // namespace

void add_clock(Registry& registry) {
  FaultFactory processes = facts_of(
      kClock, "wrong clocks (clock:jump, drift, strobe, leap, smear, scramble; default: any at random)");
  processes.container.capabilities = {"SYS_PTRACE"};
  processes.in_storm = true;
  processes.command.examples = {"riven fault clock jump offset-ms=3600000 nodes=n1 --for 20s",
                                "riven fault clock drift ppm=1000 nodes=all"};
  registry.add(std::move(processes));
  FaultFactory machine = facts_of(
      kMachineClock,
      "the same by the machine's own clock, where its owner allows it (may_set_clock in hosts.toml)");
  machine.needs_permission = true;
  registry.add(std::move(machine));
}

}  // namespace riven
