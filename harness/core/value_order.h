// The one order of values, which makes maps and sets equal whatever the order they were written in.
#pragma once

#include <cmath>
#include <iterator>

#include "harness/core/value.h"

namespace riven {

/// Below zero, zero or above: a is before b, equal to it, or behind it. `V` is Value or ValueView: the order
/// is that of what they mean, the same in every process. By kind first; numbers by size, not-a-number before
/// every other real; texts by their bytes; lists, sets and maps element by element, the shorter first where
/// it begins the longer.
template <typename V>
int order(const V& a, const V& b) {
  using Kind = Value::Kind;
  const auto three_way = [](const auto& x, const auto& y) { return x < y ? -1 : y < x ? 1 : 0; };
  if (a.kind() != b.kind()) return three_way(a.kind(), b.kind());
  switch (a.kind()) {
    case Kind::nil:
      return 0;
    case Kind::boolean:
      return three_way(a.boolean(), b.boolean());
    case Kind::integer:
      return three_way(a.integer(), b.integer());
    case Kind::real:
      if (std::isnan(a.real()) || std::isnan(b.real()))
        return three_way(std::isnan(b.real()), std::isnan(a.real()));
      return three_way(a.real(), b.real());
    case Kind::string:
    case Kind::keyword:
      return a.symbol() == b.symbol() ? 0 : a.symbol().text().compare(b.symbol().text());
    case Kind::list:
    case Kind::set:
    case Kind::map:
      break;
  }
  auto x = std::begin(a);
  auto y = std::begin(b);
  for (; x != std::end(a) && y != std::end(b); ++x, ++y) {
    if (const int first = order<V>(*x, *y); first != 0) return first;
  }
  return (y != std::end(b) ? -1 : 0) + (x != std::end(a) ? 1 : 0);
}

}  // namespace riven
