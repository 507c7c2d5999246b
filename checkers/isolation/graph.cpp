#include "checkers/isolation/graph.h"

#include <algorithm>

namespace riven::checkers::isolation {

Graph make_graph(uint32_t vertices, const std::vector<Edge>& edges) {
  Graph g;
  g.begin.assign(static_cast<size_t>(vertices) + 2, 0);
  for (const Edge& e : edges) ++g.begin[e.from + 2];
  for (size_t v = 2; v < g.begin.size(); ++v) g.begin[v] += g.begin[v - 1];
  g.targets.resize(edges.size());
  g.labels.resize(edges.size());
  for (const Edge& e : edges) {
    const uint32_t at = g.begin[e.from + 1]++;
    g.targets[at] = e.to;
    g.labels[at] = e.label;
  }
  g.begin.pop_back();
  return g;
}

Components components(const Graph& g, uint8_t mask) {
  constexpr uint32_t kOpen = kNone;
  const uint32_t n = g.size();
  Components c;
  c.of.assign(n, kOpen);
  std::vector<uint32_t> low(n, 0);  // 0: not yet seen
  std::vector<uint32_t> stack;
  struct Frame {
    uint32_t vertex, next, index;
  };
  std::vector<Frame> path;
  uint32_t clock = 0;
  const auto enter = [&](uint32_t v) {
    low[v] = ++clock;
    stack.push_back(v);
    path.push_back({v, g.begin[v], clock});
  };
  for (uint32_t root = 0; root < n; ++root) {
    if (low[root] != 0) continue;
    enter(root);
    while (!path.empty()) {
      Frame& frame = path.back();
      const uint32_t v = frame.vertex;
      if (frame.next < g.begin[v + 1]) {
        const uint32_t e = frame.next++;
        if ((g.labels[e] & mask) == 0) continue;
        const uint32_t w = g.targets[e];
        if (low[w] == 0) {
          enter(w);
        } else if (c.of[w] == kOpen) {
          low[v] = std::min(low[v], low[w]);
        }
        continue;
      }
      const bool is_root = low[v] == frame.index;
      path.pop_back();
      if (is_root) {
        uint32_t w = kNone;
        do {
          w = stack.back();
          stack.pop_back();
          c.of[w] = c.count;
        } while (w != v);
        ++c.count;
      }
      if (!path.empty()) {
        const uint32_t parent = path.back().vertex;
        if (!is_root) low[parent] = std::min(low[parent], low[v]);
      }
    }
  }
  return c;
}

Walk short_cycle(const Graph& g, const Components& c, uint8_t mask) {
  constexpr size_t kStarts = 64;
  std::vector<uint32_t> sizes(c.count, 0);
  for (const uint32_t component : c.of) ++sizes[component];
  uint32_t chosen = kNone;
  for (uint32_t i = 0; i < c.count; ++i)
    if (sizes[i] > 1 && (chosen == kNone || sizes[i] < sizes[chosen])) chosen = i;
  std::vector<uint32_t> distance(g.size(), kNone);
  std::vector<uint32_t> parent(g.size(), kNone);
  std::vector<uint8_t> via(g.size(), 0);
  Walk best;
  size_t starts = 0;
  std::vector<uint32_t> queue;
  for (uint32_t start = 0; start < g.size() && starts < kStarts; ++start) {
    if (c.of[start] != chosen) continue;
    ++starts;
    queue.assign(1, start);
    std::vector<uint32_t> touched{start};
    distance[start] = 0;
    uint32_t closing = kNone;
    uint8_t closing_label = 0;
    for (size_t i = 0; i < queue.size() && closing == kNone; ++i) {
      const uint32_t v = queue[i];
      if (!best.empty() && distance[v] + 1 >= best.size()) break;
      for (uint32_t edge = g.begin[v]; edge < g.begin[v + 1]; ++edge) {
        const uint32_t w = g.targets[edge];
        if ((g.labels[edge] & mask) == 0) continue;
        if (w == start && v != start) {
          closing = v;
          closing_label = g.labels[edge];
          break;
        }
        if (c.of[w] != chosen || distance[w] != kNone) continue;
        distance[w] = distance[v] + 1;
        parent[w] = v;
        via[w] = g.labels[edge];
        touched.push_back(w);
        queue.push_back(w);
      }
    }
    if (closing != kNone) {
      Walk walk;
      uint8_t label = closing_label;
      for (uint32_t v = closing; v != start; v = parent[v]) {
        walk.emplace_back(v, label);
        label = via[v];
      }
      walk.emplace_back(start, label);
      std::reverse(walk.begin(), walk.end());
      best = std::move(walk);
    }
    for (const uint32_t v : touched) distance[v] = kNone;
  }
  return best;
}

namespace {

/// Whether neither the dependencies alone nor with one real-time edge have a cycle. More real-time edges need
/// no look: where T1 ~> T2 -rt-> T3 ~> T4 -rt-> T1, either T2 returned before T1 was invoked or T4 before T3.
/// Ends at the first cycle.
bool clean(const Transactions& t, const Graph& g) {
  enum : uint8_t { kNew, kOpen, kDone };
  std::vector<uint8_t> stage(g.size(), kNew);
  std::vector<uint32_t> first_return(g.size());  // of all that a vertex reaches
  struct Frame {
    uint32_t vertex, next;
  };
  std::vector<Frame> path;
  const auto enter = [&](uint32_t v) {
    stage[v] = kOpen;
    first_return[v] = t.returned(v);
    path.push_back({v, g.begin[v]});
  };
  for (uint32_t root = 0; root < g.size(); ++root) {
    if (stage[root] != kNew) continue;
    enter(root);
    while (!path.empty()) {
      const uint32_t v = path.back().vertex;
      if (path.back().next < g.begin[v + 1]) {
        const uint32_t w = g.targets[path.back().next++];
        if (stage[w] == kOpen) return false;
        if (stage[w] == kNew)
          enter(w);
        else
          first_return[v] = std::min(first_return[v], first_return[w]);
        continue;
      }
      if (first_return[v] < t.invoke[v]) return false;
      stage[v] = kDone;
      path.pop_back();
      if (!path.empty())
        first_return[path.back().vertex] = std::min(first_return[path.back().vertex], first_return[v]);
    }
  }
  return true;
}

/// Real time as a chain of barriers: a transaction leads to the barrier of its return, each barrier to the
/// next, and the last barrier before an invocation to the transaction. Returns the number of vertices.
uint32_t add_barriers(const Transactions& t, std::vector<Edge>& edges) {
  const auto n = static_cast<uint32_t>(t.size());
  const std::vector<uint32_t> returns = t.by_return();
  edges.reserve(edges.size() + 3 * size_t{n});
  uint32_t vertices = n;
  uint32_t barrier = kNone;  // the last one closed by an invocation after it
  bool open = false;         // whether `barrier` may take more returns
  size_t next = 0;
  for (uint32_t v = 0; v < n; ++v) {
    for (; next < returns.size() && t.complete[returns[next]] < t.invoke[v]; ++next) {
      if (!open) {
        if (barrier != kNone) edges.push_back({barrier, vertices, kZero});
        barrier = vertices++;
        open = true;
      }
      edges.push_back({returns[next], barrier, kRealtime});
    }
    if (barrier != kNone && committed(t.state[v])) {
      edges.push_back({barrier, v, kZero});
      open = false;
    }
  }
  return vertices;
}

}  // namespace

std::vector<Edge> process_edges(const Transactions& t) {
  std::vector<uint32_t> last(t.sessions, kNone);
  std::vector<Edge> edges;
  for (uint32_t v = 0; v < t.size(); ++v) {
    if (!committed(t.state[v])) continue;
    uint32_t& previous = last[t.session[v]];
    if (previous != kNone) edges.push_back({previous, v, kProcess});
    if (t.state[v] == TxnState::ok) previous = v;
  }
  return edges;
}

std::vector<Suspect> find_suspects(const Transactions& t, const std::vector<Edge>& dependencies) {
  const auto n = static_cast<uint32_t>(t.size());
  if (clean(t, make_graph(n, dependencies))) return {};
  Components c;
  {
    std::vector<Edge> edges = dependencies;
    const uint32_t vertices = add_barriers(t, edges);
    c = components(make_graph(vertices, edges), 0xff);
  }
  std::vector<uint32_t> sizes(c.count, 0);
  for (uint32_t v = 0; v < n; ++v) ++sizes[c.of[v]];
  std::vector<uint32_t> suspect_of(c.count, kNone);
  std::vector<Suspect> suspects;
  std::vector<uint32_t> local(n, kNone);
  for (uint32_t v = 0; v < n; ++v) {
    if (sizes[c.of[v]] < 2) continue;
    uint32_t& s = suspect_of[c.of[v]];
    if (s == kNone) {
      s = static_cast<uint32_t>(suspects.size());
      suspects.emplace_back();
    }
    local[v] = static_cast<uint32_t>(suspects[s].txns.size());
    suspects[s].txns.push_back(v);
  }
  std::vector<std::vector<Edge>> inside(suspects.size());
  const auto keep = [&](const Edge& e) {
    if (local[e.from] != kNone && c.of[e.from] == c.of[e.to])
      inside[suspect_of[c.of[e.from]]].push_back({local[e.from], local[e.to], e.label});
  };
  for (const Edge& e : dependencies) keep(e);
  for (const Edge& e : process_edges(t)) keep(e);
  for (size_t s = 0; s < suspects.size(); ++s)
    suspects[s].graph = make_graph(static_cast<uint32_t>(suspects[s].txns.size()), inside[s]);
  return suspects;
}

}  // namespace riven::checkers::isolation
