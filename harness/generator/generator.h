// What to do next: immutable trees of operations, a pure function of seed, time and what has happened.
#pragma once

#include <memory>

#include "harness/core/op.h"

namespace riven {

class Context;
class Generator;
/// Null is the generator that is done.
using GeneratorPtr = std::shared_ptr<const Generator>;

}  // namespace riven
