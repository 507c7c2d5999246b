// Made-up values.
#pragma once

#include <iterator>

#include "harness/core/rng.h"
#include "harness/core/value.h"

namespace riven::test {

/// Any value, nested at most `depth` deep.
inline Value random_value(Rng& rng, int depth) {
  static const char* const kTexts[] = {
      "", "a", "append", "r", "two words", "\"quoted\\\"", "line\nbreak", "κλειδί"};
  switch (rng.below(depth > 0 ? 12 : 7)) {
    case 0:
      return {};
    case 1:
      return Value(rng.chance(0.5));
    case 2:
      return Value(rng.between(0, 300));
    case 3:
      return Value(static_cast<int64_t>(rng.next()));
    case 4:
      return Value(static_cast<double>(rng.between(-1000, 1000)) / 8);
    case 5:
      return Value(kTexts[rng.below(std::size(kTexts))]);
    case 6:
      return Value::keyword(kTexts[rng.below(std::size(kTexts))]);
    case 7: {  // a list of integers alone, short or long
      Value::List items(rng.below(rng.chance(0.1) ? 200 : 5));
      for (Value& item : items) item = Value(rng.between(-100000, 100000));
      return Value(std::move(items));
    }
    case 8: {
      Value::List items(rng.below(6));
      for (Value& item : items) item = random_value(rng, depth - 1);
      return Value(std::move(items));
    }
    case 9: {
      Value::List items(rng.below(5));
      for (Value& item : items) item = random_value(rng, depth - 1);
      return Value::set(std::move(items));
    }
    case 10: {
      Value::List items(rng.below(rng.chance(0.1) ? 200 : 5));
      for (Value& item : items) item = Value(rng.between(-50, 50));
      return Value::set(std::move(items));
    }
    default: {
      Value::List items(2 * rng.below(4));
      for (Value& item : items) item = random_value(rng, depth - 1);
      return Value::map(std::move(items));
    }
  }
}

}  // namespace riven::test
