#include "nemesis/parts/downed_nodes.h"

#include <thread>

#include "harness/core/clock.h"
#include "nemesis/parts/node_choice.h"
#include "nemesis/parts/on_nodes.h"

namespace riven {

Result<Value::List> DownedNodes::end(FaultTarget& target, const std::vector<size_t>& nodes,
                                     const std::string& signal, const char* word, Milliseconds patience) {
  if (!down_.empty()) return Error{"nodes are down already"};
  if (target.database == nullptr) return Error{"without its database nobody could start a node again"};
  std::vector<std::vector<FaultSpec>> faults(target.nodes.size());
  for (const size_t node : nodes) {
    faults[node].push_back({"kill", {{"processes", processes_}, {"signal", signal}}});
  }
  // Before the agents are asked: when one of them fails, the others' nodes are down all the same.
  down_ = nodes;
  all_hit_ = false;
  Result<std::vector<FaultAck>> acks = faults_.apply(target, faults);
  if (!acks) return acks.error();
  bool all_hit = true;
  Value::List hits;
  for (const size_t node : nodes) {
    const FaultAck& ack = (*acks)[node];
    const int64_t hit = integer_of(ack.details[ack.ids.front()], "killed");
    all_hit = all_hit && hit > 0;
    hits.emplace_back(target.nodes[node].name);
    hits.emplace_back(hit);
  }
  if (signal != "KILL") {
    if (Status ended = await_end(target, patience); !ended) return ended.error();
  }
  all_hit_ = all_hit;
  return Value::List{"nodes",     names_of(nodes, target.nodes), word, Value::map(std::move(hits)),
                     "spread-us", spread_ns(*acks) / 1000};
}

Status DownedNodes::await_end(FaultTarget& target, Milliseconds patience) {
  const int64_t until = monotonic_now_ns() + patience.count() * kNanosPerMilli;
  for (const size_t node : down_) {
    while (true) {
      Result<std::vector<FaultProof>> proofs = target.agents[node]->observe();
      if (!proofs) return proofs.error();
      int64_t alive = 0;
      for (const FaultProof& proof : *proofs) {
        if (proof.kind == "kill") alive = std::max(alive, integer_of(proof.proof, "alive"));
      }
      if (alive == 0) break;
      if (monotonic_now_ns() > until) {
        return Error{target.nodes[node].name + ": " + std::to_string(alive) + " processes have not ended " +
                     std::to_string(patience.count() / 1000) + " s after the signal"};
      }
      std::this_thread::sleep_for(Milliseconds(10));
    }
  }
  return ok_status();
}

Result<Value::List> DownedNodes::start(FaultTarget& target) {
  Result<std::vector<NodeProof>> healed = faults_.end(target);
  const Value nodes = names_of(down_, target.nodes);
  if (Status started = start_again(target, down_); !started) return started.error();
  if (!healed) return healed.error();
  Value::List alive;
  bool quiet = true;
  for (const NodeProof& proof : *healed) {
    const int64_t count = integer_of(proof.fault.proof, "alive");
    quiet = quiet && count == 0;
    alive.emplace_back(target.nodes[proof.node].name);
    alive.emplace_back(count);
  }
  return Value::List{"took_effect", all_hit_ && quiet, "nodes", nodes, "alive", Value::map(std::move(alive))};
}

Status DownedNodes::heal(FaultTarget& target) {
  const Result<std::vector<NodeProof>> healed = faults_.heal(target);
  if (Status started = start_again(target, down_); !started) return started;
  return healed ? ok_status() : Status(healed.error());
}

}  // namespace riven
