// Components and shortest cycles against Boost.Graph; on tiny graphs every class against all cycles there
// are.
#include <boost/graph/adjacency_list.hpp>
#include <boost/graph/breadth_first_search.hpp>
#include <boost/graph/strong_components.hpp>

#include "checkers/isolation/cycles.h"
#include "harness/core/rng.h"
#include "tests/catch.h"
#include "tests/sanitized.h"

namespace riven::checkers::isolation {

namespace {
std::vector<Edge> random_edges(Rng& rng, uint32_t n, size_t count) {
  static constexpr uint8_t kLabels[] = {kWw, kWr, kRw, kProcess};
  std::vector<Edge> edges;
  for (size_t i = 0; i < count; ++i) {
    const auto a = static_cast<uint32_t>(rng.below(n));
    const auto b = static_cast<uint32_t>(rng.below(n));
    if (a != b) edges.push_back({a, b, kLabels[rng.below(4)]});
  }
  return edges;
}

/// The length of the shortest simple cycle of a class, 0: none, by trying all of them.
class AllCycles {
 public:
  AllCycles(const Graph& g, CycleClass c) : g_(g), class_(c) {}
  size_t shortest() {
    for (uint32_t v = 0; v < g_.size(); ++v) {
      path_ = {v};
      labels_.clear();
      walk(v);
    }
    return best_;
  }

