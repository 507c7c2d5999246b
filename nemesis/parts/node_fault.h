// Faults that are one fault of the agents' on each of some nodes, begun by start-NAME and ended by stop-NAME.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "harness/api/nemesis.h"
#include "harness/core/json.h"
#include "harness/core/result.h"

namespace riven {

/// A number in an operation's value, and in the agent's params.
struct NumberField {
  std::string key;
  std::string param;
  double scale = 1;  ///< param = key * scale, rounded
  double least = 0, most = 0;
};

struct NodeFaultShape {
  std::string name;
  std::string color;
  std::string kind;  ///< the agent's
  std::vector<NumberField> numbers;
  /// The main choice among `words`, the first by default; params get it as `word_param`. May be empty.
  std::string word, word_param;
  std::vector<std::string> words;
  /// What operations get where the options say nothing: drawn anew for each.
  std::function<Value::List(Rng&)> by_chance;
  /// The database may have ended: it is started again when the fault is.
  bool ends_servers = false;
  /// Whether a node's proof shows that the fault took effect.
  std::function<bool(const Json& proof)> took_effect;
};

/// The package. :start-NAME takes a map with `nodes` (node_choice.h) and the shape's fields, and completes
/// with {nodes, spread-us} and what was asked for; :stop-NAME completes with {took_effect, nodes, proof {"n1"
/// {...}}}. Errors: a field that is unknown or out of range, here or when an operation is planned.
Result<FaultPackage> make_node_fault(const NodeFaultShape& shape, const FaultOptions& options,
                                     const Capabilities& capabilities);

}  // namespace riven
