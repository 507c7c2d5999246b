// The shared-memory models: a memory that executes micro-operations one at a time, and the session
// guarantees.
#include <algorithm>
#include <set>

#include "tests/checkers/isolation/oracle_world.h"

namespace riven::checkers::isolation::oracle {

namespace {

class Memory {
 public:
  explicit Memory(const World& w) : w_(w), f_(w.f) {}

  /// Whether the micro-operations (of one key, if it is >= 0), those of a transaction in their order and
  /// transactions as `before` says, can run one after the other and read what they read.
  bool executes(const Relation& before, int key) {
    dead_.clear();
    waits_ = Relation();
    all_ = 0;
    for (size_t e = 0; e < f_.events.size(); ++e)
      if (w_.is_in(f_.events[e]) && (key < 0 || f_.events[e].key == static_cast<size_t>(key))) all_ |= one(e);
    for (size_t b = 0; b < f_.events.size(); ++b)
      for (size_t a = 0; a < f_.events.size(); ++a)
        if (f_.events[a].txn == f_.events[b].txn ? a < b
                                                 : has(before.before[f_.events[b].txn], f_.events[a].txn))
          waits_.add(a, b);
    // What is taken for granted of the writes.
    for (size_t b = 0; b < f_.events.size(); ++b) waits_.before[b] |= w_.granted.before[b];
    return step(0, {});
  }

 private:
  using State = std::array<uint64_t, kKeys>;  // the values of a list, five bits each; of a register the last
  static uint64_t packed(const std::vector<int>& values) {
    uint64_t out = 0;
    for (const int v : values) out = out << 5 | static_cast<uint64_t>(v);
    return out;
  }

  bool step(Set done, const State& state) {
    if (done == all_) return true;
    if (!dead_.insert({done, state}).second) return false;
    for (size_t e = 0; e < f_.events.size(); ++e) {
      if (!has(all_ & ~done, e) || (waits_.before[e] & all_ & ~done) != 0) continue;
      const Event& event = f_.events[e];
      State next = state;
      uint64_t& cell = next[event.key];
      if (event.write)
        cell = (f_.h.registers ? 0 : cell << 5) | static_cast<uint64_t>(event.what->value);
      else if (cell != packed(event.what->elements))
        continue;
      if (step(done | one(e), next)) return true;
    }
    return false;
  }

  const World& w_;
  const Facts& f_;
  Set all_ = 0;
  Relation waits_;
  std::set<std::pair<Set, State>> dead_;
};

/// The session guarantees (Terry et al. 1994), PRAM (Lipton, Sandberg 1988) and causal memory (Ahamad et al.
/// 1995) over micro-operations.
class Guarantees {
 public:
  explicit Guarantees(const World& w) : w_(w), f_(w.f), n_(w.f.events.size()) {
    for (size_t b = 0; b < n_; ++b) {
      const Event& y = f_.events[b];
      if (!w_.is_in(y)) continue;
      for (size_t a = 0; a < n_; ++a) {
        const Event& x = f_.events[a];
        if (!w_.is_in(x)) continue;
        if (x.txn == y.txn ? a < b : has(f_.sessions.before[y.txn], x.txn)) so_.add(a, b);
        if (x.key != y.key) continue;
        if (x.write && w_.version[a] > w_.version[b]) newer_.add(a, b);
        if (!x.write && w_.version[a] > w_.version[b]) newer_reads_.add(a, b);
        if (x.write && w_.version[a] <= w_.version[b] && !y.write) shown_.add(a, b);
        const bool shown = f_.h.registers ? w_.version[a] == w_.version[b] : w_.version[a] <= w_.version[b];
        if (x.write && !y.write && shown) wr_.add(a, b);
      }
      (y.write ? writes_ : reads_) |= one(b);
    }
  }

  ModelSet run() const {
    using enum Model;
    ModelSet out = 0;
    const auto put = [&](Model m, bool ok) { out |= ok ? bit(m) : 0; };
    put(monotonic_reads, every(reads_, [&](size_t r) { return no(so_.before[r] & newer_reads_.before[r]); }));
    put(read_your_writes, every(reads_, [&](size_t r) { return no(so_.before[r] & newer_.before[r]); }));
    put(monotonic_writes, monotonic_writes_hold());
    put(writes_follow_reads, writes_follow_reads_hold());
    if (f_.future_read() || f_.aborted_read()) return out;
    put(pram, pram_holds());
    put(causal, causal_holds());
    return out;
  }

