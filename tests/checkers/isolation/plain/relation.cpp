#include "tests/checkers/isolation/plain/relation.h"

#include <algorithm>
#include <functional>
#include <queue>

namespace riven::checkers::isolation::plain {

bool Relation::empty() const {
  return std::all_of(bits_.begin(), bits_.end(), [](uint64_t w) { return w == 0; });
}

bool Relation::add_row(size_t a, const Relation& other, size_t b) {
  uint64_t fresh = 0;
  for (size_t w = 0; w < words_; ++w) {
    uint64_t& mine = bits_[a * words_ + w];
    const uint64_t theirs = other.bits_[b * words_ + w];
    fresh |= theirs & ~mine;
    mine |= theirs;
  }
  return fresh != 0;
}

Relation transposed(const Relation& r) {
  Relation out(r.size());
  for (size_t a = 0; a < r.size(); ++a) r.each(a, [&](size_t b) { out.add(b, a); });
  return out;
}

Relation then(const Relation& a, const Relation& b) {
  Relation out(a.size());
  for (size_t x = 0; x < a.size(); ++x) a.each(x, [&](size_t y) { out.add_row(x, b, y); });
  return out;
}

Relation maybe(Relation a) {
  for (size_t x = 0; x < a.size(); ++x) a.add(x, x);
  return a;
}

Relation transitive(Relation r) {
  for (size_t via = 0; via < r.size(); ++via) {
    for (size_t x = 0; x < r.size(); ++x) {
      if (r.has(x, via)) r.add_row(x, r, via);
    }
  }
  return r;
}

bool reflexive_somewhere(const Relation& r) {
  for (size_t x = 0; x < r.size(); ++x) {
    if (r.has(x, x)) return true;
  }
  return false;
}

std::vector<size_t> topological(const Relation& r) {
  std::vector<size_t> before(r.size(), 0), out;
  for (size_t a = 0; a < r.size(); ++a) r.each(a, [&](size_t b) { ++before[b]; });
  std::priority_queue<size_t, std::vector<size_t>, std::greater<>> free;
  for (size_t a = 0; a < r.size(); ++a) {
    if (before[a] == 0) free.push(a);
  }
  while (!free.empty()) {
    const size_t a = free.top();
    free.pop();
    out.push_back(a);
    r.each(a, [&](size_t b) {
      if (--before[b] == 0) free.push(b);
    });
  }
  return out;
}

bool acyclic(const Relation& r) { return topological(r).size() == r.size(); }

}  // namespace riven::checkers::isolation::plain
