#include "checkers/linearizable/text_trie.h"

#include <algorithm>

namespace riven::linearizable {

TextTrie::TextTrie(std::vector<std::pair<std::string_view, uint32_t>> reads) {
  std::sort(reads.begin(), reads.end());
  nodes_.push_back({});
  std::vector<uint32_t> path{0};  // from the root to the text before
  for (const auto& [text, returned] : reads) {
    const std::string_view last = nodes_[path.back()].text;
    const auto parted = std::mismatch(text.begin(), text.end(), last.begin(), last.end()).first;
    const auto common = static_cast<size_t>(parted - text.begin());
    uint32_t below = TextPlace::kNowhere;  // what a new node goes between
    while (nodes_[path.back()].text.size() > common) {
      below = path.back();
      path.pop_back();
    }
    if (nodes_[path.back()].text.size() < common) {
      nodes_.push_back({text.substr(0, common), path.back()});
      path.push_back(static_cast<uint32_t>(nodes_.size() - 1));
      nodes_[below].parent = path.back();
    }
    if (common < text.size()) {
      nodes_.push_back({text, path.back()});
      path.push_back(static_cast<uint32_t>(nodes_.size() - 1));
    }
    nodes_[path.back()].last_return = std::max(nodes_[path.back()].last_return, returned);
  }
  order_children();
}

/// Also says of each node when the last read below it returned.
void TextTrie::order_children() {
  std::vector<uint32_t> order(nodes_.size());
  for (uint32_t i = 0; i < order.size(); ++i) order[i] = i;
  std::sort(order.begin(), order.end(),
            [&](uint32_t x, uint32_t y) { return nodes_[x].text.size() > nodes_[y].text.size(); });
  for (const uint32_t i : order) {
    Node& parent = nodes_[nodes_[i].parent];
    parent.last_return = std::max(parent.last_return, nodes_[i].last_return);
  }
  for (uint32_t i = 1; i < nodes_.size(); ++i) children_.push_back(i);
  std::sort(children_.begin(), children_.end(), [&](uint32_t x, uint32_t y) {
    const Node& a = nodes_[x];
    const Node& b = nodes_[y];
    if (a.parent != b.parent) return a.parent < b.parent;
    return static_cast<unsigned char>(a.text[nodes_[a.parent].text.size()]) <
           static_cast<unsigned char>(b.text[nodes_[b.parent].text.size()]);
  });
  for (uint32_t k = 0; k < children_.size(); ++k) {
    Node& parent = nodes_[nodes_[children_[k]].parent];
    if (parent.children++ == 0) parent.first_child = k;
  }
}

uint32_t TextTrie::child(uint32_t node, char next) const {
  const Node& here = nodes_[node];
  const auto begin = children_.begin() + here.first_child;
  const auto end = begin + here.children;
  const size_t at = here.text.size();
  const auto found = std::partition_point(begin, end, [&](uint32_t i) {
    return static_cast<unsigned char>(nodes_[i].text[at]) < static_cast<unsigned char>(next);
  });
  return found == end || nodes_[*found].text[at] != next ? TextPlace::kNowhere : *found;
}

TextPlace TextTrie::advance(TextPlace from, std::string_view piece) const {
  if (!from.somewhere()) return from;
  while (!piece.empty()) {
    if (from.length == nodes_[from.node].text.size()) {
      from.node = child(from.node, piece.front());
      if (!from.somewhere()) return {};
    }
    const std::string_view rest = nodes_[from.node].text.substr(from.length);
    const size_t step = std::min(rest.size(), piece.size());
    if (rest.substr(0, step) != piece.substr(0, step)) return {};
    from.length += static_cast<uint32_t>(step);
    piece.remove_prefix(step);
  }
  return from;
}

}  // namespace riven::linearizable
