// Partitions: nodes that do not hear each other, or the clients.
//
// :start-partition with a value as in shared/partition_plan.h; completes with the exact plan and how long it
// took from the first node's first rule to the last node's last. :stop-partition completes with
// {took_effect, dropped {"n1->n2" packets}}: what the rules really dropped.
#include "harness/api/registry.h"
#include "harness/core/json_fields.h"
#include "harness/generator/combinators.h"
#include "nemesis/shared/agent_faults.h"
#include "nemesis/shared/fields.h"
#include "nemesis/shared/partition_plan.h"
#include "nemesis/shared/turns.h"

namespace riven {
namespace {

constexpr const char* kName = "partition";
constexpr const char* kColor = "#d1495b";

Value proof_value(const std::vector<NodeProof>& proofs, const std::vector<Node>& nodes) {
  Value::List dropped;
  int64_t total = 0;
  for (const NodeProof& proof : proofs) {
    if (!proof.fault.proof.contains("dropped")) continue;
    for (const auto& [peer, counts] : proof.fault.proof["dropped"].items()) {
      const int64_t packets = integer_of(counts, "packets");
      total += packets;
      dropped.emplace_back(peer + "->" + nodes[proof.node].name);
      dropped.emplace_back(packets);
    }
  }
  return Value::map({"took_effect", total > 0, "dropped", Value::map(std::move(dropped))});
}

Impact impact_of(const PartitionPlan& plan) {
  Impact impact{plan.without_clients, {}};
  for (size_t to = 0; to < plan.grudge.nodes(); ++to) {
    for (const size_t from : plan.grudge.drops_of(to)) impact.unheard.emplace_back(from, to);
  }
  return impact;
}

class PartitionNemesis final : public Nemesis {
 public:
  explicit PartitionNemesis(uint64_t seed) : rng_(seed) {}

  Result<FaultPlan> plan(FaultTarget& target, const Op& op) override {
    Result<PartitionPlan> plan = plan_partition(op.value, target, rng_);
    if (!plan) return plan.error();
    return FaultPlan{describe(*plan, target.nodes), impact_of(*plan)};
  }

  Result<Value> invoke(FaultTarget& target, const Op& op) override {
    if (op.f.text() == "start-partition") return start(target, op.value);
    if (op.f.text() == "stop-partition") return stop(target);
    return Error{"partitions have no operation " + std::string(op.f.text())};
  }

  Status heal(FaultTarget& target) noexcept override {
    Result<std::vector<NodeProof>> healed = faults_.heal(target);
    return healed ? ok_status() : Status(healed.error());
  }

 private:
  Result<Value> start(FaultTarget& target, const Value& spec) {
    if (faults_.in_force()) return Error{"a partition is in force already"};
    Result<PartitionPlan> plan = plan_partition(spec, target, rng_);
    if (!plan) return plan.error();
    Result<std::vector<FaultAck>> acks = faults_.apply(target, faults_of(*plan, target));
    if (!acks) return acks.error();
    Value::List done = describe(*plan, target.nodes).flat_map();
    done.emplace_back("spread-us");
    done.emplace_back(spread_ns(*acks) / 1000);
    return Value::map(std::move(done));
  }

  Result<Value> stop(FaultTarget& target) {
    if (!faults_.in_force()) return Value("no partition was in force");
    Result<std::vector<NodeProof>> healed = faults_.end(target);
    if (!healed) return healed.error();
    return proof_value(*healed, target.nodes);
  }

