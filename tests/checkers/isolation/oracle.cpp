#include "tests/checkers/isolation/oracle.h"

#include <algorithm>
#include <functional>
#include <map>
#include <set>

namespace riven::checkers::isolation {

namespace {

using Matrix = std::vector<std::vector<char>>;
struct Place {
  int txn, mop;
};

/// One choice of fates and version orders.
class World {
 public:
  World(const TinyHistory& h, std::vector<int> members, std::map<int, std::vector<Place>> order)
      : h_(h), in_(std::move(members)), order_(std::move(order)), n_(h.txns.size()) {
    for (auto& [key, places] : order_)
      for (size_t p = 0; p < places.size(); ++p)
        at_[{places[p].txn, places[p].mop}] = static_cast<int>(p) + 1;
    relations();
  }

  ModelSet holding() {
    ModelSet out = 0;
    const auto put = [&](Model m, bool ok) { out |= ok ? bit(m) : 0; };
    using enum Model;
    const Matrix none = empty();
    const bool tidy = ordered_within();
    put(read_uncommitted, tidy && acyclic(ww_));
    put(strong_session_read_uncommitted, tidy && acyclic(sum(ww_, so_)));
    put(strong_read_uncommitted, tidy && acyclic(sum(ww_, rt_)));
    const bool clean = tidy && !intermediate() && !future();
    const Matrix dep = sum(ww_, wr_);
    put(read_committed, clean && acyclic(dep));
    put(strong_session_read_committed, clean && acyclic(sum(dep, so_)));
    put(strong_read_committed, clean && acyclic(sum(dep, rt_)));
    put(item_cut_isolation, repeatable());
    put(repeatable_read, clean && acyclic(sum(dep, rw_)));
    put(cursor_stability, clean && acyclic(dep) && !blind_overwrite());
    const bool view = clean && acyclic(dep) && irreflexive(then(rw_, closure(dep)));
    for (const Model m : {consistent_view, forward_consistent_view}) put(m, view);
    put(monotonic_view, clean && acyclic(dep) && !later_read_of_overwritten());
    put(monotonic_atomic_view, clean && some_order(none, [&](const auto& co) { return axiom_po(co); }));
    const bool own = internal_consistency();
    put(read_atomic, clean && own && axiom(none, wr_));
    put(strong_session_read_atomic, clean && own && axiom(so_, sum(wr_, closure(so_))));
    put(update_atomic, clean && own && axiom(none, sum(wr_, ww_)));
    put(causal_cerone, clean && own && axiom(none, closure(wr_)));
    put(strong_session_causal, clean && own && axiom(so_, closure(sum(wr_, so_))));
    put(parallel_snapshot_isolation, clean && own && axiom(none, closure(dep)));
    put(strong_session_parallel_snapshot_isolation, clean && own && axiom(so_, closure(sum(dep, so_))));
    put(prefix, clean && snapshots(none, false));
    put(strong_session_prefix, clean && snapshots(so_, false));
    put(snapshot_isolation, clean && snapshots(none, true));
    put(strong_session_snapshot_isolation, clean && snapshots(so_, true));
    put(strong_snapshot_isolation, clean && snapshots(rt_, true));
    put(monotonic_snapshot_read, clean && acyclic(dep) && statement_snapshots());
    put(update_serializable, clean && updates_serializable());
    const bool serial = clean && replays(none);
    for (const Model m : {serializable, view_serializable, one_copy_serializable}) put(m, serial);
    const bool sessions = clean && replays(so_);
    for (const Model m : {session_serializable, strong_session_serializable}) put(m, sessions);
    put(strict_serializable, clean && replays(rt_));
    put(sequential, interleaves(so_, -1));
    put(linearizable, interleaves(rt_, -1));
    bool each = true;
    for (const auto& [key, places] : order_) each = each && interleaves(rt_, key);
    put(per_key_linearizable, each);
    put(monotonic_reads, guarantee(monotonic_reads));
    put(read_your_writes, guarantee(read_your_writes));
    put(monotonic_writes, guarantee(monotonic_writes));
    put(writes_follow_reads, guarantee(writes_follow_reads));
    put(pram, !future() && guarantee(pram));
    put(causal, !future() && guarantee(causal));
    return out;
  }

