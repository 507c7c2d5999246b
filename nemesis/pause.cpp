// Paused nodes: the database's processes are stopped where they stand, and go on later.
//
// :pause with a value that chooses the nodes, or a map with it at `nodes` (parts/node_choice.h); completes
// with {nodes, stopped {"n1" processes}, spread-us}. :resume completes with {took_effect, stopped, running,
// ended}: what was still stopped, what was not, and what had ended, just before.
#include "harness/api/registry.h"
#include "nemesis/parts/agent_faults.h"
#include "nemesis/parts/node_choice.h"
#include "nemesis/parts/turns.h"

namespace riven {
namespace {

class PauseNemesis final : public Nemesis {
 public:
  PauseNemesis(uint64_t seed, std::vector<std::string> processes)
      : rng_(seed), processes_(std::move(processes)) {}

  Result<FaultPlan> plan(FaultTarget& target, const Op& op) override {
    return plan_nodes(op.value, target, rng_);
  }

  Result<Value> invoke(FaultTarget& target, const Op& op) override {
    if (op.f.text() == "pause") return pause(target, op.value);
    if (op.f.text() == "resume") return resume(target);
    return Error{"pauses have no operation " + std::string(op.f.text())};
  }

  Status heal(FaultTarget& target) noexcept override {
    Result<std::vector<NodeProof>> healed = faults_.heal(target);
    return healed ? ok_status() : Status(healed.error());
  }

 private:
  Result<Value> pause(FaultTarget& target, const Value& who) {
    if (faults_.in_force()) return Error{"nodes are paused already"};
    Result<std::vector<size_t>> nodes = choose_nodes(nodes_in(who), target, rng_);
    if (!nodes) return nodes.error();
    std::vector<std::vector<FaultSpec>> faults(target.nodes.size());
    for (const size_t node : *nodes) faults[node].push_back({"pause", {{"processes", processes_}}});
    Result<std::vector<FaultAck>> acks = faults_.apply(target, faults);
    if (!acks) return acks.error();
    Value::List stopped;
    for (const size_t node : *nodes) {
      const FaultAck& ack = (*acks)[node];
      stopped.emplace_back(target.nodes[node].name);
      stopped.emplace_back(integer_of(ack.details[ack.ids.front()], "stopped"));
    }
    return Value::map({"nodes", names_of(*nodes, target.nodes), "stopped", Value::map(std::move(stopped)),
                       "spread-us", spread_ns(*acks) / 1000});
  }

  Result<Value> resume(FaultTarget& target) {
    if (!faults_.in_force()) return Value("no node was paused");
    Result<std::vector<NodeProof>> healed = faults_.end(target);
    if (!healed) return healed.error();
    int64_t stopped = 0, running = 0, ended = 0;
    for (const NodeProof& proof : *healed) {
      stopped += integer_of(proof.fault.proof, "stopped");
      running += integer_of(proof.fault.proof, "running");
      ended += integer_of(proof.fault.proof, "ended");
    }
    // What ended meanwhile (another fault's doing) stood still until then: it began with all of it stopped.
    Value::List done{"took_effect", stopped + ended > 0 && running == 0, "stopped", stopped, "running",
                     running};
    if (ended > 0) done.insert(done.end(), {Value("ended"), Value(ended)});
    return Value::map(std::move(done));
  }

  AgentFaults faults_;
  Rng rng_;
  std::vector<std::string> processes_;
};

Result<FaultPackage> make(const FaultOptions& options, const Capabilities& capabilities) {
  if (!capabilities.pause || capabilities.processes.empty()) return Error{"this database cannot be paused"};
  Result<Value> who = nodes_option(options, {});
  if (!who) return who.error();
  return in_turns(std::make_unique<PauseNemesis>(mix64(options.seed + 2), capabilities.processes),
                  options.interval_ns, at_nodes("pause", *who), {"pause", "#c98a1b", {"pause"}, {"resume"}});
}

}  // namespace

void add_pause(Registry& registry) {
  auto factory = std::make_shared<FaultFactory>();
  factory->name = "pause";
  factory->description = "the database's processes are stopped where they stand (nodes: one, minority, ...)";
  factory->word = "nodes";
  factory->agent_kinds = {"pause"};
  factory->make = make;
  registry.add(std::shared_ptr<const FaultFactory>(std::move(factory)));
}

}  // namespace riven
