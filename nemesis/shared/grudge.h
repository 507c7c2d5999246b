// Who does not hear whom: the pure algebra of partitions. After Jepsen's nemesis.clj, with the holes filled
// in (rings of any size, what "majority" means for even clusters).
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "harness/core/rng.h"

namespace riven {

/// For each node of a cluster of n (by position) the nodes whose packets it loses, sorted, never itself.
/// Direction counts: a lost packet from a to b says nothing of b to a. A value type.
class Grudge {
 public:
  explicit Grudge(size_t nodes) : drops_(nodes) {}

  size_t nodes() const { return drops_.size(); }
  const std::vector<size_t>& drops_of(size_t node) const { return drops_[node]; }
  /// `to` loses what `from` sends. Nothing for from == to. Demands both below nodes().
  void drop(size_t from, size_t to);
  bool hears(size_t node, size_t other) const;
  /// Nothing is lost.
  bool empty() const;
  /// Pairs (from, to) that are cut.
  size_t size() const;
  /// Whether a not hearing b always means b not hearing a.
  bool symmetric() const;
  /// How many nodes it hears, itself among them.
  size_t heard_by(size_t node) const { return nodes() - drops_[node].size(); }
  friend bool operator==(const Grudge&, const Grudge&) = default;

 private:
  std::vector<std::vector<size_t>> drops_;
};

/// Smallest number of nodes that is more than half of n.
constexpr size_t majority_of(size_t n) { return n / 2 + 1; }
/// All positions 0..n-1 in an order of chance.
std::vector<size_t> shuffled(size_t n, Rng& rng);

using Component = std::vector<size_t>;
/// Nodes of different components do not hear each other; nodes in none hear, and are heard by, all.
Grudge parted(size_t n, const std::vector<Component>& components);
/// What is sent from `from` to `to` is lost; nothing else.
Grudge one_way(size_t n, const Component& from, const Component& to);
/// The same with the roles of all senders and receivers exchanged.
Grudge reversed(const Grudge& grudge);

// Each takes the nodes in the order that decides who is where: shuffle for chance.

/// The first n/2 against the others: for odd n a minority and the smallest majority.
Grudge halves(const std::vector<size_t>& order);
/// The smallest majority against the others (for even n unlike halves: one more than half).
Grudge majority_minority(const std::vector<size_t>& order);
/// Fewer than a third of the nodes (at least one) against the others: what Byzantine systems must survive.
Grudge minority_third(const std::vector<size_t>& order);
/// Each of `nodes` alone.
Grudge isolate(size_t n, const Component& nodes);
/// Two groups that do not hear each other, and one node (the middle one) that hears and is heard by both.
Grudge bridge(const std::vector<size_t>& order);
/// Every node hears a majority, no two nodes hear the same one: on a ring each hears its next neighbours of
/// both sides, as few as make a majority. Symmetric for n >= 4; three nodes can do it only one way round
/// (each does not hear the one before it); fewer cannot: an empty grudge.
Grudge majorities_ring(const std::vector<size_t>& order);

}  // namespace riven
