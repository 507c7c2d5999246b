// The linearizability checker: options in, a Checker out.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "checkers/linearizable/builtin_models.h"
#include "checkers/linearizable/engine.h"
#include "checkers/linearizable/projection.h"
#include "harness/api/checker.h"
#include "harness/core/result.h"

namespace riven::linearizable {

enum class Engine : uint8_t {
  automatic,
  zones,
  versions,
  appends,
  queue,
  set,
  stack,
  priority_queue,
  dfs,
  jit,
};

struct Options {
  ModelOptions model;
  ProjectionOptions projection;
  Engine engine = Engine::automatic;
  bool want_order = false;
};

/// Every model's name, the default first.
std::vector<std::string> model_names();
std::vector<std::string> engine_names();
/// For `--help`: each model's operations, the engines and the options.
std::string models_help();

/// Names in any case of letters. Keys: model, engine, per-key (auto|yes|no), failed-cas
/// (auto|observe|ignore), initial (a value, see parse_value), permits, depth, order (max|min), witness
/// (yes|no). Errors: an unknown key or value, or one that the model cannot honour, named with what would be
/// right.
Result<Options> parse_options(const std::map<std::string, std::string>& given);

/// A checker of one model. Its anomaly type is `nonlinearizable`. Invalid: the smallest set of conflicting
/// operations it could find, re-checked by an independent search. Unknown: how long a prefix was proved.
CheckerPtr make_checker(const Options& options);
Result<CheckerPtr> make_checker(const std::map<std::string, std::string>& given);

}  // namespace riven::linearizable
