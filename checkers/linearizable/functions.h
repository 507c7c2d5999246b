// How operations are called in histories.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "checkers/linearizable/operation.h"
#include "harness/core/history.h"

namespace riven::linearizable {

/// `negative`: a decrement.
struct KnownFunction {
  Function f = Function::read;
  bool negative = false;
};

/// What a model knows by that name, or nothing. The user's own models know nothing here.
std::optional<KnownFunction> known_function(Model model, std::string_view name);

/// What the model knows of each of history.functions().
using KnownFunctions = std::vector<std::optional<KnownFunction>>;
KnownFunctions known_functions(const History& history, Model model);

/// Whether the history shows that values are independent [key value] pairs: see project(). Every function is
/// known.
bool shows_keys(const History& history, const KnownFunctions& known);

/// A list of two elements.
inline bool is_pair(const ValueView& v) { return v.is_list() && v.size() == 2; }

/// Whether it is invoked with nil, because its answer says all.
constexpr bool has_no_argument(Function f) {
  return f == Function::read || f == Function::take || f == Function::peek;
}

}  // namespace riven::linearizable
