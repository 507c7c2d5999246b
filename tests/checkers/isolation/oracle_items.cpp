#include "tests/checkers/isolation/oracle_items.h"

#include <algorithm>
#include <numeric>
#include <sstream>

#include "harness/core/check.h"

namespace riven::checkers::isolation {

namespace {

constexpr int kAbsent = TinyItem::kAbsent;

bool matches(const TinyAct& a, int state) {
  if (state == kAbsent) return false;
  if (a.predicate == TinyAct::equals) return state == a.argument;
  return a.predicate == TinyAct::all || state % 2 == a.argument;
}
/// What a read returns of an item in a state.
int result_of(const TinyAct& a, int state) {
  return a.kind == TinyAct::read_where && !matches(a, state) ? kAbsent : state;
}
bool reads(const TinyAct& a, const ItemHistory& h, size_t item) {
  if (a.kind == TinyAct::read_item) return static_cast<size_t>(a.item) == item;
  if (a.kind == TinyAct::read_set) return h.items[item].set == a.item;
  return a.kind == TinyAct::read_where;
}

class ItemMaker {
 public:
  ItemMaker(Rng& rng, ItemKind kind) : rng_(rng) {
    h_.sets = kind != ItemKind::rows;
    h_.counters = kind == ItemKind::counters;
    distinct_ = rng.chance(0.6);
  }

  ItemHistory run() {
    TinyShape shape;
    shape.registers = true;
    shape.txns = 2 + below(3);
    shape.longest = 2 + below(2);
    shape.keys = 1 + below(2);
    shape.sessions = 1 + below(4);
    shape.noise = noise_ = kNoise[below(4)];
    const TinyHistory skeleton = random_history(rng_, shape);
    if (!h_.sets) add_rows();
    for (const TinyTxn& t : skeleton.txns) {
      h_.txns.push_back({t.session, t.invoked, t.returned, t.type, {}});
      for (const TinyMop& m : t.mops) h_.txns.back().acts.push_back(act(m));
    }
    for (const ItemTxn& t : h_.txns) points_.push_back(point_of(t));
    for (size_t t = 0; t < h_.txns.size(); ++t)
      for (size_t a = 0; a < h_.txns[t].acts.size(); ++a) fill(t, a);
    return std::move(h_);
  }

 private:
  static constexpr double kNoise[] = {0, 0.05, 0.2, 0.5};
  static constexpr size_t kMostItems = 4;
  int below(int bound) { return static_cast<int>(rng_.below(static_cast<uint64_t>(bound))); }

  void add_rows() {
    const int rows = 1 + below(static_cast<int>(kMostItems));
    for (int i = 0; i < rows; ++i)
      h_.items.push_back({0, rng_.chance(0.5) ? 1 + below(3) : kAbsent, kAbsent, false});
  }
  TinyAct act(const TinyMop& m) {
    const bool failed = h_.txns.back().type == OpType::fail;
    TinyAct out;
    if (m.write && h_.sets && h_.items.size() < kMostItems) {
      out.item = static_cast<int>(h_.items.size());
      out.value = !h_.counters ? 1 : distinct_ ? 1 << out.item : rng_.chance(0.1) ? -1 : 1 + below(2);
      h_.items.push_back({m.key, kAbsent, out.value, !failed});
      return out;
    }
    if (m.write && !h_.sets) {
      out.item = below(static_cast<int>(h_.items.size()));
      TinyItem& item = h_.items[static_cast<size_t>(out.item)];
      if (failed || !item.has_write) {
        out.value = item.initial != kAbsent && rng_.chance(0.3) ? kAbsent : 1 + below(3);
        if (!failed) item.written = out.value, item.has_write = true;
        return out;
      }
    }
    out.kind = h_.sets ? TinyAct::read_set : rng_.chance(0.5) ? TinyAct::read_item : TinyAct::read_where;
    out.item = h_.sets ? m.key : below(static_cast<int>(h_.items.size()));
    out.predicate = static_cast<TinyAct::Predicate>(below(3));
    out.argument = out.predicate == TinyAct::equals ? 1 + below(3) : below(2);
    return out;
  }
  int point_of(const ItemTxn& t) {
    const int end = t.type == OpType::info ? 100 : t.returned;
    return 1000 * (t.invoked + below(end - t.invoked + 1)) + below(1000);
  }

