// Registers whose values are written once: versions are values, and their order is known in part.
#pragma once

#include "tests/checkers/isolation/plain/models.h"
#include "tests/checkers/isolation/plain/opinion.h"

namespace riven::checkers::isolation::plain {

/// Orders between the versions of each key: 0 is the initial state, v + 1 the value v. Transitive.
using Orders = std::vector<Relation>;

/// What is certain: the initial state is first, a transaction's writes keep their order, and who read or
/// wrote a version and then wrote another put that after it.
Orders certain_orders(const World& world);
bool contradictory(const Orders& orders);

/// Models that hold or fail whatever the order of versions is beyond `certain`, by what each of them says
/// must come before what (Biswas and Enea, OOPSLA'19): of those below, the ones that fail. Exact.
///   monotonic-atomic-view, read-atomic, causal-cerone, and the latter two with sessions
ModelSet broken_axioms(const Dependencies& d);
///   monotonic-reads, monotonic-writes, read-your-writes, writes-follow-reads, PRAM, causal and
///   per-key-linearizable
ModelSet broken_memory_axioms(const Dependencies& d);

/// Searches for an order of versions that keeps a rule.
class OrderSearch {
 public:
  enum class Outcome : uint8_t { found, none, too_long };
  /// Of the world that `base` is of.
  OrderSearch(const Dependencies& base, Rule rule, Relation order, size_t most_steps)
      : base_(base), rule_(rule), order_(std::move(order)), left_(most_steps) {}
  Outcome run(const Orders& certain);
  const Orders& found() const { return found_; }

 private:
  enum class Saturated : uint8_t { impossible, open, total };
  struct Pair {
    size_t key, a, b;  // transactions
  };
  Saturated saturate(Orders& orders, Pair& open) const;
  bool complete(const Dependencies& d, const Orders& orders);
  Outcome search(Orders orders);

  const Dependencies& base_;
  Rule rule_;
  Relation order_;
  size_t left_;
  Orders found_;
};

/// Puts each key's versions in the order of the transactions that wrote them, as far as `certain` allows,
/// which `d` has.
Orders ordered_by(const Dependencies& d, const Orders& certain, const std::vector<size_t>& rank);

}  // namespace riven::checkers::isolation::plain