 private:
  static bool no(Set s) { return s == 0; }
  template <typename Fn>
  static bool every(Set s, Fn&& fn) {
    bool good = true;
    each(s, [&](size_t e) { good = good && fn(e); });
    return good;
  }
  Set earlier_in_txn(size_t e) const {
    Set out = 0;
    for (size_t i = f_.first[f_.events[e].txn]; i < e; ++i) out |= one(i);
    return out;
  }
  // The writes that the reads among `some` read from.
  Set sources(Set some) const {
    Set out = 0;
    each(some & reads_, [&](size_t r) { out |= wr_.before[r]; });
    return out;
  }
  Set before_any(Set some) const {
    Set out = 0;
    each(some, [&](size_t e) { out |= so_.before[e]; });
    return out;
  }
  // Everything that the reads among `some` show: a list all versions up to its own.
  Set shown_by(Set some) const {
    Set out = 0;
    each(some & reads_, [&](size_t r) { out |= shown_.before[r]; });
    return out;
  }

  // A session's writes are versions in its order, and who saw one sees, later on, those before it.
  bool monotonic_writes_hold() const {
    return every(writes_, [&](size_t w) { return no(so_.before[w] & newer_.before[w]); }) &&
           every(reads_,
                 [&](size_t r) { return no(before_any(sources(earlier_in_txn(r))) & newer_.before[r]); });
  }
  // The same with what the session had read before it wrote.
  bool writes_follow_reads_hold() const {
    return every(writes_,
                 [&](size_t w) { return no(shown_by(so_.before[w]) & (newer_.before[w] | one(w))); }) &&
           every(reads_, [&](size_t r) {
             return no(shown_by(before_any(sources(earlier_in_txn(r)))) & newer_.before[r]);
           });
  }
  bool pram_holds() const {
    return every(writes_, [&](size_t w) { return no(so_.before[w] & newer_.before[w]); }) &&
           every(reads_, [&](size_t r) {
             const Set from = sources(so_.before[r]);
             const Set known = so_.before[r] | shown_by(so_.before[r]) | from | before_any(from) |
                               before_any(wr_.before[r]);
             return no(known & newer_.before[r]) && !sees_own_future(r, so_);
           });
  }
  bool causal_holds() const {
    const Relation hb = closure(so_ | wr_, n_);
    if (!irreflexive(hb, n_)) return false;
    return every(writes_, [&](size_t w) { return no(hb.before[w] & newer_.before[w]); }) &&
           every(reads_, [&](size_t r) {
             return no(hb.before[r] & (newer_.before[r] | newer_reads_.before[r])) && !overtaken(r, hb);
           });
  }
  // A list that shows a write which comes after it; a register only shows its own version.
  bool sees_own_future(size_t r, const Relation& order) const {
    bool found = false;
    each(f_.h.registers ? wr_.before[r] : shown_.before[r],
         [&](size_t w) { found = found || has(order.before[w], r); });
    return found;
  }
  // A write that comes after the read makes an earlier version.
  bool overtaken(size_t r, const Relation& order) const {
    bool found = false;
    each(shown_.before[r], [&](size_t w) { found = found || has(order.before[w], r); });
    return found;
  }

  const World& w_;
  const Facts& f_;
  size_t n_;
  Set writes_ = 0, reads_ = 0;
  // Before each event: of its session; writes and reads of newer versions of its key; writes that a read
  // shows; the writes that it read from: of a list all in it.
  Relation so_, newer_, newer_reads_, shown_, wr_;
};

}  // namespace

ModelSet by_guarantees(const World& w) { return Guarantees(w).run(); }

ModelSet by_interleaving(const World& w) {
  using enum Model;
  ModelSet out = 0;
  Memory memory(w);
  if (memory.executes(w.f.sessions, -1)) out |= bit(sequential);
  if (memory.executes(w.f.real_time, -1)) out |= bit(linearizable);
  bool keys = true;
  for (size_t k = 0; k < w.f.keys && keys; ++k) keys = memory.executes(w.f.real_time, static_cast<int>(k));
  if (keys) out |= bit(per_key_linearizable);
  return out;
}

}  // namespace riven::checkers::isolation::oracle