  // The state of an item that an act of transaction `t` sees; of what failed now and then something.
  int state(size_t item, size_t t, size_t a, int now) {
    int out = h_.items[item].initial;
    for (size_t other = 0; other < h_.txns.size(); ++other)
      for (size_t b = 0; b < h_.txns[other].acts.size(); ++b) {
        const TinyAct& w = h_.txns[other].acts[b];
        if (w.kind != TinyAct::write || static_cast<size_t>(w.item) != item) continue;
        const bool failed = h_.txns[other].type == OpType::fail && !rng_.chance(noise_ / 3);
        if (other == t ? b < a : (!failed && points_[other] < now)) out = w.value;
      }
    return out;
  }
  void fill(size_t t, size_t a) {
    TinyAct& act = h_.txns[t].acts[a];
    if (act.kind == TinyAct::write) return;
    const int now = rng_.chance(noise_ / 2) ? below(points_[t] + 1) : points_[t];
    act.seen.assign(h_.items.size(), kAbsent);
    for (size_t i = 0; i < h_.items.size(); ++i) {
      if (!reads(act, h_, i)) continue;
      int seen = state(i, t, a, now);
      if (rng_.chance(noise_ / 2)) seen = rng_.chance(0.5) ? h_.items[i].initial : h_.items[i].written;
      act.seen[i] = result_of(act, seen);
    }
  }

  Rng& rng_;
  ItemHistory h_;
  double noise_ = 0;
  bool distinct_ = false;  // counters: each total says what is in it
  std::vector<int> points_;
};

int sum_of(const std::vector<int>& states) { return std::accumulate(states.begin(), states.end(), 0); }

Value value_of(const ItemHistory& h, const TinyAct& a, bool result) {
  const auto name = [](const char* text) { return Value::keyword(text); };
  Value::List seen;
  switch (a.kind) {
    case TinyAct::write:
      if (h.counters)
        return Value::List{name("inc"), Value(h.items[static_cast<size_t>(a.item)].set), Value(a.value)};
      if (h.sets)
        return Value::List{name("add"), Value(h.items[static_cast<size_t>(a.item)].set), Value(a.item)};
      if (a.value == kAbsent) return Value::List{name("delete"), Value(a.item)};
      return Value::List{name("w"), Value(a.item), Value(a.value)};
    case TinyAct::read_item: {
      const int state = result ? a.seen[static_cast<size_t>(a.item)] : kAbsent;
      return Value::List{name("r"), Value(a.item), state == kAbsent ? Value() : Value(state)};
    }
    case TinyAct::read_set:
      if (h.counters) return Value::List{name("r"), Value(a.item), result ? Value(sum_of(a.seen)) : Value()};
      for (size_t i = 0; result && i < a.seen.size(); ++i)
        if (a.seen[i] != kAbsent) seen.emplace_back(static_cast<int>(i));
      return Value::List{name("r"), Value(a.item), result ? Value(std::move(seen)) : Value()};
    case TinyAct::read_where:
      break;
  }
  for (size_t i = 0; result && i < a.seen.size(); ++i) {
    if (a.seen[i] == kAbsent) continue;
    seen.emplace_back(static_cast<int>(i));
    seen.emplace_back(a.seen[i]);
  }
  const Value where = a.predicate == TinyAct::all ? name("true")
                      : a.predicate == TinyAct::equals
                          ? Value(Value::List{name("="), Value(a.argument)})
                          : Value(Value::List{name("mod"), Value(2), Value(a.argument)});
  return Value::List{name("rp"), where, result ? Value::map(std::move(seen)) : Value()};
}

/// Executes transactions one after the other.
class Executor {
 public:
  Executor(const ItemHistory& h, bool sessions, bool real_time)
      : h_(h), sessions_(sessions), real_time_(real_time) {
    for (const TinyItem& item : h.items) state_.push_back(item.initial);
  }
  bool run() {
    const auto pending = [&](size_t t) { return !done(t) && h_.txns[t].type == OpType::ok; };
    bool complete = true;
    for (size_t t = 0; t < h_.txns.size(); ++t) complete = complete && !pending(t);
    if (complete) return true;
    for (size_t t = 0; t < h_.txns.size(); ++t) {
      if (done(t) || h_.txns[t].type == OpType::fail || waits(t)) continue;
      const std::vector<int> before = state_;
      done_ |= 1U << t;
      if (execute(h_.txns[t]) && run()) return true;
      done_ &= ~(1U << t);
      state_ = before;
    }
    return false;
  }

