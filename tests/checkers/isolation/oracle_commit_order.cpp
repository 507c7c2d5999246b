// The axioms of Biswas and Enea (OOPSLA'19, figure 2) for one commit order, with and without session order or
// real time: whoever reads key x from t1 while some t2 that also writes x is *visible* to it must have t2
// before t1 in the commit order. The levels differ in what is visible.
#include <algorithm>

#include "tests/checkers/isolation/oracle_world.h"

namespace riven::checkers::isolation::oracle {

namespace {

class CommitOrder {
 public:
  CommitOrder(const World& w, const std::array<size_t, kTxns>& place)
      : w_(w), f_(w.f), n_(w.f.txns), place_(place) {
    each(w.in, [&](size_t b) {
      each(w.in, [&](size_t a) {
        if (place[a] < place[b]) earlier_.add(a, b);
      });
    });
    reads_and_writes();
  }

  ModelSet run() const {
    using enum Model;
    if (!within(wr_)) return 0;  // reads come after the writes that they show, at every level
    ModelSet out = 0;
    const auto put = [&](std::initializer_list<Model> models, bool ok) {
      for (const Model m : models) out |= ok ? bit(m) : 0;
    };
    put({monotonic_snapshot_read}, snapshot_for_each_read());
    put({monotonic_atomic_view}, monotonic());
    if (!f_.internally_consistent()) return out;
    const Relation& so = f_.sessions;
    const Relation& rt = f_.real_time;
    const bool sessions = within(so);
    const Relation ww = same_key();
    put({read_atomic}, axiom(wr_));
    put({update_atomic}, axiom(wr_ | ww));
    put({causal_cerone}, axiom(closure(shown_, n_)));
    put({parallel_snapshot_isolation}, axiom(closure(wr_ | ww, n_)));
    put({prefix}, axiom(prefixes(wr_)));
    put({snapshot_isolation}, axiom(prefixes(wr_) | conflicts()));
    put({serializable, view_serializable, one_copy_serializable}, axiom(earlier_));
    if (sessions) {
      put({strong_session_read_atomic}, axiom(wr_ | so));
      put({strong_session_causal}, axiom(closure(shown_ | so, n_)));
      put({strong_session_parallel_snapshot_isolation}, axiom(closure(wr_ | ww | so, n_)));
      put({strong_session_prefix}, axiom(prefixes(wr_ | so)));
      put({strong_session_snapshot_isolation}, axiom(prefixes(wr_ | so) | conflicts()));
      put({strong_session_serializable, session_serializable}, axiom(earlier_));
    }
    if (!within(rt)) return out;
    put({strong_snapshot_isolation}, axiom(prefixes(wr_ | rt) | conflicts()));
    put({strict_serializable}, axiom(earlier_));
    return out;
  }

 private:
  struct Read {
    size_t txn, key;
    int from;         // transaction, or -1
    Set seen_before;  // transactions that the reader read from earlier
  };

  void reads_and_writes() {
    std::array<Set, kTxns> read_from{};
    for (size_t i = 0; i < f_.events.size(); ++i) {
      const Event& e = f_.events[i];
      if (!w_.is_in(e)) continue;
      if (e.write) {
        writers_[e.key] |= one(e.txn);
        continue;
      }
      const int p = w_.foreign(e, w_.version[i]);
      if (p < 0) continue;  // an own write: internal
      const int from = w_.writer(e.key, p);
      reads_.push_back({e.txn, e.key, from, read_from[e.txn]});
      for (int q = f_.h.registers ? p : 1; q <= p; ++q)  // a list shows every append in it
        if (const int writer = w_.writer(e.key, q); writer >= 0 && writer != static_cast<int>(e.txn))
          shown_.add(static_cast<size_t>(writer), e.txn);
      if (from < 0 || from == static_cast<int>(e.txn)) continue;
      read_from[e.txn] |= one(static_cast<size_t>(from));
      wr_.add(static_cast<size_t>(from), e.txn);
    }
  }
  // Whether the commit order contains `r`.
  bool within(const Relation& r) const {
    bool good = true;
    each(w_.in, [&](size_t t) { good = good && (r.before[t] & w_.in & ~earlier_.before[t]) == 0; });
    return good;
  }
  // Who writes the read's key after the version that it shows.
  Set overwriters(const Read& r) const {
    Set out = writers_[r.key] & ~one(r.txn);
    if (r.from >= 0) {
      const auto from = static_cast<size_t>(r.from);
      out &= ~(earlier_.before[from] | one(from));
    }
    return out;
  }
  bool axiom(const Relation& visible) const {
    return std::all_of(reads_.begin(), reads_.end(),
                       [&](const Read& r) { return (overwriters(r) & visible.before[r.txn]) == 0; });
  }
  // Read Committed of Biswas and Enea, which the lattice calls monotonic atomic view.
  bool monotonic() const {
    return std::all_of(reads_.begin(), reads_.end(),
                       [&](const Read& r) { return (overwriters(r) & r.seen_before) == 0; });
  }
  // Pairs that write a key in common, in the commit order.
  Relation same_key() const {
    Relation out;
    for (const Set writers : writers_)
      each(writers, [&](size_t t) { out.before[t] |= writers & earlier_.before[t]; });
    return out;
  }
  // Visible with t: everything before it in the commit order.
  Relation prefixes(const Relation& base) const {
    Relation out;
    each(w_.in, [&](size_t t) {
      each(base.before[t] & w_.in, [&](size_t b) { out.before[t] |= earlier_.before[b] | one(b); });
    });
    return out;
  }
  // Visible: whatever a transaction with a write in common saw or was, if it came before.
  Relation conflicts() const { return prefixes(same_key()); }

  // PL-MSR: each read sees what is committed at some moment, these moments in the order of the reads and
  // before the reader commits.
  bool snapshot_for_each_read() const {
    std::array<size_t, kTxns> moment{};
    for (size_t i = 0; i < f_.events.size(); ++i) {
      const Event& e = f_.events[i];
      if (e.write) continue;
      size_t begin = 0, end = place_[e.txn];  // moments are numbers of commits
      const int p = w_.version[i];
      const int others = w_.foreign(e, p);
      if (others < 0) continue;  // an own write hides what others wrote
      if (const int from = w_.writer(e.key, others); from >= 0 && from != static_cast<int>(e.txn))
        begin = place_[static_cast<size_t>(from)] + 1;
      for (int q = p + 1; q <= static_cast<int>(w_.length[e.key]); ++q)
        if (const int over = w_.writer(e.key, q); over >= 0 && over != static_cast<int>(e.txn))
          end = std::min(end, place_[static_cast<size_t>(over)]);
      moment[e.txn] = std::max(moment[e.txn], begin);
      if (moment[e.txn] > end) return false;
    }
    return true;
  }

  const World& w_;
  const Facts& f_;
  size_t n_;
  const std::array<size_t, kTxns>& place_;
  Relation earlier_, wr_;
  Relation shown_;  // like wr_, of a list from every writer in it
  std::array<Set, kKeys> writers_{};
  std::vector<Read> reads_;
};

}  // namespace

ModelSet by_commit_order(const World& w, const std::array<size_t, kTxns>& place) {
  return CommitOrder(w, place).run();
}

}  // namespace riven::checkers::isolation::oracle
