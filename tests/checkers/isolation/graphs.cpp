// Components against Boost.Graph, shortest cycles against walks of every length.
#include <boost/graph/adjacency_list.hpp>
#include <boost/graph/strong_components.hpp>

#include "checkers/isolation/cycles.h"
#include "harness/core/rng.h"
#include "tests/catch.h"

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
    Suspect s;
    s.graph = make_graph(n, random_edges(rng, n, n + rng.below(2 * n)));
    Transactions t;
    for (uint32_t v = 0; v < n; ++v) {
      s.txns.push_back(v);
      t.invoke.push_back(0);
      t.complete.push_back(1);
      t.state.push_back(TxnState::ok);
    }
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

}  // namespace riven::checkers::isolation
