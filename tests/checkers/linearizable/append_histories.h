// Random histories of one key of a map of texts, small ones with the brute force that judges them and large
// ones. Nothing here is shared with the engines but the Operation.
#pragma once

#include <string>
#include <vector>

#include "checkers/linearizable/builtin_models.h"
#include "checkers/linearizable/projection.h"
#include "harness/core/history.h"
#include "harness/core/rng.h"

namespace riven::linearizable::testing {

struct AppendShape {
  int operations = 7;
  double crashed = 0.2;
  double puts = 0.2;
  double reads = 0.45;
  /// What is put and appended. Empty: texts that are all different, none a prefix of another.
  std::vector<std::string> puttable;
  std::vector<std::string> appendable;
  std::string initial;
  bool lists = false;  ///< lists of the texts' letters instead
};

struct AppendHistory {
  Projection projection;  ///< with one part
  ModelOptions model;
  const std::vector<Operation>& operations() const { return projection.parts[0].operations; }
};

/// Linearizable until, half of the time, something in it was changed. There is an append in it.
AppendHistory random_appends(const AppendShape& shape, Rng& rng);

/// By the definition: tries every order (Wing and Gong). For a dozen operations at most.
bool is_linearizable(const AppendHistory& history, const std::vector<Operation>& operations);
/// Whether `order` (indices) is a linearization of the operations.
bool is_linearization(const AppendHistory& history, const std::vector<uint32_t>& order);

std::string to_text(const AppendHistory& history);

}  // namespace riven::linearizable::testing
