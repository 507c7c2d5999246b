// What every engine takes and gives.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <vector>

#include "checkers/linearizable/memory_meter.h"
#include "checkers/linearizable/operation.h"
#include "harness/api/checker.h"

namespace riven::linearizable {

/// A second search that has its turns in the thread of a first one, whenever that looks at its watch.
class Rival {
 public:
  virtual ~Rival() = default;
  /// Works for a while if it is its turn. True: it has an answer, the first search may stop.
  virtual bool decided() = 0;
};

/// When to stop. Shared by the engines of one race; `cancelled` ends all of them.
struct Watch {
  int64_t deadline_ns = INT64_MAX;
  MemoryMeter* memory = nullptr;
  const std::atomic<bool>* cancelled = nullptr;
  Rival* rival = nullptr;
  /// Giving memory back takes time too: that is kept in hand.
  bool time_is_up() const {
    return (cancelled != nullptr && cancelled->load(std::memory_order_relaxed)) ||
           monotonic_now_ns() >= deadline_ns - memory->giving_back_ns();
  }
  bool expired() const { return (rival != nullptr && rival->decided()) || time_is_up(); }
};

/// An engine's answer about one part.
struct Answer {
  Verdict verdict = Verdict::unknown;
  const char* engine = "";
  /// invalid: the event (history entry) at which it was certain, if `exact_event`; else an upper bound.
  /// unknown: everything before this event was proved linearizable. valid: kPending.
  uint32_t event = 0;
  bool exact_event = false;
  /// Indices of the part's operations that conflict, where the engine knows them; not yet minimal.
  std::vector<uint32_t> core;
  /// A linearization, if it was asked for: indices of the part's operations, crashed ones where they took
  /// effect.
  std::vector<uint32_t> order;
  /// States possible just before `event`, at most 16, described.
  std::vector<std::string> states;
  std::string why;       ///< unknown: what ran out
  bool refused = false;  ///< unknown: the engine does not serve this part at all, `why` says what it needs
  uint64_t configurations = 0;
};

}  // namespace riven::linearizable
