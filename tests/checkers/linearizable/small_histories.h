// Random small histories of every model and the brute force that judges them: nothing here is shared with the
// engines but the Operation itself.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "checkers/linearizable/builtin_models.h"
#include "checkers/linearizable/checker.h"
#include "harness/core/rng.h"
#include "tests/sanitized.h"

namespace riven::linearizable::testing {

struct SmallShape {
  Model model = Model::cas_register;
  int operations = 6;
  bool distinct = false;  ///< every written or inserted value is fresh
  double crashed = 0.2;
  bool failed_cas = true;
  bool only_cas = false;  ///< registers: no plain writes
  bool empties = true;    ///< collections: takes may find nothing
  bool peeks = false;
  bool crashed_takes = true;
  bool whole_reads = false;  ///< sets: reads of all elements
  bool texts = false;        ///< kv: values are texts, with appends
  int initial = -1;          ///< registers: index of the initial value; -1: nil
};

struct SmallHistory {
  Projection projection;  ///< with one part
  ModelOptions model;
  bool texts = false;  ///< kv: values are texts
  const std::vector<Operation>& operations() const { return projection.parts[0].operations; }
};

/// A history that was linearizable until, half of the time, something in it was changed.
SmallHistory random_history(const SmallShape& shape, Rng& rng);

/// By the definition: tries every order. Exponential; for a dozen operations at most.
bool is_linearizable(const SmallHistory& history);
/// The same for another list of operations of the history's model.
bool is_linearizable(const SmallHistory& history, const std::vector<Operation>& operations);
/// Whether `order` (indices) is a linearization of the operations.
bool is_linearization(const SmallHistory& history, const std::vector<uint32_t>& order);

std::string to_text(const SmallHistory& history);

/// How many random histories a test tries: `few`, N hundred times as many with RIVEN_NIGHTLY=N, a
/// tenth with AddressSanitizer.
uint64_t rounds(uint64_t few);
/// RIVEN_CHUNK=K: other random histories than those of any other K. Millions are proved in chunks.
uint64_t chunk();

}  // namespace riven::linearizable::testing
