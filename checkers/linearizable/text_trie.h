// The texts that were read, as a tree of their common beginnings.
#pragma once

#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

namespace riven::linearizable {

/// A text that some read's text begins with: its length, and the first node of the tree that is no shorter.
/// The same text is always the same place.
struct TextPlace {
  static constexpr uint32_t kNowhere = UINT32_MAX;
  uint32_t node = kNowhere;
  uint32_t length = 0;
  bool somewhere() const { return node != kNowhere; }
  bool operator==(const TextPlace&) const = default;
};

/// The texts are kept, not copied. O(total length) to build, no more than two nodes for each.
class TextTrie {
 public:
  /// Texts with the event at which a read of each returned.
  explicit TextTrie(std::vector<std::pair<std::string_view, uint32_t>> reads);

  static TextPlace root() { return {0, 0}; }
  /// The place of the text at `from` with `piece` behind it; nowhere if no text that was read begins so.
  TextPlace advance(TextPlace from, std::string_view piece) const;
  TextPlace find(std::string_view text) const { return advance(root(), text); }
  /// When the last read that begins so returned.
  uint32_t last_return(TextPlace place) const { return nodes_[place.node].last_return; }
  std::string_view text(TextPlace place) const { return nodes_[place.node].text.substr(0, place.length); }

  /// Calls fn(text, beyond) with beginnings of texts that were read: everything that follows `from` within
  /// `reach` bytes is in one of them, behind its first `beyond` bytes.
  template <typename Fn>
  void each_continuation(TextPlace from, size_t reach, const Fn& fn) const {
    follow(from.node, from.length, from.length, from.length + reach, fn);
  }
  uint64_t memory_bytes() const {
    return nodes_.capacity() * sizeof(Node) + children_.capacity() * sizeof(uint32_t);
  }

 private:
  struct Node {
    std::string_view text;  // from the root to here
    uint32_t parent = 0;
    uint32_t last_return = 0;
    uint32_t first_child = 0;  // in children_, by their next byte
    uint32_t children = 0;
  };

  template <typename Fn>
  void follow(uint32_t node, size_t from, size_t beyond, size_t end, const Fn& fn) const {
    const Node& here = nodes_[node];
    if (here.text.size() > from) fn(here.text, beyond);
    if (here.text.size() >= end) return;
    for (uint32_t i = 0; i < here.children; ++i)
      follow(children_[here.first_child + i], from, here.text.size(), end, fn);
  }
  uint32_t child(uint32_t node, char next) const;
  void order_children();

  std::vector<Node> nodes_;
  std::vector<uint32_t> children_;
};

}  // namespace riven::linearizable
