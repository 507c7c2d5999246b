// Models for which it is known what must come before what, whatever the order of the rest.
#include <algorithm>
#include <map>

#include "tests/checkers/isolation/plain/digraph.h"
#include "tests/checkers/isolation/plain/registers.h"

namespace riven::checkers::isolation::plain {

namespace {

using enum Model;

/// An order of commits that grows by what an axiom demands.
class Commits {
 public:
  Commits(const Dependencies& d, const Relation& order) : d_(d), before_(d.ww | d.wr | order) {}

  /// Who saw `t` reads `read`: if t wrote that key, its version is no later than the one read.
  void demand(size_t t, const Access& read) {
    const auto& writes = d_.writes[static_cast<size_t>(read.key)];
    if (std::none_of(writes.begin(), writes.end(), [&](const Access& w) { return w.txn == t; })) return;
    const Access* from = d_.source(read);
    if (from == nullptr)
      impossible_ = true;  // the initial state is before everything
    else if (from->txn != t)
      before_.add(t, from->txn);
  }
  bool broken() const { return impossible_ || !acyclic(before_); }

 private:
  const Dependencies& d_;
  Relation before_;
  bool impossible_ = false;
};

bool external(const Dependencies& d, const Access& a) {
  const Access* from = a.write ? nullptr : d.source(a);
  return !a.write && (from == nullptr || from->txn != a.txn);
}

bool breaks_atomic_view(const Dependencies& d) {
  Commits commits(d, Relation(d.txns.size()));
  for (const auto& accesses : d.of) {
    std::vector<size_t> seen;
    for (const Access& a : accesses) {
      if (!external(d, a)) continue;
      for (const size_t t : seen) commits.demand(t, a);
      if (const Access* from = d.source(a); from != nullptr) seen.push_back(from->txn);
    }
  }
  return commits.broken();
}

/// `sees`: whom each transaction sees, from it to them.
bool breaks_visibility(const Dependencies& d, const Relation& order, const Relation& sees) {
  Commits commits(d, order);
  for (const auto& accesses : d.of) {
    for (const Access& a : accesses) {
      if (external(d, a))
        sees.each(a.txn, [&](size_t t) {
          if (t != a.txn) commits.demand(t, a);
        });
    }
  }
  return commits.broken();
}

}  // namespace

ModelSet broken_axioms(const Dependencies& d) {
  ModelSet out = 0;
  if (breaks_atomic_view(d)) out |= bit(monotonic_atomic_view);
  const Relation none(d.txns.size());
  const auto visible = [&](const Relation& order, Model atomic, Model causal) {
    const Relation sees = d.wr | order;
    if (breaks_visibility(d, order, transposed(sees))) out |= bit(atomic);
    if (breaks_visibility(d, order, transposed(transitive(sees)))) out |= bit(causal);
  };
  visible(none, read_atomic, causal_cerone);
  visible(d.so, strong_session_read_atomic, strong_session_causal);
  return out;
}

namespace {

/// The accesses of each session in order, and what must come before what for a memory model to hold.
class Memory {
 public:
  explicit Memory(const Dependencies& d) : d_(d), needed_(d.orders) {
    std::map<int, size_t> known;
    for (const auto& accesses : d.of) {
      if (accesses.empty()) continue;
      const size_t s = known.try_emplace(d.txns[accesses[0].txn]->session, known.size()).first->second;
      sessions_.resize(known.size());
      for (const Access& a : accesses) {
        place_[{a.txn, a.step}] = {s, sessions_[s].size()};
        sessions_[s].push_back(a);
      }
    }
  }

  /// Each access of a session comes after (in the order of versions) the earlier ones of the chosen sorts.
  void keep(bool earlier_writes, bool later_writes) {
    for (const auto& session : sessions_) {
      for (size_t i = 0; i < session.size(); ++i) {
        if (session[i].write != later_writes) continue;
        for (size_t j = 0; j < i; ++j) {
          if (session[j].write == earlier_writes) before(session[j], session[i]);
        }
      }
    }
  }
  /// Who read what a session wrote reads nothing, later in its transaction (`anywhere`: in its session),
  /// below what that session had written (or read) before.
  void keep_what_came_before(bool writes, bool anywhere) {
    for (const auto& session : sessions_) {
      for (size_t r = 0; r < session.size(); ++r) {
        if (session[r].write) continue;
        const Access* from = d_.source(session[r]);
        if (from == nullptr) continue;
        const auto [s, place] = place_.at({from->txn, from->step});
        for (size_t later = r + 1; later < session.size(); ++later) {
          if (session[later].write || (!anywhere && session[later].txn != session[r].txn)) continue;
          for (size_t j = 0; j < place; ++j) {
            if (sessions_[s][j].write == writes) before(sessions_[s][j], session[later]);
          }
        }
      }
    }
  }
  /// A session does not read what it writes later.
  void write_first() {
    for (const auto& session : sessions_) {
      for (size_t r = 0; r < session.size(); ++r) {
        for (size_t w = r + 1; w < session.size(); ++w) {
          const Access &read = session[r], &write = session[w];
          if (!read.write && write.write && read.key == write.key && read.version == write.version)
            impossible_ = true;
        }
      }
    }
  }
  /// What is in the past of an access by sessions and reads is no later version.
  void keep_causality();

