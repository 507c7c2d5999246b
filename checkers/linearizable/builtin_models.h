// The built-in models as searches see them.
#pragma once

#include <memory>

#include "checkers/linearizable/projection.h"
#include "checkers/linearizable/state_space.h"

namespace riven::linearizable {

struct ModelOptions {
  Model model = Model::cas_register;
  /// Registers, kv: every key's value; multi-register, too; counter: the sum, an integer. Collections, and
  /// kv and multi-register with a map of their keys' values, begin empty: write_out() writes it out.
  Value initial;
  int64_t permits = 1;          ///< semaphore
  int64_t depth = 0;            ///< reentrant mutex: how often the owner may hold it; 0: without limit
  bool smallest_first = false;  ///< priority queue: whether the smallest is taken first
};

/// Definitions: register and mutex as in Knossos (model.clj), except that a read of nil is a read of nil.
/// `projection` is borrowed, outlives the spec and may get more values here; a spec outlives its spaces.
std::unique_ptr<ModelSpec> builtin_model(const ModelOptions& options, Projection& projection);

}  // namespace riven::linearizable