  AgentFaults faults_;
  Rng rng_;
};

/// Options of one kind of start, from --fault-opt: all but `partition` go into every operation's value.
struct StartOptions {
  std::vector<std::string> words;
  bool asked_for = false;  // the words are the user's own
  Value::List fields;
  bool decide_later = false;
};

Result<StartOptions> read_options(const FaultOptions& options, const Capabilities& capabilities) {
  StartOptions read;
  for (const auto& [key, text] : options.extra) {
    if (key == "partition") {
      read.words = split(text, ',');
    } else if (key == "verdict") {
      read.fields.insert(read.fields.end(), {key, text});
    } else if (key == "one-way") {
      read.fields.insert(read.fields.end(), {key, text == "true"});
    } else if (key == "port" || key == "percent" || key == "flap-ms") {
      const std::optional<double> number = parse_number(text);
      if (!number) return Error{"partition: " + key + " must be a number, not " + text};
      const bool whole = key == "port";
      read.fields.insert(read.fields.end(),
                         {key, whole ? Value(static_cast<int64_t>(*number)) : Value(*number)});
    } else {
      return Error{"partitions have no option '" + key +
                   "' (known: partition, verdict, one-way, port, percent, flap-ms)"};
    }
  }
  read.asked_for = !read.words.empty();
  if (!read.asked_for) {
    read.words = {"one", "halves", "majority", "bridge", "ring"};
    if (capabilities.primaries) read.words.emplace_back("primaries");
  }
  return read;
}

/// Plans as much as can be known before the run, so that the history's operations say exactly what happens.
/// Where only so many nodes may be broken, which ones is decided when it is known which are already.
gen::Draft start_draft(const StartOptions& options, const FaultTarget& shape, Rng& rng) {
  const std::string& word = options.words[rng.below(options.words.size())];
  Value::List map = {"partition", word};
  map.insert(map.end(), options.fields.begin(), options.fields.end());
  Value spec = Value::map(std::move(map));
  if (word != "primaries" && !options.decide_later) {
    if (Result<PartitionPlan> plan = plan_partition(spec, shape, rng)) spec = describe(*plan, shape.nodes);
  }
  return gen::op("start-partition", spec);
}

/// Drops the default words that make no sense for a cluster of this size; a word that was asked for is
/// refused now, not in the middle of the run.
Status keep_possible(StartOptions& options, const FaultTarget& shape, const Capabilities& capabilities,
                     uint64_t seed, std::optional<size_t> max_broken) {
  if (shape.nodes.empty()) return ok_status();
  Error last{"partitions need nodes"};
  std::vector<std::string> possible;
  for (const std::string& word : options.words) {
    Rng trial(seed);
    Value::List map = {"partition", word};
    map.insert(map.end(), options.fields.begin(), options.fields.end());
    Result<PartitionPlan> plan = plan_partition(Value::map(std::move(map)), shape, trial);
    if (plan && !options.asked_for && max_broken &&
        !breaks_at_most(shape.nodes.size(), {impact_of(*plan)}, *max_broken)) {
      last = Error{"every partition breaks more than " + std::to_string(*max_broken) + " nodes"};
      continue;
    }
    if (plan || (word == "primaries" && capabilities.primaries && shape.nodes.size() > 1)) {
      possible.push_back(word);
    } else {
      last = plan.error();
      if (options.asked_for) return last;
    }
  }
  if (possible.empty()) return last;
  options.words = std::move(possible);
  return ok_status();
}

Result<FaultPackage> make(const FaultOptions& options, const Capabilities& capabilities) {
  Result<StartOptions> read = read_options(options, capabilities);
  if (!read) return read.error();
  const FaultTarget shape = FaultTarget::named(options.nodes);
  if (Status fits = keep_possible(*read, shape, capabilities, options.seed, options.max_broken); !fits)
    return fits.error();
  read->decide_later = options.max_broken.has_value();
  const auto start = [told = *read, shape](Rng& rng) { return start_draft(told, shape, rng); };
  return in_turns(std::make_unique<PartitionNemesis>(mix64(options.seed)), options.interval_ns, start,
                  fault_span(kName, kColor));
}

FaultCommandLine command_line() {
  return {.description = "cut nodes off from each other; their SSH stays",
          .words =
              "words as in a schedule's line: primaries, clients, third, percent=20, verdict=reject, "
              "port=2380, one-way=true, ...",
          .choices = {{{"--majority", "a random minority is cut off from the majority", "majority"}},
                      {{"--halves", "two random halves", "halves"}},
                      {{"--bridge", "two halves that only one node connects", "bridge"}},
                      {{"--ring", "each node sees a majority, no two the same", "ring"}},
                      {{"--isolate", "these nodes, each from all others (n1 or n1,n3)", "isolate="}},
                      {{"--from", "one way: packets from these nodes ...", "from="},
                       {"--to", "... to these are lost", "to="}}},
          .demand = "say which partition",
          .event = "partitioned",
          .examples = {"riven fault partition --majority --for 10s", "riven fault partition --isolate n1",
                       "riven fault partition --from n1 --to n2,n3 --for 30s     one way",
                       "riven fault partition --ring --cluster mine",
                       "riven fault partition halves percent=20                  one packet in five is lost",
                       "riven fault partition --isolate n1 verdict=reject        refused with a reset"}};
}

}  // namespace

void add_partition(Registry& registry) {
  registry.add(FaultFactory{
      .name = kName,
      .description =
          "nodes that do not hear each other (halves, majority, one, bridge, ring, primaries, clients)",
      .word = "partition",
      .span = fault_span(kName, kColor),
      .agent_kinds = {"packets"},
      .in_storm = true,
      .command = command_line(),
      .make = make});
}

}  // namespace riven
