#include "nemesis/shared/node_fault.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <mutex>
#include <thread>

#include "harness/core/clock.h"
#include "harness/core/join.h"
#include "harness/core/json_fields.h"
#include "nemesis/shared/agent_faults.h"
#include "nemesis/shared/fields.h"
#include "nemesis/shared/node_choice.h"
#include "nemesis/shared/on_nodes.h"
#include "nemesis/shared/turns.h"

namespace riven {
namespace {

bool is_one_of(std::string_view word, const std::vector<std::string>& words) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

Status read_word(const WordField& field, const Value& value, Json& params) {
  if (!is_text(value) || !is_one_of(value.text(), field.words))
    return Error{field.key + " is one of " + joined(field.words) + ", not " + to_edn(value)};
  params[field.param] = std::string(value.text());
  return ok_status();
}

Status read_number(const NumberField& field, const Value& value, Json& params) {
  const std::optional<double> number = number_of(value);
  if (!number) return Error{field.key + " must be a number, not " + to_edn(value)};
  if (!(*number >= field.least && *number <= field.most))
    return Error{field.key + " is out of range: " + to_edn(value)};
  params[field.param] = std::llround(*number * field.scale);
  return ok_status();
}

/// The agent's params that an operation's value asks for.
Result<Json> asked_params(const std::string& fault, const NodeFaultShape& shape, const Value& spec) {
  Json params = Json::object();
  for (size_t i = 0; spec.is_map() && i + 1 < spec.flat_map().size(); i += 2) {
    const Value &key = spec.flat_map()[i], &value = spec.flat_map()[i + 1];
    if (!is_text(key)) return Error{"a field's name is a word, not " + to_edn(key)};
    if (key.is_name("nodes")) continue;
    const auto number = std::find_if(shape.numbers.begin(), shape.numbers.end(),
                                     [&](const NumberField& field) { return key.is_name(field.key); });
    Status read = Error{"the fault " + fault + " has no field " + to_edn(key)};
    if (number != shape.numbers.end()) {
      read = read_number(*number, value, params);
    } else if (shape.word && !shape.word->key.empty() && key.is_name(shape.word->key)) {
      read = read_word(*shape.word, value, params);
    }
    if (!read) return read.error();
  }
  return params;
}

/// `spec` with fields drawn at random where it has none.
Value filled(const NodeFaultShape& shape, const Value& spec, Rng& rng) {
  if (!shape.at_random) return spec;
  const Value given = spec.is_map() ? spec : Value::map({"nodes", spec.is_nil() ? Value("one") : spec});
  Value::List whole = given.flat_map();
  const Value::List drawn = shape.at_random(rng);
  for (size_t i = 0; i + 1 < drawn.size(); i += 2) {
    if (given.find(drawn[i].text()) == nullptr) whole.insert(whole.end(), {drawn[i], drawn[i + 1]});
  }
  return Value::map(std::move(whole));
}

class NodeFault final : public Nemesis {
 public:
  NodeFault(PlotSpan span, NodeFaultShape shape, uint64_t seed, std::vector<std::string> processes)
      : span_(std::move(span)), shape_(std::move(shape)), rng_(seed), processes_(std::move(processes)) {}

  Result<FaultPlan> plan(FaultTarget& target, const Op& op) override {
    const std::lock_guard<std::mutex> lock(mutex_);
    const Value spec = filled(shape_, op.value, rng_);
    if (Result<Json> params = asked_params(span_.name, shape_, spec); !params) return params.error();
    Result<FaultPlan> plan = plan_nodes(spec, target, rng_);
    if (!plan) return plan;
    Value::List exact = plan->value.flat_map();
    append_fields(exact, spec, {"nodes"});
    plan->value = Value::map(std::move(exact));
    return plan;
  }

  Result<Value> invoke(FaultTarget& target, const Op& op) override {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (is_one_of(op.f.text(), span_.starts)) return start(target, op.value);
    if (is_one_of(op.f.text(), span_.stops)) return stop(target);
    return Error{"the fault " + span_.name + " has no operation " + std::string(op.f.text())};
  }

  Status heal(FaultTarget& target) noexcept override {
    const std::lock_guard<std::mutex> lock(mutex_);
    const Result<std::vector<NodeProof>> healed = faults_.heal(target);
    if (Status started = start_database(target); !started) return started;
    if (!healed) return healed.error();
    nodes_.clear();
    return ok_status();
  }