 private:
  const TinyTxn& txn(int t) const { return h_.txns[static_cast<size_t>(t)]; }
  Matrix empty() const { return Matrix(n_, std::vector<char>(n_, 0)); }
  Matrix sum(Matrix a, const Matrix& b) const {
    for (size_t i = 0; i < n_; ++i)
      for (size_t j = 0; j < n_; ++j) a[i][j] = a[i][j] || b[i][j];
    return a;
  }
  Matrix closure(Matrix a) const {
    for (size_t k = 0; k < n_; ++k)
      for (size_t i = 0; i < n_; ++i)
        for (size_t j = 0; j < n_; ++j) a[i][j] = a[i][j] || (a[i][k] && a[k][j]);
    return a;
  }
  Matrix then(const Matrix& a, const Matrix& b) const {
    Matrix c = empty();
    for (size_t i = 0; i < n_; ++i)
      for (size_t k = 0; k < n_; ++k)
        for (size_t j = 0; j < n_; ++j) c[i][j] = c[i][j] || (a[i][k] && b[k][j]);
    return c;
  }
  static bool irreflexive(const Matrix& a) {
    for (size_t i = 0; i < a.size(); ++i)
      if (a[i][i]) return false;
    return true;
  }
  bool acyclic(const Matrix& a) const { return irreflexive(closure(a)); }

  static int seen(const TinyMop& m) { return static_cast<int>(m.elements.size()); }
  bool reads(int t) const { return txn(t).type == OpType::ok; }
  int version(int t, size_t m) const { return at_.at({t, static_cast<int>(m)}); }
  // The transaction that wrote version `p` of `key`, -1 for the initial one.
  int writer(int key, int p) const { return p == 0 ? -1 : order_.at(key)[static_cast<size_t>(p) - 1].txn; }

  // A list ends in the reader's own appends: what is below them came from others.
  int foreign(int t, int key, int p) const {
    while (p > 0 && writer(key, p) == t) --p;
    return p;
  }

  template <typename Fn>
  void each_read(Fn&& fn) const {
    for (const int t : in_)
      for (size_t m = 0; reads(t) && m < txn(t).mops.size(); ++m)
        if (!txn(t).mops[m].write) fn(t, m, txn(t).mops[m].key, seen(txn(t).mops[m]));
  }
  template <typename Fn>
  void each_write(Fn&& fn) const {
    for (const int t : in_)
      for (size_t m = 0; m < txn(t).mops.size(); ++m)
        if (txn(t).mops[m].write) fn(t, m, txn(t).mops[m].key, version(t, m));
  }

  void relations() {
    so_ = rt_ = ww_ = wr_ = rw_ = empty();
    const auto set = [](Matrix& into, int a, int b) {
      if (a != b && a >= 0) into[static_cast<size_t>(a)][static_cast<size_t>(b)] = 1;
    };
    for (const int a : in_)
      for (const int b : in_) {
        if (txn(a).type != OpType::ok) continue;
        if (txn(a).session == txn(b).session && a < b) set(so_, a, b);
        if (txn(a).returned < txn(b).invoked) set(rt_, a, b);
      }
    each_write([&](int t, size_t, int key, int p) {
      for (int q = 1; q < p; ++q) set(ww_, writer(key, q), t);
    });
    each_read([&](int t, size_t, int key, int p) {
      set(wr_, writer(key, foreign(t, key, p)), t);
      for (size_t q = static_cast<size_t>(p); q < order_.at(key).size(); ++q)
        set(rw_, t, order_.at(key)[q].txn);
    });
  }

