// Restarts: the database is ended and started again at once, `times` times with `gap-ms` in between.
//
// :start-restart with a map with `nodes` (shared/node_choice.h) and any of
//   restart   once (by default), or storm: five times, 300 ms apart
//   signal    KILL (by default) or TERM
//   times, gap-ms   instead of the word's
// completes after the last start with {nodes, restarts}; :stop-restart starts what does not run and completes
// with {took_effect, nodes, restarts}: it took effect when each node's processes were ended each time.
#include <algorithm>
#include <cmath>
#include <mutex>
#include <thread>

#include "harness/api/registry.h"
#include "harness/core/clock.h"
#include "harness/generator/combinators.h"
#include "nemesis/shared/fields.h"
#include "nemesis/shared/kill_shape.h"
#include "nemesis/shared/node_choice.h"
#include "nemesis/shared/turns.h"

namespace riven {
namespace {

constexpr const char* kEnd = "end";  // of the nemesis that restarts consist of
constexpr const char* kStart = "start";
constexpr int64_t kStormTimes = 5, kStormGapMs = 300, kMostTimes = 100, kLongestGapMs = 60'000;

struct RestartPlan {
  int64_t times = 1;
  int64_t gap_ms = 0;
  std::string signal = "KILL";
};

Result<RestartPlan> restart_plan(const Value& spec) {
  RestartPlan plan;
  if (!spec.is_map()) return plan;
  if (const Value* word = spec.find("restart")) {
    if (!word->is_name("once") && !word->is_name("storm"))
      return Error{"restart is once or storm, not " + to_edn(*word)};
    if (word->is_name("storm")) plan.times = kStormTimes, plan.gap_ms = kStormGapMs;
  }
  if (const Value* signal = spec.find("signal")) {
    if (!signal->is_name("KILL") && !signal->is_name("TERM"))
      return Error{"signal must be KILL or TERM, not " + to_edn(*signal)};
    plan.signal = std::string(signal->text());
  }
  const auto number = [&](const char* key, int64_t least, int64_t most, int64_t& into) -> Status {
    const Value* told = spec.find(key);
    if (told == nullptr) return ok_status();
    if (!told->is_integer() || told->integer() < least || told->integer() > most)
      return Error{std::string(key) + " must be " + std::to_string(least) + " to " + std::to_string(most)};
    into = told->integer();
    return ok_status();
  };
  if (Status read = number("times", 1, kMostTimes, plan.times); !read) return read.error();
  if (Status read = number("gap-ms", 0, kLongestGapMs, plan.gap_ms); !read) return read.error();
  return plan;
}

class RestartNemesis final : public Nemesis {
 public:
  RestartNemesis(uint64_t seed, std::vector<std::string> processes)
      : kill_(node_nemesis({.name = "restart", .starts = {kEnd}, .stops = {kStart}}, kill_shape(), seed,
                           std::move(processes))),
        rng_(seed) {}

  Result<FaultPlan> plan(FaultTarget& target, const Op& op) override {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (Result<RestartPlan> plan = restart_plan(op.value); !plan) return plan.error();
    Result<FaultPlan> plan = plan_nodes(op.value, target, rng_);
    if (!plan) return plan;
    Value::List exact = plan->value.flat_map();
    append_fields(exact, op.value, {"nodes"});
    plan->value = Value::map(std::move(exact));
    return plan;
  }

  Result<Value> invoke(FaultTarget& target, const Op& op) override {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (op.f.text() == "start-restart") return start(target, op.value);
    if (op.f.text() == "stop-restart") return stop(target);
    return Error{"restarts have no operation " + std::string(op.f.text())};
  }

  Status heal(FaultTarget& target) noexcept override {
    const std::lock_guard<std::mutex> lock(mutex_);
    return kill_->heal(target);
  }

 private:
  Result<Value> ask(FaultTarget& target, const char* f, Value value = {}) {
    Op op;
    op.f = Symbol(f);
    op.value = std::move(value);
    return kill_->invoke(target, op);
  }

  Result<Value> start(FaultTarget& target, const Value& spec) {
    Result<RestartPlan> plan = restart_plan(spec);
    if (!plan) return plan.error();
    Result<std::vector<size_t>> nodes = choose_nodes(nodes_in(spec), target, rng_);
    if (!nodes) return nodes.error();
    nodes_ = names_of(*nodes, target.nodes);
    done_ = 0;
    took_effect_ = true;
    for (int64_t i = 0; i < plan->times; ++i) {
      if (i > 0) std::this_thread::sleep_for(Milliseconds(plan->gap_ms));
      if (Result<Value> ended = ask(target, kEnd, Value::map({"nodes", nodes_, "signal", plan->signal}));
          !ended)
        return ended.error();
      Result<Value> started = ask(target, kStart);
      if (!started) return started.error();
      took_effect_ = took_effect_ && started->is_map() && started->find("took_effect")->boolean();
      ++done_;
    }
    return Value::map({"nodes", nodes_, "restarts", done_});
  }

  Result<Value> stop(FaultTarget& target) {
    if (Status started = kill_->heal(target); !started) return started.error();
    if (done_ == 0) return Value("no node was restarted");
    const Value told = Value::map({"took_effect", took_effect_, "nodes", nodes_, "restarts", done_});
    done_ = 0;
    return told;
  }

  std::mutex mutex_;
  std::unique_ptr<Nemesis> kill_;
  Rng rng_;
  Value nodes_;
  int64_t done_ = 0;
  bool took_effect_ = false;
};

/// The fields of every operation, from the options.
Value::List fields_of(const FaultOptions& options, const std::vector<std::string>& keys) {
  Value::List fields;
  for (const auto& [key, text] : options.extra) {
    if (std::find(keys.begin(), keys.end(), key) == keys.end()) continue;
    const std::optional<double> number = parse_number(text);
    const bool is_whole = number && std::abs(*number) < 1e15 && std::nearbyint(*number) == *number;
    fields.insert(fields.end(), {key, is_whole ? Value(static_cast<int64_t>(*number)) : Value(text)});
  }
  return fields;
}

PlotSpan span() {
  PlotSpan span = fault_span("restart", "#8e5fc4");
  span.stops_nodes = true;
  return span;
}

Result<FaultPackage> make(const FaultOptions& options, const Capabilities& capabilities) {
  if (!capabilities.kill || capabilities.processes.empty())
    return Error{"this database cannot be stopped and started"};
  const std::vector<std::string> keys = {"restart", "signal", "times", "gap-ms"};
  Result<Value> who = nodes_option(options, keys);
  if (!who) return who.error();
  const Value::List fields = fields_of(options, keys);
  if (Result<RestartPlan> plan = restart_plan(Value::map(fields)); !plan) return plan.error();
  const auto start = [choice = *who, fields](Rng& rng) {
    Value::List map = {"nodes", word_of(choice, rng)};
    map.insert(map.end(), fields.begin(), fields.end());
    if (Value::map(fields).find("restart") == nullptr)
      map.insert(map.end(), {"restart", rng.below(2) == 0 ? "once" : "storm"});
    return gen::op("start-restart", Value::map(std::move(map)));
  };
  return in_turns(std::make_unique<RestartNemesis>(mix64(options.seed + 7), capabilities.processes),
                  options.interval_ns, start, span());
}

}  // namespace

void add_restart(Registry& registry) {
  registry.add(FaultFactory{
      .name = "restart",
      .description = "the database is ended and started again at once (restart:once, restart:storm)",
      .word = "restart",
      .span = span(),
      .agent_kinds = {"kill"},
      .ends_database = true,
      .make = make});
}

}  // namespace riven
