// Values as JSON, at the edges only.
#pragma once

#include <nlohmann/json.hpp>

#include "harness/core/value.h"

namespace riven {

/// Insertion-ordered, so that two runs give the same bytes.
using Json = nlohmann::ordered_json;

/// Keywords become strings; a map's keys become text.
Json to_json(const Value& value);
/// Objects become maps; unsigned integers above INT64_MAX become reals.
Value from_json(const Json& json);

}  // namespace riven