  bool ordered_within() const {
    bool good = true;
    each_write([&](int t, size_t m, int key, int p) {
      for (size_t other = 0; other < m; ++other)
        if (txn(t).mops[other].write && txn(t).mops[other].key == key && version(t, other) > p) good = false;
    });
    return good;
  }
  bool intermediate() const {
    bool found = false;
    each_read([&](int t, size_t, int key, int p) {
      const int w = writer(key, p);
      if (w < 0 || w == t) return;
      const int mop = order_.at(key)[static_cast<size_t>(p) - 1].mop;
      for (size_t m = static_cast<size_t>(mop) + 1; m < txn(w).mops.size(); ++m)
        if (txn(w).mops[m].write && txn(w).mops[m].key == key) found = true;
    });
    return found;
  }
  bool future() const {
    bool found = false;
    each_read([&](int t, size_t m, int key, int p) {
      for (size_t later = m + 1; later < txn(t).mops.size(); ++later)
        if (txn(t).mops[later].write && txn(t).mops[later].key == key && version(t, later) <= p) found = true;
    });
    return found;
  }
  bool wrote_before(int t, size_t m) const {
    for (size_t other = 0; other < m; ++other)
      if (txn(t).mops[other].write && txn(t).mops[other].key == txn(t).mops[m].key) return true;
    return false;
  }
  bool repeatable() const {
    bool good = true;
    each_read([&](int t, size_t m, int key, int p) {
      if (wrote_before(t, m)) return;
      for (size_t other = 0; other < m; ++other)
        if (txn(t).mops[other].key == key && seen(txn(t).mops[other]) != p) good = false;
    });
    return good;
  }
  // INT: a read after an access of the same key returns what that access left.
  bool internal_consistency() const {
    bool good = true;
    each_read([&](int t, size_t m, int key, int) {
      const std::vector<int>& list = txn(t).mops[m].elements;
      std::vector<int> tail;
      for (size_t other = m; other-- > 0;) {
        const TinyMop& before = txn(t).mops[other];
        if (before.key != key) continue;
        if (before.write) {
          tail.insert(tail.begin(), before.value);
          continue;
        }
        std::vector<int> expected = before.elements;
        expected.insert(expected.end(), tail.begin(), tail.end());
        if (expected != list) good = false;
        return;
      }
      if (list.size() < tail.size() || !std::equal(tail.rbegin(), tail.rend(), list.rbegin())) good = false;
    });
    return good;
  }
  // G-cursor: a key read, then overwritten by somebody else before its reader wrote it.
  bool blind_overwrite() const {
    bool found = false;
    each_read([&](int t, size_t m, int key, int p) {
      if (wrote_before(t, m)) return;
      int first = 0;
      for (size_t later = m + 1; later < txn(t).mops.size() && first == 0; ++later)
        if (txn(t).mops[later].write && txn(t).mops[later].key == key) first = version(t, later);
      for (int q = p + 1; q < first; ++q) found = found || writer(key, q) != t;
    });
    return found;
  }
  // PL-2L: what the reader accessed before the read depends on the overwriting of what it reads.
  bool later_read_of_overwritten() const {
    Matrix dep = closure(sum(ww_, wr_));
    for (size_t i = 0; i < n_; ++i) dep[i][i] = 1;
    bool found = false;
    each_read([&](int t, size_t m, int key, int p) {
      for (size_t q = static_cast<size_t>(p); q < order_.at(key).size(); ++q) {
        const int overwriter = order_.at(key)[q].txn;
        if (overwriter == t) continue;
        for (size_t e = 0; e < m; ++e) {
          const TinyMop& earlier = txn(t).mops[e];
          const int last = earlier.write ? version(t, e) - 1 : foreign(t, earlier.key, seen(earlier));
          for (int v = earlier.write ? 1 : last; v <= last; ++v) {
            const int source = writer(earlier.key, v);
            if (source >= 0 && source != t &&
                dep[static_cast<size_t>(overwriter)][static_cast<size_t>(source)])
              found = true;
          }
        }
      }
    });
    return found;
  }

