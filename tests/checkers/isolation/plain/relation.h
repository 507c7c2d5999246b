// Relations between a few hundred things as matrices of bits.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace riven::checkers::isolation::plain {

class Relation {
 public:
  explicit Relation(size_t n = 0) : n_(n), words_((n + 63) / 64), bits_(n * words_) {}
  size_t size() const { return n_; }
  void add(size_t a, size_t b) { bits_[a * words_ + b / 64] |= uint64_t{1} << (b % 64); }
  bool has(size_t a, size_t b) const { return ((bits_[a * words_ + b / 64] >> (b % 64)) & 1) != 0; }
  bool empty() const;
  /// Adds to row `a` of this all of row `b` of `other`. True if that changed it.
  bool add_row(size_t a, const Relation& other, size_t b);
  template <typename Fn>
  void each(size_t a, Fn&& fn) const {
    for (size_t w = 0; w < words_; ++w) {
      for (uint64_t rest = bits_[a * words_ + w]; rest != 0; rest &= rest - 1)
        fn(w * 64 + static_cast<size_t>(std::countr_zero(rest)));
    }
  }

  friend Relation operator|(Relation a, const Relation& b) {
    for (size_t i = 0; i < a.bits_.size(); ++i) a.bits_[i] |= b.bits_[i];
    return a;
  }
  friend Relation operator&(Relation a, const Relation& b) {
    for (size_t i = 0; i < a.bits_.size(); ++i) a.bits_[i] &= b.bits_[i];
    return a;
  }
  friend bool operator==(const Relation&, const Relation&) = default;

 private:
  size_t n_, words_;
  std::vector<uint64_t> bits_;
};

Relation transposed(const Relation& r);
/// a;b: from x to z where a leads from x to some y and b from there to z.
Relation then(const Relation& a, const Relation& b);
/// `a` or nothing.
Relation maybe(Relation a);
/// r+, by Warshall's algorithm.
Relation transitive(Relation r);
/// Whether some thing is related to itself.
bool reflexive_somewhere(const Relation& r);
/// Whether r+ relates nothing to itself; by taking away what nothing leads to.
bool acyclic(const Relation& r);
/// An order in which every step of `r` leads forward; of the free ones the lowest number first. Shorter than
/// r.size() where there is a cycle.
std::vector<size_t> topological(const Relation& r);

}  // namespace riven::checkers::isolation::plain