 private:
  bool done(size_t t) const { return (done_ >> t & 1) != 0; }
  bool waits(size_t t) const {
    for (size_t other = 0; other < h_.txns.size(); ++other) {
      const ItemTxn &a = h_.txns[other], &b = h_.txns[t];
      if (other == t || done(other) || a.type != OpType::ok) continue;
      if (sessions_ && a.session == b.session && other < t) return true;
      if (real_time_ && a.returned < b.invoked) return true;
    }
    return false;
  }
  bool execute(const ItemTxn& t) {
    for (const TinyAct& a : t.acts) {
      if (a.kind == TinyAct::write) {
        state_[static_cast<size_t>(a.item)] = a.value;
        continue;
      }
      if (t.type != OpType::ok) continue;
      int missing = sum_of(a.seen);
      for (size_t i = 0; i < state_.size(); ++i) {
        if (reads(a, h_, i)) missing -= state_[i];
        if (!h_.counters && reads(a, h_, i) && a.seen[i] != result_of(a, state_[i])) return false;
      }
      if (h_.counters && missing != 0) return false;
    }
    return true;
  }

  const ItemHistory& h_;
  bool sessions_, real_time_;
  std::vector<int> state_;
  uint32_t done_ = 0;
};

}  // namespace

ItemHistory random_items(Rng& rng, ItemKind kind) { return ItemMaker(rng, kind).run(); }

std::vector<ItemHistory> readings(const ItemHistory& h) {
  constexpr size_t kMost = 512;
  std::vector<ItemHistory> out{h};
  if (!h.counters) return out;
  for (size_t t = 0; t < h.txns.size(); ++t)
    for (size_t a = 0; a < h.txns[t].acts.size(); ++a) {
      const TinyAct& act = h.txns[t].acts[a];
      if (act.kind != TinyAct::read_set || h.txns[t].type != OpType::ok) continue;
      std::vector<std::vector<int>> ways;
      for (uint32_t some = 0; some < 1U << h.items.size(); ++some) {
        std::vector<int> seen(h.items.size(), kAbsent);
        bool inside = true;
        for (size_t i = 0; i < h.items.size(); ++i) {
          if ((some >> i & 1) == 0) continue;
          inside = inside && h.items[i].set == act.item;
          seen[i] = h.items[i].written;
        }
        if (inside && sum_of(seen) == sum_of(act.seen)) ways.push_back(std::move(seen));
      }
      std::vector<ItemHistory> more;
      for (const ItemHistory& one : out)
        for (const std::vector<int>& way : ways) {
          more.push_back(one);
          more.back().txns[t].acts[a].seen = way;
        }
      out = std::move(more);
      if (out.size() > kMost) return {};
    }
  return out;
}

History to_history(const ItemHistory& h) {
  HistoryBuilder builder;
  const auto put = [&](int time, int process, OpType type, const char* f, Value value) {
    builder.append({.index = -1,
                    .time_ns = time,
                    .process = process,
                    .type = type,
                    .f = Symbol(f),
                    .value = std::move(value),
                    .error = {}});
  };
  Value::List initial;
  for (size_t i = 0; i < h.items.size(); ++i) {
    if (h.items[i].initial == kAbsent) continue;
    initial.emplace_back(static_cast<int>(i));
    initial.emplace_back(h.items[i].initial);
  }
  if (!h.sets) put(0, 99, OpType::invoke, "init", Value::map(initial));
  if (!h.sets) put(0, 99, OpType::ok, "init", Value::map(initial));
  std::vector<std::tuple<int, size_t, bool>> entries;  // time, transaction, completion
  for (size_t t = 0; t < h.txns.size(); ++t) {
    entries.emplace_back(h.txns[t].invoked, t, false);
    entries.emplace_back(h.txns[t].returned, t, true);
  }
  std::sort(entries.begin(), entries.end());
  for (const auto& [time, t, completion] : entries) {
    const ItemTxn& txn = h.txns[t];
    Value::List value;
    for (const TinyAct& a : txn.acts) value.push_back(value_of(h, a, completion && txn.type == OpType::ok));
    put(time, txn.session, completion ? txn.type : OpType::invoke, "txn", Value(std::move(value)));
  }
  auto built = builder.finish(HistoryBuilder::Pairing::lenient);
  RIVEN_CHECK(built.has_value(), "a random history does not pair");
  return std::move(*built);
}

std::string described(const ItemHistory& h) {
  std::ostringstream out;
  for (size_t i = 0; i < h.items.size(); ++i)
    if (h.items[i].initial != kAbsent) out << i << " is " << h.items[i].initial << " at first\n";
  for (const ItemTxn& t : h.txns) {
    out << "session " << t.session << " [" << t.invoked << "," << t.returned << "] " << to_text(t.type)
        << ":";
    for (const TinyAct& a : t.acts) out << " " << to_edn(value_of(h, a, t.type == OpType::ok));
    out << "\n";
  }
  return out.str();
}

ModelSet executable(const ItemHistory& h) {
  using enum Model;
  ModelSet out = 0;
  if (Executor(h, false, false).run())
    out |= bit(serializable) | bit(view_serializable) | bit(one_copy_serializable);
  if (Executor(h, true, false).run()) out |= bit(strong_session_serializable) | bit(session_serializable);
  if (Executor(h, false, true).run()) out |= bit(strict_serializable);
  return out;
}

std::optional<TinyHistory> as_registers(const ItemHistory& h, bool missing) {
  TinyHistory out;
  out.registers = true;
  std::vector<std::vector<std::pair<int, int>>> aborted(h.items.size());  // state, number of the write
  int writes = 0;
  for (const ItemTxn& t : h.txns)
    for (const TinyAct& a : t.acts)
      if (a.kind == TinyAct::write && t.type == OpType::fail)
        aborted[static_cast<size_t>(a.item)].emplace_back(a.value, 10 + writes++);
  writes = 0;
  for (const ItemTxn& t : h.txns) {
    out.txns.push_back({t.session, t.invoked, t.returned, t.type, {}});
    std::vector<TinyMop>& mops = out.txns.back().mops;
    for (const TinyAct& a : t.acts) {
      if (a.kind == TinyAct::write) {
        mops.push_back({true, a.item, t.type == OpType::fail ? 10 + writes++ : 1 + a.item, {}, 0});
        continue;
      }
      if (t.type != OpType::ok) continue;
      for (const bool returned : {true, false})  // the rows that were returned come first
        for (size_t i = 0; i < h.items.size(); ++i) {
          const bool where = a.kind == TinyAct::read_where;
          if (!reads(a, h, i) || (!where && !returned) || (where && (a.seen[i] != kAbsent) != returned))
            continue;
          const TinyItem& item = h.items[i];
          const auto fits = [&](int state) { return result_of(a, state) == a.seen[i]; };
          const bool first = fits(item.initial);
          const bool second = item.has_write && fits(item.written);
          if ((first && second) || (where && !returned && !missing)) continue;
          const auto dropped = std::find_if(aborted[i].begin(), aborted[i].end(),
                                            [&](const auto& w) { return fits(w.first); });
          if (!first && !second && dropped == aborted[i].end()) return std::nullopt;
          TinyMop read{false, static_cast<int>(i), 0, {}, 0};
          if (second) read.elements.push_back(1 + static_cast<int>(i));
          if (!first && !second) read.elements.push_back(dropped->second);
          mops.push_back(read);
        }
    }
  }
  size_t events = 0;
  for (const TinyTxn& t : out.txns) events += t.mops.size();
  if (events > 32) return std::nullopt;  // more than the oracle takes
  return out;
}

}  // namespace riven::checkers::isolation