  // Whether some commit order that contains `before`, wr and the version orders passes.
  template <typename Fn>
  bool some_order(const Matrix& before, Fn&& passes) const {
    const Matrix must = sum(sum(ww_, wr_), before);
    std::vector<int> co = in_;
    std::sort(co.begin(), co.end());
    do {
      bool good = true;
      for (size_t i = 0; i < co.size() && good; ++i)
        for (size_t j = 0; j < i && good; ++j)
          good = !must[static_cast<size_t>(co[i])][static_cast<size_t>(co[j])];
      if (good && passes(co)) return true;
    } while (std::next_permutation(co.begin(), co.end()));
    return false;
  }
  static size_t place(const std::vector<int>& co, int t) {
    return static_cast<size_t>(std::find(co.begin(), co.end(), t) - co.begin());
  }
  // For each read of x from t1 and each t2 that writes x with (t2, reader) in R: t2 co t1.
  bool axiom(const Matrix& before, const Matrix& r) const {
    return some_order(before, [&](const std::vector<int>& co) {
      bool good = true;
      each_read([&](int t3, size_t, int key, int p) {
        each_write([&](int t2, size_t, int other, int q) {
          if (other != key || q <= p || t2 == t3 || writer(key, p) == t2) return;
          if (!r[static_cast<size_t>(t2)][static_cast<size_t>(t3)]) return;
          const int t1 = writer(key, p);
          if (t1 < 0 || place(co, t2) > place(co, t1)) good = false;
        });
      });
      return good;
    });
  }
  bool axiom_po(const std::vector<int>& co) const {
    bool good = true;
    each_read([&](int t3, size_t m, int key, int p) {
      for (size_t earlier = 0; earlier < m; ++earlier) {
        const TinyMop& e = txn(t3).mops[earlier];
        if (e.write) continue;
        const int t2 = writer(e.key, foreign(t3, e.key, seen(e)));
        if (t2 < 0 || t2 == t3) continue;
        each_write([&](int w, size_t, int other, int q) {
          if (w != t2 || other != key || q <= p || writer(key, p) == t2) return;
          const int t1 = writer(key, p);
          if (t1 < 0 || place(co, t2) > place(co, t1)) good = false;
        });
      }
    });
    return good;
  }

  // A database that runs transactions one after another.
  bool replays(const Matrix& before) const {
    std::vector<int> co = in_;
    std::sort(co.begin(), co.end());
    do {
      bool good = true;
      for (size_t i = 0; i < co.size() && good; ++i)
        for (size_t j = 0; j < i && good; ++j)
          good = !before[static_cast<size_t>(co[i])][static_cast<size_t>(co[j])];
      if (good && serial(co)) return true;
    } while (std::next_permutation(co.begin(), co.end()));
    return false;
  }
  bool serial(const std::vector<int>& co) const {
    std::map<int, std::vector<int>> state;
    for (const int t : co)
      for (const TinyMop& m : txn(t).mops) {
        if (m.write)
          state[m.key].push_back(m.value);
        else if (reads(t) && state[m.key] != m.elements)
          return false;
      }
    return true;
  }

  // Whether the lists that an execution leaves are the version orders of this world.
  bool left_in_order(std::map<int, std::vector<int>> state) const {
    for (const auto& [key, places] : order_) {
      auto left = state[key].begin();
      for (const Place& p : places)
        if (left == state[key].end() || *left++ != txn(p.txn).mops[static_cast<size_t>(p.mop)].value)
          return false;
    }
    return true;
  }

  // A database whose transactions read a snapshot taken at their start and commit at once; with `first_wins`
  // nobody may write what another has committed since the snapshot. `before`: commit before start.
  bool snapshots(const Matrix& before, bool first_wins) const {
    struct Run {
      bool started = false, done = false;
      std::map<int, std::vector<int>> snapshot;
    };
    std::vector<Run> runs(n_);
    std::map<int, std::vector<int>> state;
    std::function<bool(size_t)> step = [&](size_t left) -> bool {
      if (left == 0) return left_in_order(state);
      for (const int t : in_) {
        Run& run = runs[static_cast<size_t>(t)];
        if (run.done) continue;
        const auto saved_state = state;
        const Run saved = run;
        if (!run.started) {
          bool may = true;
          for (const int other : in_)
            if (before[static_cast<size_t>(other)][static_cast<size_t>(t)] &&
                !runs[static_cast<size_t>(other)].done)
              may = false;
          if (!may) continue;
          run.started = true;
          run.snapshot = state;
          auto view = state;
          for (const TinyMop& m : txn(t).mops) {
            if (m.write)
              view[m.key].push_back(m.value);
            else if (reads(t) && view[m.key] != m.elements)
              may = false;
          }
          if (may && step(left - 1)) return true;
        } else {
          bool may = true;
          for (const TinyMop& m : txn(t).mops) {
            if (!m.write) continue;
            if (first_wins && saved_state.count(m.key) != 0 &&
                saved_state.at(m.key).size() != run.snapshot[m.key].size())
              may = false;
          }
          for (const TinyMop& m : txn(t).mops)
            if (m.write) state[m.key].push_back(m.value);
          run.done = true;
          if (may && step(left - 1)) return true;
        }
        run = saved;
        state = saved_state;
      }
      return false;
    };
    return step(2 * in_.size());
  }

