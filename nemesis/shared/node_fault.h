// Faults that are one fault of the agents' on each of some nodes.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "harness/api/nemesis.h"
#include "harness/core/json.h"
#include "harness/core/result.h"
#include "harness/core/rng.h"

namespace riven {

/// A number in an operation's value, and in the agent's params.
struct NumberField {
  std::string key;
  std::string param;
  double scale = 1;  ///< param = key * scale, rounded
  double least = 0, most = 0;
};

/// One of several words in an operation's value, and in the agent's params.
struct WordField {
  std::string key;  ///< empty: operations cannot choose, it is always the first
  std::string param;
  std::vector<std::string> words;  ///< the first by default
};

/// What an agent gives for each node: shown as `name` {"n1" number}.
struct NodeCount {
  std::string name;
  std::string field;  ///< of the agent's
};

/// What one node's agent said of the fault when it began and when it ended.
struct NodeEffect {
  Json applied;
  Json proof;
};

/// The beginning is not over before it has come about on each node.
struct Settling {
  std::function<bool(const Json& proof)> is_settled;  ///< asked of the proof so far, every 10 ms
  std::string complaint;                              ///< "processes have not ended"
  Milliseconds deadline{15'000};
  std::string shown = {};  ///< the time it took, in ms; empty: not shown
};

struct NodeFaultShape {
  std::string kind;  ///< the agent's
  std::vector<NumberField> numbers = {};
  std::optional<WordField> word = {};
  /// Fields that operations get where the options do not set them, drawn anew for each.
  std::function<Value::List(Rng&)> at_random = nullptr;
  /// The database may have ended: it is started again when the fault is over.
  bool ends_database = false;
  std::optional<NodeCount> begun = {};
  std::optional<Settling> settling = {};
  /// The end's completion has these sums over the nodes, or this count of each, or else the whole proofs.
  std::vector<std::string> sums = {};
  std::optional<NodeCount> ended = {};
  /// Whether a node's agent has shown that the fault took effect.
  std::function<bool(const NodeEffect& node)> took_effect;
};

/// The factory: `facts` with the rest derived from `shape`. Its beginning (start-NAME where facts.span names
/// no function) takes nodes (node_choice.h) or a map with them at `nodes` and the shape's fields, and
/// completes with {nodes, what was asked for, begun, spread-us}; its end (stop-NAME) completes with
/// {took_effect, nodes} and sums, counts or proof {"n1" {...}}. Errors: a field that is unknown or out of
/// range, from the package or when an operation is planned. An alias gives functions of its name, too.
FaultFactory node_fault(FaultFactory facts, NodeFaultShape shape);

/// Its nemesis alone, for faults that consist of it.
std::unique_ptr<Nemesis> node_nemesis(const PlotSpan& span, NodeFaultShape shape, uint64_t seed,
                                      std::vector<std::string> processes);

}  // namespace riven
