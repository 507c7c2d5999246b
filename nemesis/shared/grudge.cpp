#include "nemesis/shared/grudge.h"

#include <algorithm>
#include <numeric>

#include "harness/core/check.h"

namespace riven {

void Grudge::drop(size_t from, size_t to) {
  RIVEN_CHECK(from < nodes() && to < nodes(), "a grudge names a node that is not there");
  if (from == to) return;
  std::vector<size_t>& drops = drops_[to];
  const auto at = std::lower_bound(drops.begin(), drops.end(), from);
  if (at == drops.end() || *at != from) drops.insert(at, from);
}

bool Grudge::hears(size_t node, size_t other) const {
  return !std::binary_search(drops_[node].begin(), drops_[node].end(), other);
}

bool Grudge::empty() const { return size() == 0; }

size_t Grudge::size() const {
  size_t pairs = 0;
  for (const auto& drops : drops_) pairs += drops.size();
  return pairs;
}

bool Grudge::symmetric() const { return reversed(*this) == *this; }

std::vector<size_t> shuffled(size_t n, Rng& rng) {
  std::vector<size_t> order(n);
  std::iota(order.begin(), order.end(), size_t{0});
  for (size_t i = n; i > 1; --i) std::swap(order[i - 1], order[rng.below(i)]);
  return order;
}

Grudge parted(size_t n, const std::vector<Component>& components) {
  Grudge grudge(n);
  for (const Component& here : components) {
    for (const Component& there : components) {
      if (&here == &there) continue;
      for (const size_t from : here) {
        for (const size_t to : there) grudge.drop(from, to);
      }
    }
  }
  return grudge;
}

Grudge one_way(size_t n, const Component& from, const Component& to) {
  Grudge grudge(n);
  for (const size_t sender : from) {
    for (const size_t receiver : to) grudge.drop(sender, receiver);
  }
  return grudge;
}

Grudge reversed(const Grudge& grudge) {
  Grudge other(grudge.nodes());
  for (size_t to = 0; to < grudge.nodes(); ++to) {
    for (const size_t from : grudge.drops_of(to)) other.drop(to, from);
  }
  return other;
}

namespace {

Grudge split_at(const std::vector<size_t>& order, size_t first) {
  const auto middle = order.begin() + static_cast<std::ptrdiff_t>(first);
  return parted(order.size(), {{order.begin(), middle}, {middle, order.end()}});
}

}  // namespace

Grudge halves(const std::vector<size_t>& order) { return split_at(order, order.size() / 2); }

Grudge majority_minority(const std::vector<size_t>& order) {
  return split_at(order, std::min(order.size(), majority_of(order.size())));
}

Grudge minority_third(const std::vector<size_t>& order) {
  const size_t third = (order.size() + 2) / 3 - 1;  // the largest number below n/3
  return split_at(order, order.size() < 2 ? order.size() : std::max<size_t>(third, 1));
}

Grudge isolate(size_t n, const Component& nodes) {
  Grudge grudge(n);
  for (const size_t alone : nodes) {
    for (size_t other = 0; other < n; ++other) {
      grudge.drop(alone, other);
      grudge.drop(other, alone);
    }
  }
  return grudge;
}

Grudge bridge(const std::vector<size_t>& order) {
  if (order.size() < 3) return Grudge(order.size());
  const auto middle = order.begin() + static_cast<std::ptrdiff_t>(order.size() / 2);
  return parted(order.size(), {{order.begin(), middle}, {middle + 1, order.end()}});
}

Grudge majorities_ring(const std::vector<size_t>& order) {
  const size_t n = order.size();
  Grudge grudge(n);
  if (n == 3) {
    for (size_t i = 0; i < n; ++i) grudge.drop(order[i], order[(i + 1) % n]);
    return grudge;
  }
  const size_t reach = majority_of(n) / 2;  // 2 * reach + 1 >= majority, and 2 * (reach - 1) + 1 is not
  for (size_t i = 0; i < n; ++i) {
    for (size_t j = 0; j < n; ++j) {
      const size_t apart = (j + n - i) % n;
      if (std::min(apart, n - apart) > reach) grudge.drop(order[i], order[j]);
    }
  }
  return grudge;
}

}  // namespace riven
