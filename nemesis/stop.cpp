// Stopped nodes: the database is asked to end (SIGTERM to all its processes), which it must do within
// `patience-s` (15), and is started again later.
//
// :stop with a map with `nodes` (parts/node_choice.h) completes, once nothing of it runs, with {nodes, asked
// {"n1" processes}, spread-us, ended-ms}; :start-stopped starts it again and completes as :start of kill.cpp.
// Their names in older versions, start-stop and stop-stop, are understood.
#include <mutex>

#include "harness/api/registry.h"
#include "harness/core/clock.h"
#include "nemesis/parts/downed_nodes.h"
#include "nemesis/parts/node_choice.h"
#include "nemesis/parts/turns.h"

namespace riven {
namespace {

class StopNemesis final : public Nemesis {
 public:
  StopNemesis(uint64_t seed, std::vector<std::string> processes) : down_(std::move(processes)), rng_(seed) {}

  Result<FaultPlan> plan(FaultTarget& target, const Op& op) override {
    const std::lock_guard<std::mutex> lock(mutex_);
    return plan_nodes(op.value, target, rng_);
  }

  Result<Value> invoke(FaultTarget& target, const Op& op) override {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (op.f.text() == "stop" || op.f.text() == "start-stop") return stop(target, op.value);
    if (op.f.text() != "start-stopped" && op.f.text() != "stop-stop")
      return Error{"stops have no operation " + std::string(op.f.text())};
    if (!down_.any()) return Value("no node was stopped");
    Result<Value::List> done = down_.start(target);
    if (!done) return done.error();
    return Value::map(std::move(*done));
  }

  Status heal(FaultTarget& target) noexcept override {
    const std::lock_guard<std::mutex> lock(mutex_);
    return down_.heal(target);
  }

 private:
  Result<Value> stop(FaultTarget& target, const Value& who) {
    Result<std::vector<size_t>> nodes = choose_nodes(nodes_in(who), target, rng_);
    if (!nodes) return nodes.error();
    const int64_t began_ns = monotonic_now_ns();
    Result<Value::List> done = down_.end(target, *nodes, "TERM", "asked");
    if (!done) return done.error();
    done->insert(done->end(), {"ended-ms", (monotonic_now_ns() - began_ns) / kNanosPerMilli});
    return Value::map(std::move(*done));
  }

  std::mutex mutex_;
  DownedNodes down_;
  Rng rng_;
};

Result<FaultPackage> make(const FaultOptions& options, const Capabilities& capabilities) {
  if (!capabilities.kill || capabilities.processes.empty())
    return Error{"this database cannot be stopped and started"};
  Result<Value> who = nodes_option(options, {});
  if (!who) return who.error();
  return in_turns(std::make_unique<StopNemesis>(mix64(options.seed + 6), capabilities.processes),
                  options.interval_ns, at_nodes("stop", *who),
                  {"stop", "#6a6fb8", {"stop", "start-stop"}, {"start-stopped", "stop-stop"}});
}

}  // namespace

void add_stop(Registry& registry) {
  auto factory = std::make_shared<FaultFactory>();
  factory->name = "stop";
  factory->description =
      "the database is asked to end (SIGTERM) and started again (nodes: one, minority, ...)";
  factory->word = "nodes";
  factory->agent_kinds = {"kill"};
  factory->make = make;
  registry.add(std::shared_ptr<const FaultFactory>(std::move(factory)));
}

}  // namespace riven
