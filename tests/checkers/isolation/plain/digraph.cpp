#include "tests/checkers/isolation/plain/digraph.h"

namespace riven::checkers::isolation::plain {

std::vector<size_t> Digraph::topological() const {
  std::vector<size_t> before(size_, 0), begin(size_ + 1, 0), targets(edges_.size()), out;
  for (const auto& [a, b] : edges_) ++before[b], ++begin[a];
  size_t sum = 0;
  for (size_t& b : begin) sum += b, b = sum;
  for (const auto& [a, b] : edges_) targets[--begin[a]] = b;
  out.reserve(size_);
  for (size_t v = 0; v < size_; ++v) {
    if (before[v] == 0) out.push_back(v);
  }
  for (size_t i = 0; i < out.size(); ++i) {
    for (size_t e = begin[out[i]]; e < begin[out[i] + 1]; ++e) {
      if (--before[targets[e]] == 0) out.push_back(targets[e]);
    }
  }
  return out;
}

}  // namespace riven::checkers::isolation::plain
