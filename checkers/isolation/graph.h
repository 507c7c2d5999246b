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