  bool broken() const {
    return impossible_ ||
           std::any_of(needed_.begin(), needed_.end(), [](const Relation& r) { return !acyclic(r); });
  }

 private:
  void before(const Access& a, const Access& b) {
    if (a.key == b.key && a.version != b.version)
      needed_[static_cast<size_t>(a.key)].add(static_cast<size_t>(a.version), static_cast<size_t>(b.version));
  }

  const Dependencies& d_;
  Orders needed_;
  std::vector<std::vector<Access>> sessions_;
  std::map<std::pair<size_t, size_t>, std::pair<size_t, size_t>> place_;
  bool impossible_ = false;
};

void Memory::keep_causality() {
  std::vector<Access> all;
  std::map<std::pair<size_t, size_t>, size_t> number;
  for (const auto& session : sessions_) {
    for (const Access& a : session) {
      number[{a.txn, a.step}] = all.size();
      all.push_back(a);
    }
  }
  Digraph graph(all.size());
  for (size_t a = 0; a < all.size(); ++a) {
    const bool first = a == 0 || d_.txns[all[a - 1].txn]->session != d_.txns[all[a].txn]->session;
    if (!first) graph.add(a - 1, a);
    const Access* from = all[a].write ? nullptr : d_.source(all[a]);
    if (from != nullptr) graph.add(number.at({from->txn, from->step}), a);
  }
  const std::vector<size_t> order = graph.topological();
  if (order.size() < all.size()) {
    impossible_ = true;
    return;
  }
  std::vector<std::vector<size_t>> into(all.size());
  for (const auto& [a, b] : graph.edges()) into[b].push_back(a);
  Relation past(all.size());
  for (const size_t b : order) {
    for (const size_t a : into[b]) past.add_row(b, past, a), past.add(b, a);
  }
  for (size_t a = 0; a < all.size(); ++a) {
    for (const Access& w : d_.writes[static_cast<size_t>(all[a].key)]) {
      if (past.has(a, number.at({w.txn, w.step}))) before(w, all[a]);
    }
  }
}

}  // namespace

namespace {

/// Whether a key alone is not linearizable: a version's write and reads follow one another at once, so that
/// one version comes before another if anything of it does (Gibbons and Korach 1997).
bool breaks_key_order(const Dependencies& d, size_t key) {
  struct Operation {
    size_t version;
    const Txn* txn;
    size_t step;
    bool write;
  };
  std::vector<Operation> all;
  for (const auto& accesses : d.of) {
    for (const Access& a : accesses) {
      if (static_cast<size_t>(a.key) == key)
        all.push_back({static_cast<size_t>(a.version), d.txns[a.txn], a.step, a.write});
    }
  }
  Relation needed = d.orders[key];
  for (const Operation& a : all) {
    for (const Operation& b : all) {
      const bool first = a.txn == b.txn ? a.step < b.step : a.txn->returned < b.txn->invoked;
      if (!first) continue;
      if (a.version != b.version) needed.add(a.version, b.version);
      if (a.version == b.version && b.write) return true;  // read before it was written
    }
  }
  return !acyclic(needed);
}

}  // namespace

ModelSet broken_memory_axioms(const Dependencies& d) {
  ModelSet out = 0;
  const auto judge = [&](Model m, auto&& demand) {
    Memory memory(d);
    demand(memory);
    if (memory.broken()) out |= bit(m);
  };
  judge(monotonic_reads, [](Memory& m) { m.keep(false, false); });
  judge(read_your_writes, [](Memory& m) { m.keep(true, false); });
  judge(monotonic_writes, [](Memory& m) { m.keep(true, true), m.keep_what_came_before(true, false); });
  judge(writes_follow_reads,
        [](Memory& m) { m.keep(false, true), m.write_first(), m.keep_what_came_before(false, false); });
  judge(pram, [](Memory& m) {
    m.keep(false, false), m.keep(true, false), m.keep(true, true), m.write_first(),
        m.keep_what_came_before(true, true);
  });
  judge(causal, [](Memory& m) { m.keep_causality(); });
  for (size_t key = 0; key < d.orders.size(); ++key) {
    if (breaks_key_order(d, key)) out |= bit(per_key_linearizable);
  }
  return out;
}

}  // namespace riven::checkers::isolation::plain
