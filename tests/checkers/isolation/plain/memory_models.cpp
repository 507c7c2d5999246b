// Each micro-operation is an operation of its own, in the order of its transaction and its session.
#include <algorithm>
#include <map>
#include <span>

#include "tests/checkers/isolation/plain/digraph.h"
#include "tests/checkers/isolation/plain/models.h"

namespace riven::checkers::isolation::plain {

namespace {

using enum Model;

/// All accesses, numbered, by session.
struct Memory {
  const Dependencies& d;
  std::vector<Access> all;
  std::vector<std::vector<size_t>> sessions;
  std::vector<size_t> session, place;       ///< of each access: its session and where in it
  std::vector<std::vector<size_t>> number;  ///< by transaction and step

  explicit Memory(const Dependencies& dependencies) : d(dependencies), number(d.of.size()) {
    std::map<int, size_t> known;
    for (size_t t = 0; t < d.of.size(); ++t) {
      const size_t s = known.try_emplace(d.txns[t]->session, known.size()).first->second;
      if (s == sessions.size()) sessions.emplace_back();
      for (const Access& a : d.of[t]) {
        number[t].resize(a.step + 1);
        number[t][a.step] = all.size();
        session.push_back(s);
        place.push_back(sessions[s].size());
        sessions[s].push_back(all.size());
        all.push_back(a);
      }
    }
  }
  size_t number_of(const Access& a) const { return number[a.txn][a.step]; }
  /// The writes that a read saw: of a list all that are in it, of a register the last.
  std::span<const Access> seen_by(size_t read) const {
    const auto& writes = d.writes[static_cast<size_t>(all[read].key)];
    const auto number_below = [&](int version) {
      return static_cast<size_t>(std::partition_point(writes.begin(), writes.end(),
                                                      [&](const Access& w) { return w.version < version; }) -
                                 writes.begin());
    };
    const size_t end = number_below(all[read].version + 1),
                 begin = d.lists ? 0 : number_below(all[read].version);
    return std::span(writes).subspan(begin, end - begin);
  }
  bool below(size_t read, size_t other) const {
    return all[read].key == all[other].key && all[read].version < all[other].version;
  }
};

/// Terry et al. 1994: whether a session breaks its own reads or writes before. `writes`: which of the two.
bool forgets(const Memory& m, bool writes) {
  for (const auto& session : m.sessions) {
    for (size_t i = 0; i < session.size(); ++i) {
      if (m.all[session[i]].write) continue;
      for (size_t j = 0; j < i; ++j) {
        if (m.all[session[j]].write == writes && m.below(session[i], session[j])) return true;
      }
    }
  }
  return false;
}

/// Whether a write of a session is an earlier version than what it wrote before, or no later one than what it
/// read before.
bool writes_back(const Memory& m, bool after_writes) {
  for (const auto& session : m.sessions) {
    for (size_t i = 0; i < session.size(); ++i) {
      if (!m.all[session[i]].write) continue;
      for (size_t j = 0; j < i; ++j) {
        const Access &write = m.all[session[i]], &before = m.all[session[j]];
        if (before.write != after_writes || before.key != write.key) continue;
        if (before.version > write.version || (!after_writes && before.version == write.version)) return true;
      }
    }
  }
  return false;
}

/// Whether some read saw a write of a session, and a later one of the same transaction (`anywhere`: of the
/// same session) less than what that session had written (or read) before that write.
bool misses_what_came_before(const Memory& m, bool writes, bool anywhere) {
  std::vector<int> needed(m.d.writes.size());
  for (size_t r = 0; r < m.all.size(); ++r) {
    if (m.all[r].write) continue;
    std::fill(needed.begin(), needed.end(), 0);
    for (const Access& seen : m.seen_by(r)) {
      const size_t w = m.number_of(seen);
      const auto& theirs = m.sessions[m.session[w]];
      for (size_t j = 0; j < m.place[w]; ++j) {
        const Access& earlier = m.all[theirs[j]];
        int& least = needed[static_cast<size_t>(earlier.key)];
        if (earlier.write == writes) least = std::max(least, earlier.version);
      }
    }
    const auto& mine = m.sessions[m.session[r]];
    for (size_t i = m.place[r] + 1; i < mine.size(); ++i) {
      const Access& later = m.all[mine[i]];
      if (later.write || (!anywhere && later.txn != m.all[r].txn)) continue;
      if (later.version < needed[static_cast<size_t>(later.key)]) return true;
    }
  }
  return false;
}

/// Whether a read saw what its own session wrote only later.
bool reads_ahead(const Memory& m) {
  for (size_t r = 0; r < m.all.size(); ++r) {
    if (m.all[r].write) continue;
    for (const Access& seen : m.seen_by(r)) {
      const size_t w = m.number_of(seen);
      if (m.session[w] == m.session[r] && m.place[w] > m.place[r]) return true;
    }
  }
  return false;
}

/// Sessions, and what each read saw: whose closure is causality.
Digraph causes(const Memory& m) {
  Digraph graph(m.all.size());
  for (const auto& session : m.sessions) {
    std::vector<int> seen(m.d.writes.size(), 0);  // of each key: what the session saw it keeps
    for (size_t i = 0; i < session.size(); ++i) {
      const size_t a = session[i];
      if (i > 0) graph.add(session[i - 1], a);
      if (m.all[a].write) continue;
      int& least = seen[static_cast<size_t>(m.all[a].key)];
      for (const Access& w : m.seen_by(a)) {
        if (w.version > least) graph.add(m.number_of(w), a);
      }
      least = std::max(least, m.all[a].version);
    }
  }
  return graph;
}

/// Ahamad et al. 1995, where the memory keeps one order of each key's versions: causality has no cycle,
/// agrees with that order, and no read misses its past.
bool breaks_causality(const Memory& m) {
  const Digraph graph = causes(m);
  const std::vector<size_t> order = graph.topological();
  if (order.size() < graph.size()) return true;
  std::vector<std::vector<size_t>> from(m.all.size());
  for (const auto& [a, b] : graph.edges()) from[b].push_back(a);
  Relation past(m.all.size());
  for (const size_t b : order) {
    for (const size_t a : from[b]) past.add_row(b, past, a), past.add(b, a);
  }
  for (size_t a = 0; a < m.all.size(); ++a) {
    for (const Access& w : m.d.writes[static_cast<size_t>(m.all[a].key)]) {
      if (w.version > m.all[a].version && past.has(a, m.number_of(w))) return true;
    }
  }
  return false;
}

/// Lamport 1979, Herlihy and Wing 1990: one order of all operations on the keys chosen, in which each read
/// sees the write before it; that of each session is kept and, if wanted, that of real time.
bool has_no_order(const Memory& m, int only_key, bool real_time) {
  Digraph graph(m.all.size());
  const auto chosen = [&](size_t a) { return only_key < 0 || m.all[a].key == only_key; };
  for (const auto& session : m.sessions) {
    size_t before = Digraph::kNone;
    for (const size_t a : session) {
      if (!chosen(a)) continue;
      if (before != Digraph::kNone) graph.add(before, a);
      before = a;
    }
  }
  for (size_t a = 0; a < m.all.size(); ++a) {
    if (!chosen(a)) continue;
    int next = -1;
    for (const Access& w : m.d.writes[static_cast<size_t>(m.all[a].key)]) {
      if (w.version == m.all[a].version && !m.all[a].write) graph.add(m.number_of(w), a);
      if (!m.d.before(m.all[a], w)) continue;
      if (next < 0) next = w.version;
      if (w.version == next || !m.d.orders.empty()) graph.add(a, m.number_of(w));
    }
  }
  if (!real_time) return !graph.acyclic();
  std::map<int64_t, std::pair<bool, size_t>> times;  // whether an invocation, and of whom
  for (size_t t = 0; t < m.d.txns.size(); ++t) {
    times[m.d.txns[t]->invoked] = {true, t};
    if (m.d.txns[t]->returned != Txn::kNever) times[m.d.txns[t]->returned] = {false, t};
  }
  size_t now = graph.vertex();
  for (const auto& [time, event] : times) {
    const auto [invocation, t] = event;
    for (const Access& a : m.d.of[t]) {
      const size_t number = m.number_of(a);
      if (!chosen(number)) continue;
      if (invocation) {
        graph.add(now, number);
        continue;
      }
      const size_t next = graph.vertex();
      graph.add(now, next);
      graph.add(number, next);
      now = next;
    }
  }
  return !graph.acyclic();
}

}  // namespace

ModelSet broken_order_models(const Dependencies& d) {
  const Memory m(d);
  ModelSet broken = 0;
  if (has_no_order(m, -1, false)) broken |= bit(sequential);
  if (has_no_order(m, -1, true)) broken |= bit(linearizable);
  bool some_key = false;
  for (size_t k = 0; k < d.writes.size(); ++k)
    some_key = some_key || has_no_order(m, static_cast<int>(k), true);
  if (some_key) broken |= bit(per_key_linearizable);
  return broken;
}

ModelSet broken_memory_models(const Dependencies& d) {
  const Memory m(d);
  ModelSet broken = broken_order_models(d);
  const auto say = [&](Model model, bool is) {
    if (is) broken |= bit(model);
  };
  const bool reads = forgets(m, false), own_writes = forgets(m, true), order = writes_back(m, true);
  say(monotonic_reads, reads);
  say(read_your_writes, own_writes);
  say(monotonic_writes, order || misses_what_came_before(m, true, false));
  say(writes_follow_reads, writes_back(m, false) || misses_what_came_before(m, false, false));
  say(pram, reads || own_writes || order || reads_ahead(m) || misses_what_came_before(m, true, true));
  say(causal, breaks_causality(m));
  return broken;
}

}  // namespace riven::checkers::isolation::plain
