#include "nemesis/shared/node_choice.h"

#include <algorithm>

#include "harness/core/join.h"
#include "nemesis/shared/fields.h"
#include "nemesis/shared/grudge.h"

namespace riven {
namespace {

std::vector<size_t> first_of(std::vector<size_t> order, size_t count) {
  order.resize(std::min(order.size(), count));
  std::sort(order.begin(), order.end());
  return order;
}

Result<std::vector<size_t>> primaries_of(const FaultTarget& target, Rng& rng) {
  Leadership* const leadership = target.database == nullptr ? nullptr : target.database->leadership();
  if (leadership == nullptr) return Error{"no database to ask for its primaries"};
  std::vector<size_t> found;
  for (const std::string& name : leadership->primaries(target.nodes)) {
    Result<size_t> at = node_named(name, target.nodes);
    if (at) found.push_back(*at);
  }
  if (found.empty()) return first_of(shuffled(target.nodes.size(), rng), 1);
  std::sort(found.begin(), found.end());
  found.erase(std::unique(found.begin(), found.end()), found.end());
  return found;
}

std::vector<size_t> group_of(const NodeObserver& observer, const FaultTarget& target, Rng& rng) {
  const std::vector<size_t> nodes = observer.nodes();
  return nodes.empty() ? first_of(shuffled(target.nodes.size(), rng), 1) : nodes;
}

}  // namespace

Result<Value> nodes_option(const FaultOptions& options, const std::vector<std::string>& others) {
  std::string text = "one,minority,majority";
  bool asked_for = false;
  for (const auto& [key, value] : options.extra) {
    if (key == "nodes") {
      text = value;
      asked_for = true;
    } else if (std::find(others.begin(), others.end(), key) == others.end()) {
      return Error{"this fault has no option '" + key + "'"};
    }
  }
  const FaultTarget shape = FaultTarget::named(options.nodes);
  Value::List choices;
  for (const std::string& choice : split(text, ',')) {
    const std::vector<std::string> names = split(choice, '+');
    Value wanted = names.size() == 1 ? Value(choice) : Value(Value::List(names.begin(), names.end()));
    if (!is_decided_in_the_run(choice, options.groups) && !shape.nodes.empty()) {
      Rng trial(options.seed);
      Result<std::vector<size_t>> chosen = choose_nodes(wanted, shape, trial);
      if (!chosen) return chosen.error();
      const bool too_many = options.max_broken && chosen->size() > *options.max_broken;
      if (too_many && !asked_for && !choices.empty()) continue;
    }
    choices.push_back(std::move(wanted));
  }
  if (choices.empty()) return Error{"the option nodes is empty"};
  return Value(std::move(choices));
}

Value nodes_in(const Value& value) {
  if (!value.is_map()) return value;
  const Value* nodes = value.find("nodes");
  return nodes == nullptr ? Value() : *nodes;
}

Result<FaultPlan> plan_nodes(const Value& value, const FaultTarget& target, Rng& rng) {
  Result<std::vector<size_t>> nodes = choose_nodes(nodes_in(value), target, rng);
  if (!nodes) return nodes.error();
  return FaultPlan{Value::map({"nodes", names_of(*nodes, target.nodes)}), {*nodes, {}}};
}

Value word_of(const Value& choices, Rng& rng) { return choices.list()[rng.below(choices.list().size())]; }

std::vector<std::string> node_choice_words() {
  return {"one", "minority", "majority", "third", "some", "all", "primaries"};
}

bool is_decided_in_the_run(const std::string& word, const NodeGroups& groups) {
  return word == "primaries" || groups.count(word) > 0;
}

bool has_word_of_the_run(const Value& value, const NodeGroups& groups) {
  if (value.is_list() || value.is_map()) {
    const Value::List& parts = value.is_list() ? value.list() : value.flat_map();
    return std::any_of(parts.begin(), parts.end(),
                       [&](const Value& part) { return has_word_of_the_run(part, groups); });
  }
  return is_text(value) && is_decided_in_the_run(std::string(value.text()), groups);
}

Result<size_t> node_named(const std::string& name, const std::vector<Node>& nodes) {
  for (size_t i = 0; i < nodes.size(); ++i) {
    if (nodes[i].name == name) return i;
  }
  return Error{"there is no node '" + name + "'"};
}

Value names_of(const std::vector<size_t>& positions, const std::vector<Node>& nodes) {
  Value::List names;
  for (const size_t at : positions) names.emplace_back(nodes[at].name);
  return names;
}

Result<std::vector<size_t>> choose_nodes(const Value& spec, const FaultTarget& target, Rng& rng) {
  const size_t n = target.nodes.size();
  if (n == 0) return Error{"the cluster has no nodes"};
  if (spec.is_list()) {
    std::vector<size_t> chosen;
    for (const Value& item : spec.list()) {
      if (!is_text(item)) return Error{"a list of nodes must hold names"};
      Result<size_t> at = node_named(std::string(item.text()), target.nodes);
      if (!at) return at.error();
      chosen.push_back(*at);
    }
    std::sort(chosen.begin(), chosen.end());
    chosen.erase(std::unique(chosen.begin(), chosen.end()), chosen.end());
    if (chosen.empty()) return Error{"an empty list of nodes"};
    return chosen;
  }
  if (!spec.is_nil() && !is_text(spec)) {
    return Error{"nodes are chosen by a word, a name or a list of names, not by " + to_edn(spec)};
  }
  const std::string word = spec.is_nil() ? "one" : std::string(spec.text());
  if (word == "primaries") return primaries_of(target, rng);
  if (const auto group = target.groups.find(word); group != target.groups.end())
    return group_of(*group->second, target, rng);
  std::vector<size_t> order = shuffled(n, rng);
  if (word == "one") return first_of(order, 1);
  if (word == "minority") return first_of(order, n == 1 ? 1 : std::max<size_t>(n - majority_of(n), 1));
  if (word == "majority") return first_of(order, majority_of(n));
  if (word == "third") return first_of(order, std::max<size_t>((n + 2) / 3 - 1, 1));
  if (word == "some") return first_of(order, 1 + rng.below(n));
  if (word == "all") return first_of(order, n);
  Result<size_t> named = node_named(word, target.nodes);
  if (!named) {
    std::vector<std::string> known = node_choice_words();
    for (const auto& [group, observer] : target.groups) known.push_back(group);
    return Error{named.error().message + " (nor is it one of: " + joined(known) + ")"};
  }
  return std::vector<size_t>{*named};
}

}  // namespace riven
