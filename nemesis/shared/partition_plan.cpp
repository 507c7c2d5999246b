#include "nemesis/shared/partition_plan.h"

#include <algorithm>
#include <cmath>

#include "harness/agent_protocol/packet_rule.h"
#include "harness/core/join.h"
#include "nemesis/shared/fields.h"
#include "nemesis/shared/node_choice.h"

namespace riven {
namespace {

Result<std::vector<size_t>> positions(const Value& names, const FaultTarget& target, Rng& rng) {
  return choose_nodes(is_text(names) ? Value(Value::List{names}) : names, target, rng);
}

Status read_drops(const Value& drops, const FaultTarget& target, Rng& rng, Grudge& grudge) {
  if (!drops.is_map()) return Error{"drops must be a map from a node to the nodes it does not hear"};
  const Value::List& flat = drops.flat_map();
  for (size_t i = 0; i + 1 < flat.size(); i += 2) {
    if (!is_text(flat[i]) || !flat[i + 1].is_list()) return Error{"drops must map names to lists of names"};
    Result<size_t> to = node_named(std::string(flat[i].text()), target.nodes);
    if (!to) return to.error();
    if (flat[i + 1].list().empty()) continue;
    Result<std::vector<size_t>> from = positions(flat[i + 1], target, rng);
    if (!from) return from.error();
    for (const size_t sender : *from) grudge.drop(sender, *to);
  }
  return ok_status();
}

/// Leaves of each cut pair only the direction towards the half of the nodes that chance makes deaf.
Grudge one_direction(const Grudge& grudge, Rng& rng) {
  const std::vector<size_t> order = shuffled(grudge.nodes(), rng);
  std::vector<size_t> rank(grudge.nodes());
  for (size_t i = 0; i < order.size(); ++i) rank[order[i]] = i;
  Grudge half(grudge.nodes());
  for (size_t to = 0; to < grudge.nodes(); ++to) {
    for (const size_t from : grudge.drops_of(to)) {
      if (grudge.hears(from, to) || rank[to] < rank[from]) half.drop(from, to);
    }
  }
  return half;
}

Status plan_word(const std::string& word, const Value& nodes, const FaultTarget& target, Rng& rng,
                 PartitionPlan& plan) {
  const size_t n = target.nodes.size();
  const std::vector<size_t> order = shuffled(n, rng);
  if (word == "halves") {
    plan.grudge = halves(order);
  } else if (word == "majority") {
    plan.grudge = majority_minority(order);
  } else if (word == "third") {
    plan.grudge = minority_third(order);
  } else if (word == "bridge") {
    plan.grudge = bridge(order);
  } else if (word == "ring" || word == "majorities-ring") {
    plan.grudge = majorities_ring(order);
  } else if (word == "one" || word == "isolate" || word == "primaries") {
    const Value who = word == "primaries" ? Value("primaries") : nodes;
    Result<std::vector<size_t>> chosen = choose_nodes(who, target, rng);
    if (!chosen) return chosen.error();
    plan.grudge = isolate(n, *chosen);
  } else if (word == "clients") {
    Result<std::vector<size_t>> chosen = choose_nodes(nodes, target, rng);
    if (!chosen) return chosen.error();
    plan.without_clients = *chosen;
  } else {
    return Error{"unknown partition '" + word + "' (known: " + joined(partition_words()) + ")"};
  }
  return ok_status();
}

Status read_rule(const Value& spec, PartitionPlan& plan) {
  const Value verdict = field(spec, "verdict");
  if (verdict.is_name("reject")) plan.verdict = PacketRule::Verdict::reject;
  if (!verdict.is_nil() && !verdict.is_name("reject") && !verdict.is_name("drop")) {
    return Error{"verdict must be drop or reject, not " + to_edn(verdict)};
  }
  if (const Value port = field(spec, "port"); !port.is_nil()) {
    if (!port.is_integer() || port.integer() < 1 || port.integer() > 65535) {
      return Error{"port must be 1 to 65535, not " + to_edn(port)};
    }
    plan.port = static_cast<uint16_t>(port.integer());
  }
  if (const Value flap = field(spec, "flap-ms"); !flap.is_nil()) {
    constexpr double kLeast = 10, kMost = 3'600'000;
    const double turn_ms = number_of(flap).value_or(-1);
    if (!(turn_ms >= kLeast && turn_ms <= kMost))
      return Error{"flap-ms must be 10 to 3600000, not " + to_edn(flap)};
    plan.flap_ms = std::llround(turn_ms);
  }
  if (const Value percent = field(spec, "percent"); !percent.is_nil()) {
    const double share = number_of(percent).value_or(-1);
    if (!(share >= 0.0001 && share <= 100)) {
      return Error{"percent must be above 0 and at most 100, not " + to_edn(percent)};
    }
    plan.per_million = static_cast<uint32_t>(std::lround(share * 10'000));
  }
  return ok_status();
}

Status read_cuts(const Value& spec, const FaultTarget& target, Rng& rng, PartitionPlan& plan) {
  const Value drops = field(spec, "drops"), from = field(spec, "from"), to = field(spec, "to");
  const Value clients = field(spec, "clients");
  if (!drops.is_nil()) {
    if (Status read = read_drops(drops, target, rng, plan.grudge); !read) return read;
  }
  if (!clients.is_nil()) {
    Result<std::vector<size_t>> chosen = positions(clients, target, rng);
    if (!chosen) return chosen.error();
    plan.without_clients = *chosen;
  }
  if (from.is_nil() != to.is_nil()) return Error{"a one-way partition needs both from and to"};
  if (!from.is_nil()) {
    Result<std::vector<size_t>> senders = positions(from, target, rng);
    if (!senders) return senders.error();
    Result<std::vector<size_t>> receivers = positions(to, target, rng);
    if (!receivers) return receivers.error();
    plan.grudge = one_way(target.nodes.size(), *senders, *receivers);
    plan.name = "one-way";
  }
  if (drops.is_nil() && clients.is_nil() && from.is_nil()) return ok_status();
  if (plan.name.empty()) plan.name = "explicit";
  if (const Value word = field(spec, "partition"); is_text(word)) plan.name = word.text();
  return ok_status();
}

}  // namespace

std::vector<std::string> partition_words() {
  return {"one", "halves", "majority", "third", "bridge", "ring", "primaries", "clients", "random"};
}

Result<PartitionPlan> plan_partition(const Value& spec, const FaultTarget& target, Rng& rng) {
  PartitionPlan plan;
  plan.grudge = Grudge(target.nodes.size());
  if (!spec.is_nil() && !spec.is_map() && !is_text(spec)) {
    return Error{"a partition is a word or a map, not " + to_edn(spec)};
  }
  if (Status read = read_cuts(spec, target, rng, plan); !read) return read.error();
  if (plan.name.empty()) {
    const Value alone = field(spec, "isolate");
    const Value told = is_text(spec) ? spec : alone.is_nil() ? field(spec, "partition") : Value("isolate");
    plan.name = is_text(told) ? std::string(told.text()) : "random";
    if (plan.name == "isolate" && alone.is_nil() && field(spec, "nodes").is_nil()) plan.name = "one";
    if (!told.is_nil() && !is_text(told)) return Error{"partition must be a word, not " + to_edn(told)};
    if (plan.name == "random") {
      static constexpr const char* kAny[] = {"one", "halves", "majority", "bridge", "ring"};
      plan.name = kAny[rng.below(std::size(kAny))];
    }
    const Value nodes = alone.is_nil() ? field(spec, "nodes") : alone;
    if (Status planned = plan_word(plan.name, nodes, target, rng, plan); !planned) return planned.error();
  }
  if (Status read = read_rule(spec, plan); !read) return read.error();
  const Value half = field(spec, "one-way");
  if (!half.is_nil() && half.kind() != Value::Kind::boolean) return Error{"one-way must be true or false"};
  if (!half.is_nil() && half.boolean()) plan.grudge = one_direction(plan.grudge, rng);
  if (plan.grudge.empty() && plan.without_clients.empty()) {
    return Error{"the partition '" + plan.name + "' cuts nothing among " +
                 std::to_string(target.nodes.size()) + " nodes"};
  }
  return plan;
}

Value describe(const PartitionPlan& plan, const std::vector<Node>& nodes) {
  Value::List drops;
  for (size_t to = 0; to < plan.grudge.nodes(); ++to) {
    if (plan.grudge.drops_of(to).empty()) continue;
    drops.emplace_back(nodes[to].name);
    drops.push_back(names_of(plan.grudge.drops_of(to), nodes));
  }
  Value::List map = {"partition", plan.name};
  const auto add = [&](const char* key, Value value) {
    map.emplace_back(key);
    map.push_back(std::move(value));
  };
  add("drops", Value::map(std::move(drops)));
  if (!plan.without_clients.empty()) add("clients", names_of(plan.without_clients, nodes));
  if (plan.verdict == PacketRule::Verdict::reject) add("verdict", "reject");
  if (plan.port != 0) add("port", int64_t{plan.port});
  if (plan.per_million < 1'000'000) add("percent", plan.per_million / 10'000.0);
  if (plan.flap_ms != 0) add("flap-ms", plan.flap_ms);
  return Value::map(std::move(map));
}

std::vector<std::vector<FaultSpec>> faults_of(const PartitionPlan& plan, const FaultTarget& target) {
  std::vector<std::vector<FaultSpec>> faults(target.nodes.size());
  const auto add = [&](std::vector<PacketRule>& rules, const std::string& peer, const std::string& address) {
    rules.push_back({peer, address, PacketRule::Direction::in, plan.verdict, plan.port, plan.per_million});
  };
  for (size_t to = 0; to < target.nodes.size(); ++to) {
    std::vector<PacketRule> rules;
    for (const size_t from : plan.grudge.drops_of(to)) {
      const Node& peer = target.nodes[from];
      for (const std::string& address : peer.addresses) add(rules, peer.name, address);
      if (peer.addresses.empty()) add(rules, peer.name, peer.address);
    }
    if (std::binary_search(plan.without_clients.begin(), plan.without_clients.end(), to)) {
      for (const std::string& address : target.controller_addresses) add(rules, "clients", address);
    }
    if (rules.empty()) continue;
    Json params = to_json(rules);
    if (plan.flap_ms != 0) params["flap_us"] = plan.flap_ms * 1000;
    faults[to].push_back({"packets", std::move(params)});
  }
  return faults;
}

}  // namespace riven
