// Killed nodes: the database's processes die at once (or are asked to end) and are started again later.
//
// :kill with a value that chooses the nodes, or a map with it at `nodes` (parts/node_choice.h); completes
// with {nodes, killed {"n1" processes}, spread-us}. :start starts what was killed and completes with
// {took_effect, nodes, alive {"n1" processes}}: what ran before it was started again (a supervisor, a child
// that got away); `took_effect`: something was killed on each node and nothing came back by itself.
#include <mutex>

#include "harness/api/registry.h"
#include "nemesis/parts/downed_nodes.h"
#include "nemesis/parts/node_choice.h"
#include "nemesis/parts/turns.h"

namespace riven {
namespace {

class KillNemesis final : public Nemesis {
 public:
  KillNemesis(uint64_t seed, std::vector<std::string> processes, std::string signal)
      : down_(std::move(processes)), rng_(seed), signal_(std::move(signal)) {}

  Result<FaultPlan> plan(FaultTarget& target, const Op& op) override {
    const std::lock_guard<std::mutex> lock(mutex_);
    return plan_nodes(op.value, target, rng_);
  }

  Result<Value> invoke(FaultTarget& target, const Op& op) override {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (op.f.text() == "kill") return kill(target, op.value);
    if (op.f.text() == "start") return start(target);
    return Error{"kills have no operation " + std::string(op.f.text())};
  }

  Status heal(FaultTarget& target) noexcept override {
    const std::lock_guard<std::mutex> lock(mutex_);
    return down_.heal(target);
  }

 private:
  Result<Value> kill(FaultTarget& target, const Value& who) {
    Result<std::vector<size_t>> nodes = choose_nodes(nodes_in(who), target, rng_);
    if (!nodes) return nodes.error();
    Result<Value::List> done = down_.end(target, *nodes, signal_, "killed");
    if (!done) return done.error();
    return Value::map(std::move(*done));
  }

  Result<Value> start(FaultTarget& target) {
    if (!down_.any()) return Value("no node was down");
    Result<Value::List> done = down_.start(target);
    if (!done) return done.error();
    return Value::map(std::move(*done));
  }

  std::mutex mutex_;
  DownedNodes down_;
  Rng rng_;
  std::string signal_;
};

Result<FaultPackage> make(const FaultOptions& options, const Capabilities& capabilities) {
  if (!capabilities.kill || capabilities.processes.empty()) return Error{"this database cannot be killed"};
  Result<Value> who = nodes_option(options, {"signal"});
  if (!who) return who.error();
  std::string signal = "KILL";
  if (const auto told = options.extra.find("signal"); told != options.extra.end()) signal = told->second;
  if (signal != "KILL" && signal != "TERM") return Error{"signal must be KILL or TERM, not " + signal};
  return in_turns(std::make_unique<KillNemesis>(mix64(options.seed + 1), capabilities.processes, signal),
                  options.interval_ns, at_nodes("kill", *who), {"kill", "#7b4fb5", {"kill"}, {"start"}});
}

}  // namespace

void add_kill(Registry& registry) {
  auto factory = std::make_shared<FaultFactory>();
  factory->name = "kill";
  factory->description = "the database's processes are killed and started again (nodes: one, minority, ...)";
  factory->word = "nodes";
  factory->agent_kinds = {"kill"};
  factory->make = make;
  registry.add(std::shared_ptr<const FaultFactory>(std::move(factory)));
}

}  // namespace riven
