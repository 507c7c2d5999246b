#include "harness/core/impact.h"

#include "harness/core/rng.h"
#include "tests/catch.h"

using namespace riven;

namespace {

/// The definition, tried with every set of nodes left aside.
bool by_force(size_t nodes, const Impact& impact, size_t limit) {
  for (uint32_t aside = 0; aside < (1U << nodes); ++aside) {
    if (static_cast<size_t>(__builtin_popcount(aside)) > limit) continue;
    bool good = true;
    for (const size_t node : impact.nodes) good = good && (aside >> node & 1) != 0;
    for (const auto& [a, b] : impact.unheard)
      good = good && (a == b || (aside >> a & 1) != 0 || (aside >> b & 1) != 0);
    if (good) return true;
  }
  return false;
}

Impact cut(size_t nodes, size_t first_half) {
  Impact impact;
  for (size_t a = 0; a < first_half; ++a)
    for (size_t b = first_half; b < nodes; ++b) impact.unheard.emplace_back(a, b);
  return impact;
}

}  // namespace

TEST_CASE("how much faults break: nodes, partitions, and both together") {
  CHECK(breaks_at_most(5, {}, 0));
  CHECK_FALSE(breaks_at_most(5, {{{0, 1}, {}}}, 1));
  CHECK(breaks_at_most(5, {{{0, 1}, {}}}, 2));
  CHECK(breaks_at_most(5, {{{0, 1}, {}}, {{1}, {}}}, 2));
  CHECK_FALSE(breaks_at_most(5, {{{0, 1}, {}}, {{2}, {}}}, 2));
  CHECK(breaks_at_most(5, {cut(5, 2)}, 2));
  CHECK_FALSE(breaks_at_most(5, {cut(5, 2)}, 1));
  CHECK(breaks_at_most(5, {cut(5, 2), {{0}, {}}}, 2));        // killed on the smaller side
  CHECK_FALSE(breaks_at_most(5, {cut(5, 2), {{4}, {}}}, 2));  // and on the larger
  CHECK(breaks_at_most(99, {cut(99, 49)}, 49));
  CHECK_FALSE(breaks_at_most(99, {cut(99, 49)}, 48));
}

TEST_CASE("the search for the nodes to leave aside agrees with brute force") {
  Rng rng(20);
  for (int round = 0; round < 400; ++round) {
    const size_t nodes = 1 + rng.below(7);
    Impact impact;
    for (uint64_t i = rng.below(3); i > 0; --i) impact.nodes.push_back(rng.below(nodes));
    for (uint64_t i = rng.below(9); i > 0; --i)
      impact.unheard.emplace_back(rng.below(nodes), rng.below(nodes));
    for (size_t limit = 0; limit <= nodes; ++limit) {
      CAPTURE(round, nodes, limit);
      CHECK(breaks_at_most(nodes, {impact}, limit) == by_force(nodes, impact, limit));
    }
  }
}
