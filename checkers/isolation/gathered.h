// Values of a history that is larger than memory, a bounded number of keys at a time.
#pragma once

#include <cstdint>
#include <vector>

#include "checkers/isolation/parallel.h"
#include "checkers/isolation/transactions.h"

namespace riven::checkers::isolation {

/// The values of some keys' micro-operations, copied out of a history whose values are spilled by one pass
/// over it. Where they are in memory anyway this does nothing. Not thread-safe.
class GatheredValues {
 public:
  /// `most_bytes`: of values at a time, a key's being one piece.
  GatheredValues(const History& history, Transactions& t, uint64_t most_bytes)
      : history_(history), t_(t), most_bytes_(most_bytes) {}

  /// All keys, in order, in groups that fit; a single group where values are in memory.
  std::vector<Range> groups() const;
  /// Lets t.values of these keys' micro-operations point into memory, until give_back() or the end.
  void gather(Range keys);
  /// They point into the history again.
  void give_back();

 private:
  const History& history_;
  Transactions& t_;
  uint64_t most_bytes_;
  std::vector<uint8_t> bytes_;
  struct Moved {
    uint32_t mop;
    const uint8_t* from;
  };
  std::vector<Moved> moved_;
};

}  // namespace riven::checkers::isolation
