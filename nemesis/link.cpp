// Bad links: packets between some nodes are late, lost, doubled, overtaken, damaged or squeezed.
//
// :start-link with a map value (all parts optional but one that changes something):
//   nodes            whose links to all others are bad, both ways (shared/node_choice.h; default: one), or
//   from, to         one way: what these nodes send to those
//   delay-ms, jitter-ms, distribution (normal, uniform, pareto)
//   loss, duplicate, corrupt, reorder     in percent
//   loss-correlation in percent: how much likelier a loss is right after another
//   rate-kbit        a second, for each receiving node
//   by               auto, netem, emulator (nemesis/agent/network/link_fault.h)
// Without any of delay-ms to rate-kbit: delay-ms 50, jitter-ms 10.
// :stop-link completes with {took_effect, by, packets, lost, duplicated, corrupted, delayed, mean-late-us}:
// what was really done, summed over the nodes; the last only of emulators.
#include <algorithm>
#include <array>
#include <cmath>
#include <set>

#include "harness/agent_protocol/packet_rule.h"
#include "harness/api/registry.h"
#include "harness/core/json_fields.h"
#include "harness/generator/combinators.h"
#include "nemesis/shared/agent_faults.h"
#include "nemesis/shared/fields.h"
#include "nemesis/shared/grudge.h"
#include "nemesis/shared/node_choice.h"
#include "nemesis/shared/turns.h"

