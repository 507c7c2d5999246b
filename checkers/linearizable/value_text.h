// Values in the text of an option: EDN or JSON.
#pragma once

#include <string_view>

#include "harness/core/result.h"
#include "harness/core/value.h"

namespace riven::linearizable {

/// nil, true, 12, 1.5, "text", :word, [1 2], (1 2), #{1 2} (both are lists), {:a 1}, {"a": 1}, null; anything
/// that is one word, or several, and begins like none of these is text. Errors: a list or map or text that
/// does not end, something behind the value, nesting beyond 60.
Result<Value> parse_value(std::string_view text);

}  // namespace riven::linearizable
