// Killed nodes: the database's processes die at once (or are asked to end) and are started again later.
//
// :kill with a value that chooses the nodes, or a map with it at `nodes` (parts/node_choice.h); completes
// with {nodes, killed {"n1" processes}, spread-us}. :start starts what was killed and completes with
// {bit, nodes, alive {"n1" processes}}: what ran before it was started again (a supervisor, a child that got
// away); `bit`: something was killed on each node and nothing came back by itself.
#include <mutex>

#include "harness/api/registry.h"
#include "harness/generator/combinators.h"
#include "nemesis/parts/agent_faults.h"
#include "nemesis/parts/jittered.h"
#include "nemesis/parts/node_choice.h"
#include "nemesis/parts/on_nodes.h"

namespace riven {
namespace {

class KillNemesis final : public Nemesis {
 public:
  KillNemesis(uint64_t seed, std::vector<std::string> processes, std::string signal)
      : rng_(seed), processes_(std::move(processes)), signal_(std::move(signal)) {}

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
    const Result<std::vector<NodeProof>> healed = faults_.heal(target);
    if (Status started = start_down(target); !started) return started;
    return healed ? ok_status() : Status(healed.error());
  }

 private:
  Result<Value> kill(FaultTarget& target, const Value& who) {
    if (!down_.empty()) return Error{"nodes are down already"};
    if (target.database == nullptr) return Error{"without its database nobody could start a node again"};
    Result<std::vector<size_t>> nodes = choose_nodes(nodes_in(who), target, rng_);
    if (!nodes) return nodes.error();
    std::vector<std::vector<FaultSpec>> faults(target.nodes.size());
    for (const size_t node : *nodes) {
      faults[node].push_back({"kill", {{"processes", processes_}, {"signal", signal_}}});
    }
    // Before the agents are asked: when one of them fails, the others' nodes are down all the same.
    down_ = *nodes;
    all_hit_ = false;
    Result<std::vector<FaultAck>> acks = faults_.apply(target, faults);
    if (!acks) return acks.error();
    all_hit_ = true;
    Value::List killed;
    for (const size_t node : *nodes) {
      const FaultAck& ack = (*acks)[node];
      const int64_t hit = integer_of(ack.details[ack.ids.front()], "killed");
      all_hit_ = all_hit_ && hit > 0;
      killed.emplace_back(target.nodes[node].name);
      killed.emplace_back(hit);
    }
    return Value::map({"nodes", names_of(*nodes, target.nodes), "killed", Value::map(std::move(killed)),
                       "spread-us", spread_ns(*acks) / 1000});
  }

  Result<Value> start(FaultTarget& target) {
    if (down_.empty()) return Value("no node was down");
    Result<std::vector<NodeProof>> healed = faults_.heal(target);
    const Value nodes = names_of(down_, target.nodes);
    if (Status started = start_down(target); !started) return started.error();
    if (!healed) return healed.error();
    Value::List alive;
    bool quiet = true;
    for (const NodeProof& proof : *healed) {
      const int64_t count = integer_of(proof.fault.proof, "alive");
      quiet = quiet && count == 0;
      alive.emplace_back(target.nodes[proof.node].name);
      alive.emplace_back(count);
    }
    return Value::map({"bit", all_hit_ && quiet, "nodes", nodes, "alive", Value::map(std::move(alive))});
  }

  /// Starts what is down; the nodes that cannot be started stay on the list.
  Status start_down(FaultTarget& target) {
    if (down_.empty() || target.database == nullptr) return ok_status();
    std::vector<size_t> left;
    std::mutex left_mutex;
    Status started = on_nodes(down_, target.nodes, [&](size_t node) {
      Status done = target.database->start(target.nodes[node], target.nodes);
      if (!done) {
        const std::lock_guard<std::mutex> lock(left_mutex);
        left.push_back(node);
      }
      return done;
    });
    down_ = std::move(left);
    return started;
  }

  std::mutex mutex_;
  AgentFaults faults_;
  Rng rng_;
  std::vector<std::string> processes_;
  std::string signal_;
  std::vector<size_t> down_;
  bool all_hit_ = false;
};

Result<FaultPackage> make(const FaultOptions& options, const Capabilities& capabilities) {
  if (!capabilities.kill || capabilities.processes.empty()) return Error{"this database cannot be killed"};
  Result<Value> who = nodes_option(options, {"signal"});
  if (!who) return who.error();
  std::string signal = "KILL";
  if (const auto told = options.extra.find("signal"); told != options.extra.end()) signal = told->second;
  if (signal != "KILL" && signal != "TERM") return Error{"signal must be KILL or TERM, not " + signal};
  FaultPackage package;
  package.nemesis = std::make_unique<KillNemesis>(mix64(options.seed + 1), capabilities.processes, signal);
  const auto start = gen::fn([choice = *who](const Context&, Rng& rng) -> std::optional<gen::Draft> {
    return gen::op("kill", word_of(choice, rng));
  });
  package.generator =
      jittered(options.interval_ns, gen::flip_flop(start, gen::repeat(gen::one(gen::op("start")))));
  package.final_generator = gen::one(gen::op("start"));
  package.span = {"kill", "#7b4fb5", {"kill"}, {"start"}};
  return package;
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