namespace riven {
namespace {

constexpr const char* kName = "link";
constexpr const char* kColor = "#3d7ec7";

struct Field {
  const char* key;    // in the operation's value
  const char* param;  // in the agent's params
  double scale;
};
constexpr std::array<Field, 8> kFields = {{{"delay-ms", "delay_us", 1000},
                                           {"jitter-ms", "jitter_us", 1000},
                                           {"loss", "loss_per_million", 10'000},
                                           {"loss-correlation", "loss_correlation_per_million", 10'000},
                                           {"duplicate", "duplicate_per_million", 10'000},
                                           {"corrupt", "corrupt_per_million", 10'000},
                                           {"reorder", "reorder_per_million", 10'000},
                                           {"rate-kbit", "rate_bps", 1000}}};
constexpr std::array<const char*, 2> kWords = {"distribution", "by"};

/// The agent's params; what they mean together is the agent's to check.
Result<Json> link_params(const Value& spec) {
  Json params = Json::object();
  for (const Field& each : kFields) {
    const Value told = field(spec, each.key);
    if (told.is_nil()) continue;
    const std::optional<double> number = number_of(told);
    if (!number) return Error{std::string(each.key) + " must be a number"};
    if (!(*number >= 0 && *number <= 1e9)) return Error{std::string(each.key) + " is out of range"};
    params[each.param] = std::llround(*number * each.scale);
  }
  if (params.empty()) params = {{"delay_us", 50'000}, {"jitter_us", 10'000}};
  for (const char* const key : kWords) {
    const Value told = field(spec, key);
    if (told.is_nil()) continue;
    if (!is_text(told)) return Error{std::string(key) + " must be a word"};
    params[key] = std::string(told.text());
  }
  return params;
}

/// `spec` with names in place of the words for nodes.
Result<Value> named(const Value& spec, const FaultTarget& target, Rng& rng) {
  if (!spec.is_nil() && !spec.is_map()) return Error{"a link fault is a map, not " + to_edn(spec)};
  const bool directed = !field(spec, "from").is_nil();
  if (directed == field(spec, "to").is_nil()) return Error{"a one-way link needs both from and to"};
  Value::List exact;
  for (const char* key : {"nodes", "from", "to"}) {
    if ((std::string_view(key) == "nodes") == directed) continue;
    Result<std::vector<size_t>> chosen = choose_nodes(field(spec, key), target, rng);
    if (!chosen) return chosen.error();
    exact.emplace_back(key);
    exact.push_back(names_of(*chosen, target.nodes));
  }
  append_fields(exact, spec, {"nodes", "from", "to"});
  return Value::map(std::move(exact));
}

/// Who receives badly from whom.
Result<Grudge> bad_links(const Value& spec, const FaultTarget& target, Rng& rng) {
  const size_t n = target.nodes.size();
  const Value from = field(spec, "from"), to = field(spec, "to");
  if (from.is_nil() != to.is_nil()) return Error{"a one-way link needs both from and to"};
  Grudge links(n);
  if (from.is_nil()) {
    Result<std::vector<size_t>> chosen = choose_nodes(field(spec, "nodes"), target, rng);
    if (!chosen) return chosen.error();
    links = isolate(n, *chosen);
  } else {
    Result<std::vector<size_t>> senders = choose_nodes(from, target, rng);
    if (!senders) return senders.error();
    Result<std::vector<size_t>> receivers = choose_nodes(to, target, rng);
    if (!receivers) return receivers.error();
    links = one_way(n, *senders, *receivers);
  }
  if (links.empty()) return Error{"there is no link between these nodes"};
  return links;
}

class LinkNemesis final : public Nemesis {
 public:
  explicit LinkNemesis(uint64_t seed) : rng_(seed) {}

  Result<FaultPlan> plan(FaultTarget& target, const Op& op) override {
    if (Result<Json> params = link_params(op.value); !params) return params.error();
    Result<Value> exact = named(op.value, target, rng_);
    if (!exact) return exact.error();
    Result<Grudge> links = bad_links(*exact, target, rng_);
    if (!links) return links.error();
    FaultPlan plan{*exact, {}};
    for (size_t to = 0; to < links->nodes(); ++to) {
      for (const size_t from : links->drops_of(to)) plan.impact.unheard.emplace_back(from, to);
    }
    return plan;
  }

  Result<Value> invoke(FaultTarget& target, const Op& op) override {
    if (op.f.text() == "start-link") return start(target, op.value);
    if (op.f.text() == "stop-link") return stop(target);
    return Error{"links have no operation " + std::string(op.f.text())};
  }

  Status heal(FaultTarget& target) noexcept override {
    Result<std::vector<NodeProof>> healed = faults_.heal(target);
    return healed ? ok_status() : Status(healed.error());
  }

 private:
  Result<Value> start(FaultTarget& target, const Value& spec) {
    if (faults_.in_force()) return Error{"links are bad already"};
    if (!spec.is_nil() && !spec.is_map()) return Error{"a link fault is a map, not " + to_edn(spec)};
    Result<Json> params = link_params(spec);
    if (!params) return params.error();
    Result<Grudge> links = bad_links(spec, target, rng_);
    if (!links) return links.error();
    std::vector<std::vector<FaultSpec>> faults(target.nodes.size());
    Value::List shown;
    for (size_t to = 0; to < target.nodes.size(); ++to) {
      if (links->drops_of(to).empty()) continue;
      std::vector<PacketRule> rules;
      for (const size_t from : links->drops_of(to)) {
        const Node& peer = target.nodes[from];
        std::vector<std::string> addresses = peer.addresses;
        if (addresses.empty()) addresses.push_back(peer.address);
        for (const std::string& address : addresses) {
          PacketRule rule;
          rule.peer = peer.name;
          rule.address = address;
          rules.push_back(rule);
        }
      }
      Json with_rules = *params;
      with_rules["rules"] = to_json(rules)["rules"];
      faults[to].push_back({"link", std::move(with_rules)});
      shown.emplace_back(target.nodes[to].name);
      shown.push_back(names_of(links->drops_of(to), target.nodes));
    }
    Result<std::vector<FaultAck>> acks = faults_.apply(target, faults);
    if (!acks) return acks.error();
    return Value::map({"from", Value::map(std::move(shown)), "link", from_json(*params), "spread-us",
                       spread_ns(*acks) / 1000});
  }

  Result<Value> stop(FaultTarget& target) {
    if (!faults_.in_force()) return Value("no link was bad");
    Result<std::vector<NodeProof>> healed = faults_.end(target);
    if (!healed) return healed.error();
    Value::List sums;
    int64_t touched = 0, latest_us = 0;
    for (const char* key : {"packets", "lost", "duplicated", "corrupted", "delayed"}) {
      int64_t sum = 0;
      for (const NodeProof& proof : *healed) sum += integer_of(proof.fault.proof, key);
      if (std::string_view(key) != "packets") touched += sum;
      sums.emplace_back(key);
      sums.emplace_back(sum);
    }
    std::set<std::string> means;
    for (const NodeProof& proof : *healed) {
      latest_us = std::max(latest_us, integer_of(proof.fault.proof, "mean_late_us"));
      if (proof.fault.proof.contains("by")) means.insert(text_of(proof.fault.proof, "by"));
    }
    Value::List done = {"took_effect", touched > 0, "by", Value(Value::List(means.begin(), means.end()))};
    done.insert(done.end(), sums.begin(), sums.end());
    if (means.count("emulator") > 0) {
      done.emplace_back("mean-late-us");
      done.emplace_back(latest_us);
    }
    return Value::map(std::move(done));
  }

  AgentFaults faults_;
  Rng rng_;
};

/// The value of every :start-link, from the options; `nodes` apart, which each operation chooses anew.
Result<Value::List> read_options(const FaultOptions& options, std::vector<std::string>& keys) {
  Value::List fields;
  for (const Field& each : kFields) keys.emplace_back(each.key);
  keys.insert(keys.end(), kWords.begin(), kWords.end());
  for (const auto& [key, text] : options.extra) {
    if (key == "nodes" || std::find(keys.begin(), keys.end(), key) == keys.end()) continue;
    fields.emplace_back(key);
    if (key == "by" && text != "auto" && text != "netem" && text != "emulator") {
      return Error{"by must be auto, netem or emulator, not " + text};
    }
    if (key == "by") {
      fields.emplace_back(text);
      continue;
    }
    if (key == "distribution") {
      if (text != "normal" && text != "uniform" && text != "pareto") {
        return Error{"distribution must be normal, uniform or pareto, not " + text};
      }
      fields.emplace_back(text);
      continue;
    }
    const std::optional<double> number = parse_number(text);
    if (!number) return Error{"link: " + key + " must be a number, not " + text};
    fields.emplace_back(*number);
  }
  Result<Json> params = link_params(Value::map(fields));
  if (!params) return params.error();
  return fields;
}

Result<FaultPackage> make(const FaultOptions& options, const Capabilities&) {
  std::vector<std::string> keys;
  Result<Value::List> fields = read_options(options, keys);
  if (!fields) return fields.error();
  Result<Value> who = nodes_option(options, keys);
  if (!who) return who.error();
  const auto start = [choice = *who, told = *fields](Rng& rng) {
    Value::List map = {"nodes", word_of(choice, rng)};
    map.insert(map.end(), told.begin(), told.end());
    return gen::op("start-link", Value::map(std::move(map)));
  };
  return in_turns(std::make_unique<LinkNemesis>(mix64(options.seed + 3)), options.interval_ns, start,
                  fault_span(kName, kColor));
}

}  // namespace

void add_link(Registry& registry) {
  registry.add(FaultFactory{
      .name = kName,
      .description = "slow, lossy, doubling, reordering, damaging or narrow links (default: 50 +- 10 ms)",
      .word = "nodes",
      .span = fault_span(kName, kColor),
      .agent_kinds = {"link"},
      .in_storm = true,
      .command = {.examples = {"riven fault link nodes=n1 delay-ms=80 jitter-ms=10"}},
      .make = make});
}

}  // namespace riven