 private:
  Result<Value> start(FaultTarget& target, const Value& asked) {
    if (faults_.in_force() || !down_.empty())
      return Error{"the fault " + span_.name + " is in force already"};
    if (shape_.ends_database && target.database == nullptr)
      return Error{"without its database nobody could start a node again"};
    const Value spec = filled(shape_, asked, rng_);
    Result<Json> params = asked_params(span_.name, shape_, spec);
    if (!params) return params.error();
    Result<std::vector<size_t>> nodes = choose_nodes(nodes_in(spec), target, rng_);
    if (!nodes) return nodes.error();
    const int64_t began_ns = monotonic_now_ns();
    effects_.clear();
    nodes_ = *nodes;
    // Before the agents are asked: when one of them fails, other nodes may be down all the same.
    if (shape_.ends_database) down_ = *nodes;
    Result<std::vector<FaultAck>> acks = faults_.apply(target, faults_on(*nodes, *params, target));
    if (!acks) return acks.error();
    Value::List done = {"nodes", names_of(*nodes, target.nodes)};
    for (const auto& [key, value] : params->items()) done.insert(done.end(), {key, from_json(value)});
    for (const size_t node : *nodes) {
      const FaultAck& ack = (*acks)[node];
      effects_[node].applied = ack.details[ack.ids.front()];
    }
    if (shape_.begun) show_counts(*shape_.begun, &NodeEffect::applied, target, done);
    done.insert(done.end(), {"spread-us", spread_ns(*acks) / 1000});
    if (shape_.settling) {
      if (Status settled = await_settled(target); !settled) return settled.error();
      if (!shape_.settling->shown.empty())
        done.insert(done.end(), {shape_.settling->shown, (monotonic_now_ns() - began_ns) / kNanosPerMilli});
    }
    return Value::map(std::move(done));
  }

  std::vector<std::vector<FaultSpec>> faults_on(const std::vector<size_t>& nodes, Json params,
                                                const FaultTarget& target) const {
    params["processes"] = processes_;
    if (shape_.word && !params.contains(shape_.word->param))
      params[shape_.word->param] = shape_.word->words.front();
    std::vector<std::vector<FaultSpec>> faults(target.nodes.size());
    for (const size_t node : nodes) faults[node].push_back({shape_.kind, params});
    return faults;
  }

  Status await_settled(FaultTarget& target) const {
    const Settling& settling = *shape_.settling;
    const int64_t until_ns = monotonic_now_ns() + settling.deadline.count() * kNanosPerMilli;
    const auto has_settled = [&](const FaultProof& fault) {
      return fault.kind != shape_.kind || settling.is_settled(fault.proof);
    };
    for (const size_t node : nodes_) {
      while (true) {
        Result<std::vector<FaultProof>> proofs = target.agents[node]->observe();
        if (!proofs) return proofs.error();
        if (std::all_of(proofs->begin(), proofs->end(), has_settled)) break;
        if (monotonic_now_ns() > until_ns)
          return Error{target.nodes[node].name + ": after " +
                       std::to_string(settling.deadline.count() / 1000) + " s " + settling.complaint};
        std::this_thread::sleep_for(Milliseconds(10));
      }
    }
    return ok_status();
  }

  Result<Value> stop(FaultTarget& target) {
    Status ended = ok_status();
    if (faults_.in_force()) {
      Result<std::vector<NodeProof>> healed = faults_.end(target);
      if (healed) {
        for (NodeProof& proof : *healed) effects_[proof.node].proof = std::move(proof.fault.proof);
      } else {
        ended = healed.error();
        if (!faults_.in_force()) nodes_.clear();
      }
    } else if (effects_.empty()) {
      nodes_.clear();  // it could not be begun, and may have ended the database on some node all the same
    }
    if (Status started = start_database(target); !started) return started.error();
    if (!ended) return ended.error();
    if (nodes_.empty()) return Value("the fault " + span_.name + " was not in force");
    return Value::map(summary(target));
  }

