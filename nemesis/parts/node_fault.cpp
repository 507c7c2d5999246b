#include "nemesis/parts/node_fault.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <mutex>
#include <sstream>

#include "nemesis/parts/agent_faults.h"
#include "nemesis/parts/node_choice.h"
#include "nemesis/parts/on_nodes.h"
#include "nemesis/parts/turns.h"

namespace riven {
namespace {

bool is_word(const Value& value) {
  return value.kind() == Value::Kind::string || value.kind() == Value::Kind::keyword;
}

Status read_field(const NodeFaultShape& shape, const Value& key, const Value& told, Json& params) {
  if (!shape.word.empty() && key.is_name(shape.word)) {
    const bool known = std::any_of(shape.words.begin(), shape.words.end(),
                                   [&](const std::string& word) { return told.is_name(word); });
    if (!known) {
      std::string all;
      for (const std::string& word : shape.words) all += (all.empty() ? "" : ", ") + word;
      return Error{shape.word + " is one of " + all + ", not " + to_edn(told)};
    }
    params[shape.word_param] = std::string(told.text());
    return ok_status();
  }
  for (const NumberField& field : shape.numbers) {
    if (!key.is_name(field.key)) continue;
    const bool real = told.kind() == Value::Kind::real;
    if (!real && !told.is_integer()) return Error{field.key + " must be a number, not " + to_edn(told)};
    const double number = real ? told.real() : static_cast<double>(told.integer());
    if (!(number >= field.least && number <= field.most))
      return Error{field.key + " is out of range: " + to_edn(told)};
    params[field.param] = std::llround(number * field.scale);
    return ok_status();
  }
  return Error{"the fault " + shape.name + " has no field " + to_edn(key)};
}

/// The agent's params but for the processes.
Result<Json> params_of(const NodeFaultShape& shape, const Value& spec) {
  Json params = Json::object();
  if (!shape.words.empty()) params[shape.word_param] = shape.words.front();
  if (!spec.is_map()) return params;
  for (size_t i = 0; i + 1 < spec.flat_map().size(); i += 2) {
    const Value& key = spec.flat_map()[i];
    if (!is_word(key)) return Error{"a field's name is a word, not " + to_edn(key)};
    if (key.is_name("nodes")) continue;
    if (Status read = read_field(shape, key, spec.flat_map()[i + 1], params); !read) return read.error();
  }
  return params;
}

/// `spec` with what was not told drawn by chance.
Value filled(const NodeFaultShape& shape, const Value& spec, Rng& rng) {
  if (!shape.by_chance) return spec;
  const Value told = spec.is_map() ? spec : Value::map({"nodes", spec.is_nil() ? Value("one") : spec});
  Value::List whole = told.flat_map();
  const Value::List drawn = shape.by_chance(rng);
  for (size_t i = 0; i + 1 < drawn.size(); i += 2) {
    if (told.find(drawn[i].text()) == nullptr) whole.insert(whole.end(), {drawn[i], drawn[i + 1]});
  }
  return Value::map(std::move(whole));
}

class NodeFault final : public Nemesis {
 public:
  NodeFault(NodeFaultShape shape, uint64_t seed, std::vector<std::string> processes)
      : shape_(std::move(shape)), rng_(seed), processes_(std::move(processes)) {}

  Result<FaultPlan> plan(FaultTarget& target, const Op& op) override {
    const std::lock_guard<std::mutex> lock(mutex_);
    const Value spec = filled(shape_, op.value, rng_);
    if (Result<Json> params = params_of(shape_, spec); !params) return params.error();
    Result<FaultPlan> plan = plan_nodes(spec, target, rng_);
    if (!plan) return plan;
    Value::List exact = plan->value.flat_map();
    for (size_t i = 0; spec.is_map() && i + 1 < spec.flat_map().size(); i += 2) {
      const Value& key = spec.flat_map()[i];
      if (!key.is_name("nodes")) exact.insert(exact.end(), {key, spec.flat_map()[i + 1]});
    }
    plan->value = Value::map(std::move(exact));
    return plan;
  }

  Result<Value> invoke(FaultTarget& target, const Op& op) override {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (op.f.text() == "start-" + shape_.name) return start(target, op.value);
    if (op.f.text() == "stop-" + shape_.name) return stop(target);
    return Error{"the fault " + shape_.name + " has no operation " + std::string(op.f.text())};
  }

  Status heal(FaultTarget& target) noexcept override {
    const std::lock_guard<std::mutex> lock(mutex_);
    const Result<std::vector<NodeProof>> healed = faults_.heal(target);
    if (Status started = start_struck(target); !started) return started;
    return healed ? ok_status() : Status(healed.error());
  }

