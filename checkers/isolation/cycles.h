// Shortest cycles of each class inside a suspect.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "checkers/isolation/graph.h"
#include "checkers/isolation/model.h"

namespace riven::checkers::isolation {

/// Adya's cycles by the anti-dependencies in them: G0 and G1c have none, G-single one, G-nonadjacent several
/// of which no two follow each other, G2 some that do. `session` and `realtime`: -process and -realtime.
enum class Shape : uint8_t { g0, g1c, single, nonadjacent, adjacent };
enum class Order : uint8_t { none, session, realtime };
struct CycleClass {
  Shape shape;
  Order order;
  bool predicate = false;  ///< only with dependencies that predicate reads have: without "-item"
  friend bool operator==(const CycleClass&, const CycleClass&) = default;
};
/// The least severe last; a class comes after those that imply it.
const std::vector<CycleClass>& cycle_classes();
/// G-single-item-process and the like.
std::string name_of(const CycleClass& c);

/// From steps[i].txn a `label` edge leads to the next step's transaction, from the last one's to the first's.
struct Cycle {
  struct Step {
    uint32_t txn;
    uint8_t label;
    // The micro-operations of the edge where it matters which.
    uint32_t from_mop = kNone;
    uint32_t to_mop = kNone;
  };
  CycleClass cycle_class;
  std::vector<Step> steps;
};

/// What refutes a model, where none of the classes above does: steps in a circle, versions in a circle, or
/// one proof for each order of two versions that nobody saw.
struct Proof {
  Model model = Model::read_uncommitted;
  std::vector<Cycle::Step> steps;
  /// Steps from the write that the first step's read saw to the one that it missed; only sessions and reads:
  /// for causal memory, where no order of versions is known. Empty: the first step is like others.
  std::vector<Cycle::Step> before;
  uint32_t first = kNone, second = kNone;  ///< micro-operations: the two writes of the cases
  std::vector<Proof> cases;
  std::vector<uint32_t> circle;  ///< the writes of versions, kNone for nil, each before the next
};

/// Searches one suspect. Deterministic; bounded by `work` visits of edges for each class, never by time. Not
/// thread-safe.
class CycleSearch {
 public:
  CycleSearch(const Transactions& t, const Suspect& suspect, uint64_t work)
      : t_(t), suspect_(suspect), graph_(suspect.graph), work_(work) {}

  /// Up to `wanted` cycles of the class that share no transaction: the shortest, then each time the shortest
  /// of what is left. Empty: there is none, or exhausted() tells that the bound ended the search.
  std::vector<Cycle> find(const CycleClass& wanted_class, size_t wanted);
  bool exhausted() const { return exhausted_; }

 private:
  struct Start {
    uint32_t goal;   // the cycle ends where this vertex is reached (session, none), or is the target of the
                     // real-time edge
    uint32_t first;  // the search begins here
    uint8_t label;   // of the edge from goal to first; kRealtime: none, goal == first
  };
  static constexpr uint32_t kStates = 12;

  std::vector<Start> starts() const;
  uint32_t begin_state(uint8_t label) const;
  uint32_t next_state(uint32_t state, uint8_t label) const;
  bool accepts(uint32_t state) const;
  bool search(const Start& start, uint32_t limit);
  std::vector<Cycle::Step> shortest(const std::vector<Start>& starts, uint32_t none_up_to, uint32_t limit,
                                    size_t& next);
  void take_path(const Start& start, uint32_t end, uint8_t closing);

  const Transactions& t_;
  const Suspect& suspect_;
  const Graph& graph_;
  uint64_t work_;
  uint64_t spent_ = 0;
  bool exhausted_ = false;
  bool truncated_ = false;
  CycleClass class_{};
  uint8_t mask_ = 0;
  uint8_t required_ = 0;
  std::vector<char> banned_;
  std::vector<uint32_t> stamp_, parent_;  // by vertex * kStates + state
  std::vector<uint8_t> via_;
  std::vector<uint32_t> queue_, next_queue_;
  uint32_t epoch_ = 0;
  std::vector<Cycle::Step> best_;
};

}  // namespace riven::checkers::isolation