  // A database whose every read sees what is committed at that moment, and which commits at once.
  bool statement_snapshots() const {
    std::vector<size_t> next(n_, 0);
    std::map<int, std::vector<int>> state;
    std::function<bool()> step = [&]() -> bool {
      bool finished = true;
      for (const int t : in_) {
        size_t& at = next[static_cast<size_t>(t)];
        const std::vector<TinyMop>& all = txn(t).mops;
        if (at > all.size()) continue;
        finished = false;
        const size_t saved = at;
        while (at < all.size() && (all[at].write || wrote_before(t, at) || !reads(t))) ++at;
        if (at < all.size()) {
          if (state[all[at].key] == all[at].elements) {
            ++at;
            if (step()) return true;
          }
        } else {
          const auto saved_state = state;
          for (const TinyMop& m : all)
            if (m.write) state[m.key].push_back(m.value);
          at = all.size() + 1;
          if (step()) return true;
          state = saved_state;
        }
        at = saved;
      }
      return finished && left_in_order(state);
    };
    return step();
  }

  // PL-3U under the version orders of this world.
  bool updates_serializable() const {
    std::vector<int> updating, reading;
    for (const int t : in_) {
      const auto& all = txn(t).mops;
      (std::any_of(all.begin(), all.end(), [](const TinyMop& m) { return m.write; }) ? updating : reading)
          .push_back(t);
    }
    const Matrix all = sum(sum(ww_, wr_), rw_);
    const auto serializable_with = [&](int extra) {
      Matrix some = empty();
      for (size_t i = 0; i < n_; ++i)
        for (size_t j = 0; j < n_; ++j) {
          const auto counts = [&](size_t t) {
            return static_cast<int>(t) == extra ||
                   std::find(updating.begin(), updating.end(), static_cast<int>(t)) != updating.end();
          };
          some[i][j] = all[i][j] && counts(i) && counts(j);
        }
      return acyclic(some);
    };
    if (!serializable_with(-1)) return false;
    return std::all_of(reading.begin(), reading.end(), serializable_with);
  }

  // A memory that executes one micro-operation at a time (of one key alone, if `key` >= 0).
  bool interleaves(const Matrix& before, int key) const {
    std::vector<size_t> next(n_, 0);
    std::map<int, std::vector<int>> state;
    const auto skip = [&](int t, size_t at) {
      const auto& all = txn(t).mops;
      while (at < all.size() && ((key >= 0 && all[at].key != key) || (!all[at].write && !reads(t)))) ++at;
      return at;
    };
    std::set<std::vector<size_t>> dead;
    std::function<bool()> step = [&]() -> bool {
      std::vector<size_t> where = next;
      for (const auto& [k, list] : state) {
        where.push_back(static_cast<size_t>(k) + 1000);
        for (const int e : list) where.push_back(static_cast<size_t>(e));
      }
      if (dead.count(where) != 0) return false;
      bool finished = true;
      for (const int t : in_) {
        size_t& at = next[static_cast<size_t>(t)];
        const size_t now = skip(t, at);
        const auto& all = txn(t).mops;
        if (now >= all.size()) continue;
        finished = false;
        bool may = true;
        for (const int other : in_)
          if (before[static_cast<size_t>(other)][static_cast<size_t>(t)] &&
              skip(other, next[static_cast<size_t>(other)]) < txn(other).mops.size())
            may = false;
        if (!may) continue;
        const TinyMop& m = all[now];
        if (!m.write && state[m.key] != m.elements) continue;
        const size_t saved = at;
        if (m.write) state[m.key].push_back(m.value);
        at = now + 1;
        if (step()) return true;
        at = saved;
        if (m.write) state[m.key].pop_back();
      }
      if (!finished) dead.insert(where);
      return finished;
    };
    return step();
  }

