// What --faults asks for: names, words after a colon, everything, or a profile.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "harness/api/registry.h"
#include "harness/core/fault_windows.h"
#include "harness/core/result.h"

namespace riven {

struct FaultRequest {
  std::string name;
  std::string word;       ///< of NAME:WORD: the fault's main choice (FaultFactory::word); may be empty
  bool optional = false;  ///< left out where the database or a node cannot take it, rather than refused
};

/// A name for several settings at once; each can be set otherwise by its own option.
struct FaultProfile {
  std::string name;
  std::string description;
  bool together = false;  ///< all at once, rather than in turn
  int64_t interval_ns = 0;
  std::string max_broken;  ///< as for --max-broken; empty: no limit
};

/// gentle, nightly, storm. The first two have every fault; one with all faults at once (`together`) has those
/// that say so (FaultFactory::in_storm).
const std::vector<FaultProfile>& fault_profiles();
/// The profile that `faults` names, or null.
const FaultProfile* find_profile(const std::string& faults);

/// "partition,kill:one", "all", a profile's name, "none" or nothing; a fault's alias gives its name. Errors:
/// an unknown name, a fault named twice.
Result<std::vector<FaultRequest>> choose_faults(const std::string& faults, const Registry& registry);

/// How these faults are recognised, drawn and judged in a history; names that are not known are left out.
std::vector<PlotSpan> spans_of(const std::vector<std::string>& faults, const Registry& registry);

/// "minority": as many as leave a majority (of a single node: that one); or a number. Nothing for anything
/// else.
std::optional<size_t> parse_max_broken(const std::string& text, size_t nodes);

}  // namespace riven
