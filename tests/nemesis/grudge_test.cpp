// The algebra of partitions: each shape is what its name says, for every size of cluster.
#include "nemesis/shared/grudge.h"

#include <algorithm>
#include <numeric>
#include <set>

#include "tests/catch.h"

namespace riven {
namespace {

std::vector<size_t> in_order(size_t n) {
  std::vector<size_t> order(n);
  std::iota(order.begin(), order.end(), size_t{0});
  return order;
}

std::set<size_t> heard(const Grudge& grudge, size_t node) {
  std::set<size_t> all;
  for (size_t other = 0; other < grudge.nodes(); ++other) {
    if (grudge.hears(node, other)) all.insert(other);
  }
  return all;
}

/// Groups of nodes that hear exactly each other, by size; empty when the grudge is no such parting.
std::multiset<size_t> groups(const Grudge& grudge) {
  std::set<std::set<size_t>> found;
  for (size_t node = 0; node < grudge.nodes(); ++node) found.insert(heard(grudge, node));
  size_t total = 0;
  std::multiset<size_t> sizes;
  for (const auto& group : found) {
    total += group.size();
    sizes.insert(group.size());
  }
  return total == grudge.nodes() ? sizes : std::multiset<size_t>();
}

using Sizes = std::multiset<size_t>;

TEST_CASE("drops are sorted, without self and without repeats", "[nemesis]") {
  Grudge grudge(4);
  for (const size_t from : {3U, 1U, 3U, 2U, 0U}) grudge.drop(from, 2);
  CHECK(grudge.drops_of(2) == std::vector<size_t>{0, 1, 3});
  CHECK(grudge.hears(2, 2));
  CHECK_FALSE(grudge.hears(2, 0));
  CHECK(grudge.hears(0, 2));
  CHECK(grudge.size() == 3);
  CHECK(grudge.heard_by(2) == 1);
  CHECK_FALSE(grudge.symmetric());
  CHECK(reversed(reversed(grudge)) == grudge);
  CHECK(reversed(grudge).drops_of(0) == std::vector<size_t>{2});
  CHECK(Grudge(3).empty());
}

TEST_CASE("halves, majorities and thirds have the sizes they promise", "[nemesis]") {
  for (size_t n = 2; n <= 12; ++n) {
    INFO("n = " << n);
    CHECK(groups(halves(in_order(n))) == Sizes{n / 2, n - n / 2});
    const size_t majority = n / 2 + 1;
    if (n > 2) CHECK(groups(majority_minority(in_order(n))) == Sizes{majority, n - majority});
    const Grudge third = minority_third(in_order(n));
    const size_t small = *groups(third).begin();
    CHECK((3 * small < n || small == 1));
    CHECK((3 * (small + 1) >= n || small == 1));
    CHECK(third.symmetric());
  }
  CHECK(majority_minority(in_order(2)).empty());  // both are needed for a majority of two
  CHECK(halves(in_order(1)).empty());
  CHECK(minority_third(in_order(1)).empty());
}

TEST_CASE("isolated nodes hear only themselves", "[nemesis]") {
  const Grudge grudge = isolate(5, {1, 3});
  CHECK(heard(grudge, 1) == std::set<size_t>{1});
  CHECK(heard(grudge, 3) == std::set<size_t>{3});
  CHECK(heard(grudge, 0) == std::set<size_t>{0, 2, 4});
  CHECK(grudge.symmetric());
}

TEST_CASE("a bridge has one node in both worlds", "[nemesis]") {
  for (size_t n = 3; n <= 12; ++n) {
    const Grudge grudge = bridge(in_order(n));
    size_t bridges = 0;
    for (size_t node = 0; node < n; ++node) bridges += grudge.heard_by(node) == n ? 1 : 0;
    CHECK(bridges == 1);
    CHECK(grudge.symmetric());
    CHECK(grudge.size() == 2 * (n / 2) * (n - n / 2 - 1));
  }
  CHECK(bridge(in_order(2)).empty());
}

TEST_CASE("in a majorities ring all hear a majority and no two the same", "[nemesis]") {
  Rng rng(5);
  for (size_t n = 3; n <= 15; ++n) {
    INFO("n = " << n);
    const Grudge grudge = majorities_ring(shuffled(n, rng));
    std::set<std::set<size_t>> worlds;
    for (size_t node = 0; node < n; ++node) {
      CHECK(grudge.heard_by(node) >= majority_of(n));
      CHECK(grudge.heard_by(node) <= majority_of(n) + 1);
      worlds.insert(heard(grudge, node));
    }
    CHECK(worlds.size() == n);
    CHECK(grudge.symmetric() == (n > 3));
  }
  CHECK(majorities_ring(in_order(2)).empty());
}

TEST_CASE("one way is one way", "[nemesis]") {
  const Grudge grudge = one_way(4, {0}, {1, 2});
  CHECK_FALSE(grudge.hears(1, 0));
  CHECK_FALSE(grudge.hears(2, 0));
  CHECK(grudge.hears(0, 1));
  CHECK(grudge.hears(3, 0));
  CHECK(grudge.size() == 2);
}

TEST_CASE("shuffles are permutations, fixed by the seed, and all of them happen", "[nemesis]") {
  Rng a(7), b(7);
  CHECK(shuffled(9, a) == shuffled(9, b));
  std::set<std::vector<size_t>> seen;
  for (int i = 0; i < 300; ++i) {
    std::vector<size_t> order = shuffled(4, a);
    seen.insert(order);
    std::sort(order.begin(), order.end());
    CHECK(order == in_order(4));
  }
  CHECK(seen.size() == 24);
}

}  // namespace
}  // namespace riven
