// A graph that grows, where a matrix would be mostly empty.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace riven::checkers::isolation::plain {

class Digraph {
 public:
  static constexpr size_t kNone = SIZE_MAX;
  explicit Digraph(size_t vertices = 0) : size_(vertices) {}
  size_t vertex() { return size_++; }
  void add(size_t a, size_t b) { edges_.emplace_back(a, b); }
  size_t size() const { return size_; }
  const std::vector<std::pair<size_t, size_t>>& edges() const { return edges_; }

  /// The vertices that can be taken away one after another, each when nothing leads to it any more: all, if
  /// there is no cycle.
  std::vector<size_t> topological() const;
  bool acyclic() const { return topological().size() == size(); }

 private:
  size_t size_;
  std::vector<std::pair<size_t, size_t>> edges_;
};

}  // namespace riven::checkers::isolation::plain
