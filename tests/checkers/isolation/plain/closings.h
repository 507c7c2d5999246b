// Which orders of two versions a rule does not allow.
#pragma once

#include <functional>

#include "tests/checkers/isolation/plain/models.h"

namespace riven::checkers::isolation::plain {

/// With what is known so far, whether one more dependency closes a cycle that the rule forbids. Sound; what
/// it does not see shows once more is known.
struct Closing {
  /// That a's write of the key comes before b's.
  std::function<bool(size_t key, size_t a, size_t b)> ww;
  /// That b overwrote what the read saw.
  std::function<bool(const Access& read, size_t b)> rw;
};
Closing closing(Rule rule, const Dependencies& d, const Relation& order);

}  // namespace riven::checkers::isolation::plain
