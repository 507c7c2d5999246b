// Which nodes a fault affects.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "harness/api/nemesis.h"
#include "harness/core/result.h"
#include "harness/core/rng.h"

namespace riven {

/// The words that choose_nodes always knows, for help and error texts.
std::vector<std::string> node_choice_words();

/// Positions of the nodes that `spec` names, sorted:
///   nil or "one": one at random; "minority": as many as leave a majority of the cluster untouched;
///   "majority": the smallest majority at random; "third": fewer than a third, at least one; "some": a random
///   non-empty subset; "all"; "primaries": those that the database says lead now, and while none does, as in
///   an election, one at random; a word of target.groups: those nodes, and while there is none, one at
///   random; a node's name; or a list of names.
/// Errors: an unknown word or name.
Result<std::vector<size_t>> choose_nodes(const Value& spec, const FaultTarget& target, Rng& rng);

/// Whether the choice can only be made while clients run: it asks the database, or the run's workload.
bool is_decided_in_the_run(const std::string& word, const NodeGroups& groups);
/// Whether `value` has such a word anywhere in it.
bool has_word_of_the_run(const Value& value, const NodeGroups& groups);

/// The nodes that an operation's value names: `nodes` in a map, else the value itself.
Value nodes_in(const Value& value);
/// choose_nodes of these, as a plan that says {nodes [names]} and breaks them.
Result<FaultPlan> plan_nodes(const Value& value, const FaultTarget& target, Rng& rng);

/// The option `nodes` of a fault package: words of choose_nodes or names, with '+' between the names of one
/// choice and ',' between choices ("one,minority,n1+n3"); as a list of choices. Default: one, minority,
/// majority, as far as options.max_broken allows. Errors: a choice that makes no sense for options.nodes, an
/// option that is neither `nodes` nor in `others`.
Result<Value> nodes_option(const FaultOptions& options, const std::vector<std::string>& others);
/// One of these choices at random.
Value word_of(const Value& choices, Rng& rng);

/// Position of the node of that name.
Result<size_t> node_named(const std::string& name, const std::vector<Node>& nodes);

/// Names of the nodes at these positions.
Value names_of(const std::vector<size_t>& positions, const std::vector<Node>& nodes);

}  // namespace riven
