// Labelled directed graphs in compressed rows, and their strongly connected components.
//
// Our own rather than Boost.Graph's: a mask of labels chooses the edges of each run without a filtered view,
// and a million vertices take a tenth of a second. Boost's algorithms are the oracle in the tests.
#pragma once

#include <cstdint>
#include <vector>

#include "checkers/isolation/transactions.h"
#include "checkers/isolation/versions.h"

namespace riven::checkers::isolation {

struct Graph {
  std::vector<uint32_t> begin;  ///< per vertex, and one more
  std::vector<uint32_t> targets;
  std::vector<uint8_t> labels;
  uint32_t size() const { return static_cast<uint32_t>(begin.size()) - 1; }
  size_t edge_count() const { return targets.size(); }
};

/// O(vertices + edges); the edges of a vertex keep their order.
Graph make_graph(uint32_t vertices, const std::vector<Edge>& edges);

/// Components by Tarjan's algorithm, iterative. Numbers are dense and in reverse topological order: an edge
/// leads to a component of the same or a smaller number.
struct Components {
  std::vector<uint32_t> of;  ///< per vertex
  uint32_t count = 0;
  bool acyclic() const { return count == of.size(); }
};
/// Only edges with a label in `mask` count. Self-loops do not.
Components components(const Graph& graph, uint8_t mask);

/// A closed walk: from each vertex an edge of the label to the next, the last to the first.
using Walk = std::vector<std::pair<uint32_t, uint8_t>>;
/// The shortest cycle of edges in `mask` through one of the first vertices of the smallest component that is
/// no single vertex; empty where there is none. `c`: components(graph, mask). O(edges) times a constant.
Walk short_cycle(const Graph& graph, const Components& c, uint8_t mask);

/// Cycles of walks that an automaton of two states admits: the graph with each vertex once for each state,
/// 2 * vertex + state. `next(state, label)` is the new state, or -1 to refuse. Labels stay.
template <typename Next>
Graph product(const Graph& g, uint8_t mask, Next&& next) {
  std::vector<Edge> edges;
  for (uint32_t v = 0; v < g.size(); ++v) {
    for (uint32_t e = g.begin[v]; e < g.begin[v + 1]; ++e) {
      if ((g.labels[e] & mask) == 0) continue;
      for (uint32_t s = 0; s < 2; ++s) {
        const int to = next(s, g.labels[e]);
        if (to >= 0) edges.push_back({2 * v + s, 2 * g.targets[e] + static_cast<uint32_t>(to), g.labels[e]});
      }
    }
  }
  return make_graph(2 * g.size(), edges);
}
/// (ww u wr u so) ; rw?: no two anti-dependencies in a row.
inline int snapshot_step(uint32_t after_rw, uint8_t label) {
  if (label != kRw) return 0;
  return after_rw != 0 ? -1 : 1;
}
/// ((wr u so) ; rw?) u ww: an anti-dependency only after wr or so.
inline int prefix_step(uint32_t after_seen, uint8_t label) {
  if (label == kRw) return after_seen != 0 ? 0 : -1;
  return label == kWw ? 0 : 1;
}

/// A strongly connected part of the dependencies, sessions and real time together, alone: each cycle of any
/// class lies inside one. Vertices are transactions, numbered by their place in `txns`.
struct Suspect {
  std::vector<uint32_t> txns;  ///< ascending
  Graph graph;                 ///< ww, wr, rw and process edges inside; real time is in the transactions
};

/// The suspects of a history, in the order of their first transaction; none: no cycle of any class. One pass
/// over the dependencies when there is none, another with barrier vertices for real time else.
std::vector<Suspect> find_suspects(const Transactions& t, const std::vector<Edge>& dependencies);

/// Consecutive committed transactions of each session. A transaction of unknown outcome has no successor: it
/// may have taken effect at any time later.
std::vector<Edge> process_edges(const Transactions& t);

}  // namespace riven::checkers::isolation
