// Histories in which one entry stands for several operations, or for what was there before the first.
#pragma once

#include <optional>
#include <vector>

#include "checkers/linearizable/builtin_models.h"

namespace riven::linearizable {

/// A history in which every operation has entries of its own. They keep index, line and time of the entries
/// that they were made of.
struct WrittenOut {
  History history;
  std::vector<uint32_t> origin;  ///< of each entry: the one that it was made of, or kNone
};

/// Writes out, for a model of a queue, stack or bag, what a drain took: as many takes as it returned
/// elements, each by a process of its own at some moment between the drain's invocation and its completion. A
/// crashed drain took any number, at most what was inserted and surely not taken; a failed one did not
/// happen. Writes out the initial content (ModelOptions::initial) where models have no other way to begin
/// with it: elements of collections and sets, and maps for kv and multi-register, by the process
/// kInitialProcess before everything else; with independent keys the elements are every key's. A textual key
/// of a map means the key of the history of the same text, be that a keyword or a string. Nothing: there is
/// nothing to write out. Errors: a drain that answers no list.
Result<std::optional<WrittenOut>> write_out(const History& history, const ModelOptions& model,
                                            ProjectionOptions::PerKey per_key);

/// Whether write_out() writes out this model's initial content.
bool writes_out_initial(const ModelOptions& model);

}  // namespace riven::linearizable