 private:
  Result<Value> start(FaultTarget& target, const Value& asked) {
    const Value spec = filled(shape_, asked, rng_);
    if (faults_.in_force()) return Error{"the fault " + shape_.name + " is in force already"};
    Result<Json> params = params_of(shape_, spec);
    if (!params) return params.error();
    Result<std::vector<size_t>> nodes = choose_nodes(nodes_in(spec), target, rng_);
    if (!nodes) return nodes.error();
    (*params)["processes"] = processes_;
    std::vector<std::vector<FaultSpec>> faults(target.nodes.size());
    for (const size_t node : *nodes) faults[node].push_back({shape_.kind, *params});
    struck_ = *nodes;
    Result<std::vector<FaultAck>> acks = faults_.apply(target, faults);
    if (!acks) return acks.error();
    Value::List done = {"nodes", names_of(*nodes, target.nodes)};
    params->erase("processes");
    for (const auto& [key, value] : params->items()) done.insert(done.end(), {key, from_json(value)});
    done.insert(done.end(), {"spread-us", spread_ns(*acks) / 1000});
    return Value::map(std::move(done));
  }

  Result<Value> stop(FaultTarget& target) {
    if (!faults_.in_force()) {
      // One that could not be applied everywhere may have ended servers all the same.
      if (Status started = start_struck(target); !started) return started.error();
      return Value("the fault " + shape_.name + " was not in force");
    }
    Result<std::vector<NodeProof>> healed = faults_.end(target);
    const Value nodes = names_of(struck_, target.nodes);
    if (Status started = start_struck(target); !started) return started.error();
    if (!healed) return healed.error();
    bool took_effect = !healed->empty();
    Value::List proofs;
    for (const NodeProof& proof : *healed) {
      took_effect = took_effect && shape_.took_effect(proof.fault.proof);
      proofs.emplace_back(target.nodes[proof.node].name);
      proofs.push_back(from_json(proof.fault.proof));
    }
    return Value::map({"took_effect", took_effect, "nodes", nodes, "proof", Value::map(std::move(proofs))});
  }

  Status start_struck(FaultTarget& target) {
    if (!shape_.ends_servers || target.database == nullptr) struck_.clear();
    return start_again(target, struck_);
  }

  std::mutex mutex_;
  NodeFaultShape shape_;
  AgentFaults faults_;
  Rng rng_;
  std::vector<std::string> processes_;
  std::vector<size_t> struck_;
};

/// The fields of every operation, from the options.
Result<Value::List> read_options(const NodeFaultShape& shape, const FaultOptions& options,
                                 std::vector<std::string>& keys) {
  if (!shape.word.empty()) keys.push_back(shape.word);
  for (const NumberField& field : shape.numbers) keys.push_back(field.key);
  Value::List fields;
  for (const auto& [key, text] : options.extra) {
    if (key == "nodes" || std::find(keys.begin(), keys.end(), key) == keys.end()) continue;
    double number = 0;
    std::istringstream in(text);
    const bool is_number = (in >> number) && in.eof();
    fields.insert(fields.end(), {key, is_number ? Value(number) : Value(text)});
  }
  if (Result<Json> params = params_of(shape, Value::map(fields)); !params) return params.error();
  return fields;
}

}  // namespace

Result<FaultPackage> make_node_fault(const NodeFaultShape& shape, const FaultOptions& options,
                                     const Capabilities& capabilities) {
  if (capabilities.processes.empty()) return Error{"this database does not say which processes are its own"};
  if (shape.ends_servers && !capabilities.kill)
    return Error{"the fault " + shape.name + " needs a database that can be started again"};
  std::vector<std::string> keys;
  Result<Value::List> fields = read_options(shape, options, keys);
  if (!fields) return fields.error();
  Result<Value> who = nodes_option(options, keys);
  if (!who) return who.error();
  uint64_t salt = 0;
  for (const char c : shape.name) salt = mix64(salt + static_cast<unsigned char>(c));
  const auto start = [choice = *who, told = *fields, shape](Rng& rng) {
    Value::List map = {"nodes", word_of(choice, rng)};
    map.insert(map.end(), told.begin(), told.end());
    return gen::op("start-" + shape.name, filled(shape, Value::map(std::move(map)), rng));
  };
  return in_turns(std::make_unique<NodeFault>(shape, mix64(options.seed + salt), capabilities.processes),
                  options.interval_ns, start,
                  {shape.name, shape.color, {"start-" + shape.name}, {"stop-" + shape.name}});
}

}  // namespace riven
