// Packages of faults that begin and end in turns.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>

#include "harness/api/nemesis.h"
#include "harness/generator/combinators.h"

namespace riven {

/// An operation that begins a fault, drawn anew for each; nullopt: there will be none any more.
using DrawStart = std::function<std::optional<gen::Draft>(Rng&)>;

/// A package that draws a fault, ends it with the first of `span.stops`, and so on, at irregular times
/// (jittered.h) of `interval_ns` on average; at last it ends what may be in force. Takes the nemesis.
FaultPackage in_turns(std::unique_ptr<Nemesis> nemesis, int64_t interval_ns, DrawStart start, PlotSpan span);

/// Draws `f` with a choice of nodes as its value (word_of, node_choice.h).
DrawStart at_nodes(const char* f, const Value& choice);

}  // namespace riven