 private:
  void walk(uint32_t start) {
    const uint32_t v = path_.back();
    for (uint32_t e = g_.begin[v]; e < g_.begin[v + 1]; ++e) {
      const uint32_t w = g_.targets[e];
      labels_.push_back(g_.labels[e]);
      if (w == start) {
        if (matches() && (best_ == 0 || labels_.size() < best_)) best_ = labels_.size();
      } else if (w > start && std::find(path_.begin(), path_.end(), w) == path_.end()) {
        path_.push_back(w);
        walk(start);
        path_.pop_back();
      }
      labels_.pop_back();
    }
  }
  bool matches() const {
    size_t rw = 0, pairs = 0, wr = 0, process = 0;
    for (size_t i = 0; i < labels_.size(); ++i) {
      const uint8_t next = labels_[(i + 1) % labels_.size()];
      rw += labels_[i] == kRw ? 1 : 0;
      pairs += labels_[i] == kRw && next == kRw ? 1 : 0;
      wr += labels_[i] == kWr ? 1 : 0;
      process += labels_[i] == kProcess ? 1 : 0;
    }
    if ((process > 0) != (class_.order == Order::session)) return false;
    switch (class_.shape) {
      case Shape::g0:
        return rw == 0 && wr == 0;
      case Shape::g1c:
        return rw == 0 && wr > 0;
      case Shape::single:
        return rw == 1;
      case Shape::nonadjacent:
        return rw >= 2 && pairs == 0;
      case Shape::adjacent:
        return rw >= 2 && pairs > 0;
    }
    return false;
  }
  const Graph& g_;
  CycleClass class_;
  size_t best_ = 0;
  std::vector<uint32_t> path_;
  std::vector<uint8_t> labels_;
};

/// Of one key and one time, so that only the graph counts.
Transactions idle(uint32_t n) {
  Transactions t;
  t.invoke.assign(n, 0);
  t.complete.assign(n, 1);
  t.state.assign(n, TxnState::ok);
  return t;
}
Suspect suspect_of(uint32_t n, const std::vector<Edge>& edges) {
  Suspect s;
  s.graph = make_graph(n, edges);
  for (uint32_t v = 0; v < n; ++v) s.txns.push_back(v);
  return s;
}

/// The length of the shortest cycle of one `first` edge and then `others`, by a breadth-first search of
/// Boost's from the end of each such edge; 0: none.
size_t shortest_by_boost(uint32_t n, const std::vector<Edge>& edges, uint8_t first, uint8_t others) {
  boost::adjacency_list<boost::vecS, boost::vecS, boost::directedS> graph(n);
  for (const Edge& e : edges)
    if ((e.label & others) != 0) boost::add_edge(e.from, e.to, graph);
  size_t best = 0;
  std::vector<size_t> distance(n);
  for (const Edge& e : edges) {
    if (e.label != first) continue;
    distance.assign(n, 0);
    boost::breadth_first_search(
        graph, e.to,
        boost::visitor(boost::make_bfs_visitor(boost::record_distances(
            boost::make_iterator_property_map(distance.begin(), boost::get(boost::vertex_index, graph)),
            boost::on_tree_edge()))));
    const size_t back = distance[e.from];
    if (back != 0 && (best == 0 || back + 1 < best)) best = back + 1;
  }
  return best;
}

/// A ring with shortcuts: cycles of any length.
std::vector<Edge> ring(Rng& rng, uint32_t n) {
  static constexpr uint8_t kLabels[] = {kWw, kWw, kWw, kWr, kWr, kWr, kRw, kProcess};
  const uint64_t labels = 1 + rng.below(8);
  std::vector<Edge> edges;
  for (uint32_t v = 0; v < n; ++v) edges.push_back({v, (v + 1) % n, kLabels[rng.below(labels)]});
  for (uint64_t extra = rng.below(n / 2 + 1); extra > 0; --extra) {
    const auto a = static_cast<uint32_t>(rng.below(n));
    const auto ahead = static_cast<uint32_t>(1 + rng.below(rng.chance(0.3) ? n - 1 : 4));
    edges.push_back({a, (a + ahead) % n, kLabels[rng.below(8)]});
  }
  return edges;
}

/// Graver classes whose presence may hide the least severe ones behind walks that meet themselves.
bool graver(const CycleClass& a, const CycleClass& b) {
  return a.shape <= b.shape && a.order <= b.order && !(a == b);
}
}  // namespace

TEST_CASE("components agree with Boost.Graph") {
  Rng rng(11);
  for (int round = 0; round < 300; ++round) {
    const auto n = static_cast<uint32_t>(1 + rng.below(60));
    const std::vector<Edge> edges = random_edges(rng, n, rng.below(3 * n));
    for (const uint8_t mask : {uint8_t{0xff}, uint8_t{kWw}, uint8_t{kWw | kWr}}) {
      boost::adjacency_list<boost::vecS, boost::vecS, boost::directedS> expected(n);
      for (const Edge& e : edges)
        if ((e.label & mask) != 0) boost::add_edge(e.from, e.to, expected);
      std::vector<int> of(n);
      const int count = boost::strong_components(
          expected, boost::make_iterator_property_map(of.begin(), boost::get(boost::vertex_index, expected)));
      const Components c = components(make_graph(n, edges), mask);
      REQUIRE(static_cast<int>(c.count) == count);
      for (uint32_t a = 0; a < n; ++a)
        for (uint32_t b = 0; b < n; ++b) REQUIRE((c.of[a] == c.of[b]) == (of[a] == of[b]));
    }
  }
}

TEST_CASE("the shortest cycle of each class is found") {
  Rng rng(12);
  size_t found = 0;
  for (int round = 0; round < 3000; ++round) {
    const auto n = static_cast<uint32_t>(2 + rng.below(5));
    const Suspect s = suspect_of(n, random_edges(rng, n, n + rng.below(2 * n)));
    const Transactions t = idle(n);
    CycleSearch search(t, s, 1'000'000);
    std::vector<CycleClass> present;
    for (const CycleClass& c : cycle_classes()) {
      if (c.order == Order::realtime) continue;
      const size_t expected = AllCycles(s.graph, c).shortest();
      const std::vector<Cycle> got = search.find(c, 1);
      const bool hidden =
          std::any_of(present.begin(), present.end(), [&](const CycleClass& p) { return graver(p, c); });
      if (expected != 0) present.push_back(c);
      if (got.empty()) {
        CHECK((expected == 0 || hidden));
        continue;
      }
      ++found;
      REQUIRE(expected != 0);
      CHECK((got[0].steps.size() == expected || (hidden && got[0].steps.size() > expected)));
    }
  }
  CHECK(found > 3000);
}

TEST_CASE("shortest cycles are as short as Boost.Graph finds them") {
  struct Asked {
    CycleClass cycle_class;
    uint8_t first, others;
  };
  const Asked cases[] = {{{Shape::g0, Order::none}, kWw, kWw},
                         {{Shape::g1c, Order::none}, kWr, kWw | kWr},
                         {{Shape::single, Order::none}, kRw, kWw | kWr},
                         {{Shape::g0, Order::session}, kProcess, kWw | kProcess}};
  Rng rng(13);
  size_t found = 0, long_ones = 0;
  for (int round = 0; round < (kSanitized ? 100 : 600); ++round) {
    const auto n = static_cast<uint32_t>(3 + rng.below(rng.chance(0.5) ? 20 : 120));
    const std::vector<Edge> edges = ring(rng, n);
    const Suspect s = suspect_of(n, edges);
    const Transactions t = idle(n);
    CycleSearch search(t, s, 1'000'000);
    for (const Asked& c : cases) {
      const size_t expected = shortest_by_boost(n, edges, c.first, c.others);
      const std::vector<Cycle> got = search.find(c.cycle_class, 1);
      INFO(name_of(c.cycle_class) << " of " << n << " vertices, round " << round);
      REQUIRE((got.empty() ? 0 : got[0].steps.size()) == expected);
      found += expected != 0 ? 1 : 0;
      long_ones += expected > 8 ? 1 : 0;
    }
  }
  CHECK(found > (kSanitized ? 100 : 600));
  CHECK(long_ones > (kSanitized ? 30 : 200));
}

}  // namespace riven::checkers::isolation
