// From the words of a partition to the packets that each node loses.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "harness/agent_protocol/agent_message.h"
#include "harness/agent_protocol/packet_rule.h"
#include "harness/api/nemesis.h"
#include "harness/core/result.h"
#include "harness/core/rng.h"
#include "nemesis/shared/grudge.h"

namespace riven {

/// A partition with nothing left to chance.
struct PartitionPlan {
  std::string name;  ///< the word it was made from
  Grudge grudge{0};
  std::vector<size_t> without_clients;  ///< nodes that lose what the controller's clients send
  PacketRule::Verdict verdict = PacketRule::Verdict::drop;
  uint16_t port = 0;                 ///< 0: all
  uint32_t per_million = 1'000'000;  ///< of the packets
  int64_t flap_ms = 0;               ///< alternates cut and healed, each this long; 0: cut all the time
};

/// The words that plan_partition knows, for help and error texts.
std::vector<std::string> partition_words();

/// The plan for the value of a :start-partition operation:
///   nil or "random"   one of the words below, by chance
///   "one"             one node alone (an even chance which)
///   "halves", "majority", "third", "bridge", "ring" (or "majorities-ring")   as in grudge.h, the nodes in
///                     random order
///   "primaries"       each node that leads, alone
///   "clients"         the controller's clients cut from the nodes that `nodes` names (default: one)
///   a map with any of
///     partition: a word;  nodes: for "one" and "isolate", who (see choose_nodes)
///     isolate: the same in one word: these nodes, each alone
///     from, to: lists of names: what `from` sends to `to` is lost
///     drops: {n1 [n2 n3]}: n1 loses what n2 and n3 send; the exact form, in which plans are written
///     clients: names of the nodes that lose what clients send
///     one-way: true: of each cut pair only one direction, by chance which half of the nodes still hears
///     verdict: "drop" or "reject";  port: only this one;  percent: of the packets, above 0 to 100;
///     flap-ms: the cut comes and goes, with so many milliseconds (10 to 3,600,000) of each
/// Errors name the word or name that is not known; a plan that cuts nothing is an error too.
Result<PartitionPlan> plan_partition(const Value& spec, const FaultTarget& target, Rng& rng);

/// The plan in the exact form: planning this again gives the same plan.
Value describe(const PartitionPlan& plan, const std::vector<Node>& nodes);

/// What each node's agent is asked for; an empty list for nodes that lose nothing.
std::vector<std::vector<FaultSpec>> faults_of(const PartitionPlan& plan, const FaultTarget& target);

}  // namespace riven