  /// Forgets the fault.
  Value::List summary(const FaultTarget& target) {
    const bool took_effect = std::all_of(effects_.begin(), effects_.end(),
                                         [&](const auto& node) { return shape_.took_effect(node.second); });
    Value::List done = {"took_effect", took_effect, "nodes", names_of(nodes_, target.nodes)};
    nodes_.clear();
    if (shape_.ended) {
      show_counts(*shape_.ended, &NodeEffect::proof, target, done);
      return done;
    }
    for (const std::string& field : shape_.sums) {
      int64_t sum = 0;
      for (const auto& [node, effect] : effects_) sum += integer_of(effect.proof, field.c_str());
      done.insert(done.end(), {field, sum});
    }
    if (!shape_.sums.empty()) return done;
    Value::List proofs;
    for (const auto& [node, effect] : effects_) {
      proofs.emplace_back(target.nodes[node].name);
      proofs.push_back(from_json(effect.proof));
    }
    done.insert(done.end(), {"proof", Value::map(std::move(proofs))});
    return done;
  }

  void show_counts(const NodeCount& count, Json NodeEffect::*where, const FaultTarget& target,
                   Value::List& into) const {
    Value::List counts;
    for (const auto& [node, effect] : effects_) {
      counts.emplace_back(target.nodes[node].name);
      counts.emplace_back(integer_of(effect.*where, count.field.c_str()));
    }
    into.insert(into.end(), {count.name, Value::map(std::move(counts))});
  }

  Status start_database(FaultTarget& target) { return start_again(target, down_); }

  std::mutex mutex_;
  const PlotSpan span_;
  const NodeFaultShape shape_;
  AgentFaults faults_;
  Rng rng_;
  const std::vector<std::string> processes_;
  std::vector<size_t> nodes_;             // of the fault that began last and is not told of yet
  std::vector<size_t> down_;              // where the database may have to be started again
  std::map<size_t, NodeEffect> effects_;  // by node
};

/// The fields of every operation, from the options.
Result<Value::List> read_options(const std::string& fault, const NodeFaultShape& shape,
                                 const FaultOptions& options, std::vector<std::string>& keys) {
  if (shape.word && !shape.word->key.empty()) keys.push_back(shape.word->key);
  for (const NumberField& field : shape.numbers) keys.push_back(field.key);
  Value::List fields;
  for (const auto& [key, text] : options.extra) {
    if (key != "nodes" && is_one_of(key, keys)) fields.insert(fields.end(), {key, number_or_text(text)});
  }
  if (Result<Json> params = asked_params(fault, shape, Value::map(fields)); !params) return params.error();
  return fields;
}

Result<FaultPackage> make_package(const PlotSpan& span, const NodeFaultShape& shape,
                                  const FaultOptions& options, const Capabilities& capabilities) {
  if (capabilities.processes.empty()) return Error{"this database does not say which processes are its own"};
  if (shape.ends_database && !capabilities.kill)
    return Error{"the fault " + span.name + " needs a database that can be started again"};
  std::vector<std::string> keys;
  Result<Value::List> fields = read_options(span.name, shape, options, keys);
  if (!fields) return fields.error();
  Result<Value> who = nodes_option(options, keys);
  if (!who) return who.error();
  uint64_t salt = 0;
  for (const char c : span.name) salt = mix64(salt + static_cast<unsigned char>(c));
  const auto start = [choice = *who, given = *fields, shape, f = span.starts.front()](Rng& rng) {
    Value::List map = {"nodes", word_of(choice, rng)};
    map.insert(map.end(), given.begin(), given.end());
    return gen::op(f, filled(shape, Value::map(std::move(map)), rng));
  };
  return in_turns(node_nemesis(span, shape, mix64(options.seed + salt), capabilities.processes),
                  options.interval_ns, start, span);
}

}  // namespace

std::unique_ptr<Nemesis> node_nemesis(const PlotSpan& span, NodeFaultShape shape, uint64_t seed,
                                      std::vector<std::string> processes) {
  return std::make_unique<NodeFault>(span, std::move(shape), seed, std::move(processes));
}

FaultFactory node_fault(FaultFactory facts, NodeFaultShape shape) {
  facts.span.name = facts.name;
  if (facts.span.starts.empty()) {
    std::vector<std::string> names = facts.aliases;
    names.insert(names.begin(), facts.name);
    for (const std::string& name : names) {
      facts.span.starts.push_back("start-" + name);
      facts.span.stops.push_back("stop-" + name);
    }
  }
  if (facts.word.empty()) facts.word = "nodes";
  facts.agent_kinds = {shape.kind};
  facts.ends_database = shape.ends_database;
  facts.make = [span = facts.span, shape = std::move(shape)](const FaultOptions& options,
                                                             const Capabilities& capabilities) {
    return make_package(span, shape, options, capabilities);
  };
  return facts;
}

}  // namespace riven