  // The session guarantees, PRAM and causal memory over micro-operations.
  bool guarantee(Model model) const {
    struct Event {
      int txn;
      size_t mop;
      bool write;
      int key, version;
    };
    std::vector<Event> all;
    for (const int t : in_)
      for (size_t m = 0; m < txn(t).mops.size(); ++m) {
        const TinyMop& mop = txn(t).mops[m];
        if (mop.write)
          all.push_back({t, m, true, mop.key, version(t, m)});
        else if (reads(t))
          all.push_back({t, m, false, mop.key, seen(mop)});
      }
    const size_t n = all.size();
    Matrix so(n, std::vector<char>(n, 0));
    Matrix wr = so;
    for (size_t a = 0; a < n; ++a)
      for (size_t b = 0; b < n; ++b) {
        const bool same = all[a].txn == all[b].txn;
        if (same ? all[a].mop < all[b].mop
                 : so_[static_cast<size_t>(all[a].txn)][static_cast<size_t>(all[b].txn)] != 0)
          so[a][b] = 1;
        if (all[a].write && !all[b].write && all[a].key == all[b].key && all[a].version == all[b].version)
          wr[a][b] = 1;
      }
    // old(w, r): the read r does not show the write w, or the write r is not after it.
    const auto old = [&](size_t w, size_t r) {
      return all[w].write && all[w].key == all[r].key && all[r].version < all[w].version;
    };
    Matrix hb = so;
    for (size_t a = 0; a < n; ++a)
      for (size_t b = 0; b < n; ++b) hb[a][b] = hb[a][b] || wr[a][b];
    for (size_t k = 0; k < n; ++k)
      for (size_t a = 0; a < n; ++a)
        for (size_t b = 0; b < n; ++b) hb[a][b] = hb[a][b] || (hb[a][k] && hb[k][b]);
    for (size_t r = 0; r < n; ++r) {
      if (model == Model::causal && hb[r][r]) return false;
      for (size_t w = 0; w < n; ++w) {
        switch (model) {
          case Model::monotonic_reads:
            if (!all[r].write && !all[w].write && so[w][r] && all[w].key == all[r].key &&
                all[r].version < all[w].version)
              return false;
            break;
          case Model::read_your_writes:
            if (!all[r].write && so[w][r] && old(w, r)) return false;
            break;
          case Model::monotonic_writes:
            if (all[r].write && so[w][r] && old(w, r)) return false;
            for (size_t w2 = 0; w2 < n; ++w2)
              for (size_t r2 = 0; r2 < n; ++r2)
                if (!all[r].write && so[w][w2] && wr[w2][r2] && all[r2].txn == all[r].txn && so[r2][r] &&
                    old(w, r))
                  return false;
            break;
          case Model::writes_follow_reads:
            for (size_t r0 = 0; r0 < n; ++r0) {
              if (all[r0].write) continue;
              // What r0 read is in the past of the writes after it; a list shows all versions up to its own.
              const bool shown =
                  all[w].write && all[w].key == all[r0].key && all[w].version <= all[r0].version;
              if (!shown) continue;
              if (all[r].write && so[r0][r] && (old(w, r) || w == r)) return false;
              for (size_t w1 = 0; w1 < n; ++w1)
                for (size_t r2 = 0; r2 < n; ++r2)
                  if (!all[r].write && all[w1].write && so[r0][w1] && wr[w1][r2] &&
                      all[r2].txn == all[r].txn && so[r2][r] && old(w, r))
                    return false;
            }
            break;
          case Model::pram: {
            if (so[w][r] && old(w, r)) return false;  // own writes, seen and in order
            for (size_t r0 = 0; r0 < n; ++r0) {
              if (all[r0].write || !so[r0][r] || all[r].write) continue;
              if (all[w].write && all[w].key == all[r0].key && all[w].version <= all[r0].version && old(w, r))
                return false;
              for (size_t w1 = 0; w1 < n; ++w1)
                if (wr[w1][r0] && (w == w1 || so[w][w1]) && old(w, r)) return false;
            }
            for (size_t w1 = 0; w1 < n; ++w1)
              if (wr[w1][r] && so[w][w1] && old(w, r)) return false;
            // A session that read its own later write.
            if (all[w].write && !all[r].write && so[r][w] && all[w].key == all[r].key &&
                all[w].version <= all[r].version)
              return false;
            break;
          }
          case Model::causal:
            if (hb[w][r] && old(w, r)) return false;
            if (!all[r].write) {
              for (size_t r0 = 0; r0 < n; ++r0)
                if (!all[r0].write && hb[r0][r] && all[r0].key == all[r].key &&
                    all[r].version < all[r0].version)
                  return false;
              if (all[w].write && hb[r][w] && all[w].key == all[r].key && all[w].version <= all[r].version)
                return false;
            }
            break;
          default:
            break;
        }
      }
    }
    return true;
  }

