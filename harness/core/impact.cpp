#include "harness/core/impact.h"

#include <algorithm>
#include <cstdint>

namespace riven {

namespace {

/// Is there a vertex cover of at most `budget` nodes?
class CoverSearch {
 public:
  explicit CoverSearch(size_t nodes) : adjacent_(nodes, std::vector<bool>(nodes)), alive_(nodes, true) {}

  void join(size_t a, size_t b) {
    if (a != b) adjacent_[a][b] = adjacent_[b][a] = true;
  }
  void remove(size_t node) { alive_[node] = false; }

  bool fits(size_t budget) {
    constexpr uint64_t kMostSteps = 1'000'000;
    if (++steps_ > kMostSteps) return false;
    size_t edges_twice = 0, most = 0, busiest = 0;
    for (size_t v = 0; v < alive_.size(); ++v) {
      const size_t degree = neighbours(v).size();
      edges_twice += degree;
      if (degree > most) {
        most = degree;
        busiest = v;
      }
    }
    if (most == 0) return true;
    if (edges_twice > 2 * budget * most) return false;
    // Either the busiest node is left aside, or all its neighbours are.
    if (without({busiest}, budget)) return true;
    return most > 1 && without(neighbours(busiest), budget);
  }

 private:
  std::vector<size_t> neighbours(size_t v) const {
    std::vector<size_t> found;
    if (!alive_[v]) return found;
    for (size_t w = 0; w < alive_.size(); ++w) {
      if (alive_[w] && adjacent_[v][w]) found.push_back(w);
    }
    return found;
  }

  bool without(const std::vector<size_t>& left_aside, size_t budget) {
    if (left_aside.size() > budget) return false;
    for (const size_t node : left_aside) alive_[node] = false;
    const bool found = fits(budget - left_aside.size());
    for (const size_t node : left_aside) alive_[node] = true;
    return found;
  }

  std::vector<std::vector<bool>> adjacent_;
  std::vector<bool> alive_;
  uint64_t steps_ = 0;
};

}  // namespace

bool breaks_at_most(size_t nodes, const std::vector<Impact>& in_force, size_t limit) {
  std::vector<bool> broken(nodes);
  for (const Impact& impact : in_force) {
    for (const size_t node : impact.nodes) broken[node] = true;
  }
  const auto count = static_cast<size_t>(std::count(broken.begin(), broken.end(), true));
  if (count > limit) return false;
  CoverSearch search(nodes);
  for (const Impact& impact : in_force) {
    for (const auto& [a, b] : impact.unheard) search.join(a, b);
  }
  for (size_t node = 0; node < nodes; ++node) {
    if (broken[node]) search.remove(node);
  }
  return search.fits(limit - count);
}

}  // namespace riven