  const TinyHistory& h_;
  std::vector<int> in_;
  std::map<int, std::vector<Place>> order_;
  size_t n_;
  std::map<std::pair<int, int>, int> at_;
  Matrix so_, rt_, ww_, wr_, rw_;
};

}  // namespace

ModelSet holding(const TinyHistory& tiny) {
  // What was read fixes the front of each key's order.
  std::map<int, std::vector<int>> longest;
  std::map<std::pair<int, int>, Place> appended;
  std::set<int> keys;
  for (size_t t = 0; t < tiny.txns.size(); ++t)
    for (size_t m = 0; m < tiny.txns[t].mops.size(); ++m) {
      const TinyMop& mop = tiny.txns[t].mops[m];
      keys.insert(mop.key);
      if (mop.write)
        appended[{mop.key, mop.value}] = {static_cast<int>(t), static_cast<int>(m)};
      else if (tiny.txns[t].type == OpType::ok && mop.elements.size() > longest[mop.key].size())
        longest[mop.key] = mop.elements;
    }
  std::set<int> observed;
  for (const auto& [key, list] : longest)
    for (const int e : list) observed.insert(appended.at({key, e}).txn);
  std::vector<int> sure, unsure;
  for (size_t t = 0; t < tiny.txns.size(); ++t) {
    const auto id = static_cast<int>(t);
    if (tiny.txns[t].type == OpType::fail) continue;
    (tiny.txns[t].type == OpType::ok || observed.count(id) != 0 ? sure : unsure).push_back(id);
  }
  ModelSet out = 0;
  for (uint32_t fate = 0; fate < 1U << unsure.size(); ++fate) {
    std::vector<int> members = sure;
    for (size_t i = 0; i < unsure.size(); ++i)
      if (fate >> i & 1) members.push_back(unsure[i]);
    std::sort(members.begin(), members.end());
    std::map<int, std::vector<Place>> late;
    std::map<int, std::vector<Place>> front;
    for (const int key : keys) front[key], late[key];
    for (const auto& [name, place] : appended) {
      if (std::find(members.begin(), members.end(), place.txn) == members.end()) continue;
      const auto& list = longest[name.first];
      if (std::find(list.begin(), list.end(), name.second) == list.end()) late[name.first].push_back(place);
    }
    for (const auto& [key, list] : longest)
      for (const int e : list) front[key].push_back(appended.at({key, e}));
    std::function<void(std::set<int>::iterator)> permute = [&](std::set<int>::iterator key) {
      if (key == keys.end()) {
        out |= World(tiny, members, front).holding();
        return;
      }
      std::vector<size_t> order(late[*key].size());
      for (size_t i = 0; i < order.size(); ++i) order[i] = i;
      const auto base = front[*key];
      do {
        front[*key] = base;
        for (const size_t i : order) front[*key].push_back(late[*key][i]);
        permute(std::next(key));
      } while (std::next_permutation(order.begin(), order.end()));
      front[*key] = base;
    };
    permute(keys.begin());
  }
  return out;
}

}  // namespace riven::checkers::isolation
