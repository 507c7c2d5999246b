// Small histories at random, and as the checker reads them.
#include <algorithm>
#include <map>
#include <string>

#include "tests/checkers/isolation/oracle.h"

namespace riven::checkers::isolation {

TinyHistory random_history(Rng& rng, int txns, int keys, int sessions) {
  TinyHistory h;
  std::vector<std::vector<int>> orders(static_cast<size_t>(keys));
  int value = 0;
  int clock = 0;
  std::vector<int> free_at(static_cast<size_t>(sessions), 0);
  std::vector<char> ended(static_cast<size_t>(sessions), 0);
  for (int t = 0; t < txns; ++t) {
    TinyTxn txn;
    txn.session = static_cast<int>(rng.below(static_cast<uint64_t>(sessions)));
    if (ended[static_cast<size_t>(txn.session)])
      txn.session = sessions + t;  // a process that got info acts no more
    const auto s = static_cast<size_t>(txn.session);
    clock += 2;
    txn.invoked = clock;
    if (s < free_at.size()) {
      // The session's transaction before must have returned.
      for (TinyTxn& other : h.txns)
        if (other.session == txn.session) other.returned = std::min(other.returned, txn.invoked - 1);
    }
    txn.returned = txn.invoked + 1 + 2 * static_cast<int>(rng.below(static_cast<uint64_t>(txns) + 1));
    const uint64_t fate = rng.below(12);
    txn.type = fate == 0 ? OpType::info : fate == 1 ? OpType::fail : OpType::ok;
    if (txn.type == OpType::info && s < ended.size()) ended[s] = 1;
    const int length = 1 + static_cast<int>(rng.below(3));
    for (int m = 0; m < length; ++m) {
      TinyMop mop;
      mop.key = static_cast<int>(rng.below(static_cast<uint64_t>(keys)));
      mop.write = rng.chance(0.5);
      if (mop.write) {
        mop.value = ++value;
        auto& order = orders[static_cast<size_t>(mop.key)];
        // Mostly at the end; now and then somewhere else.
        const size_t at = rng.chance(0.8) ? order.size() : rng.below(order.size() + 1);
        if (txn.type != OpType::fail) order.insert(order.begin() + static_cast<ptrdiff_t>(at), mop.value);
      }
      txn.mops.push_back(mop);
    }
    h.txns.push_back(std::move(txn));
  }
  for (TinyTxn& txn : h.txns)
    for (size_t m = 0; m < txn.mops.size(); ++m) {
      TinyMop& mop = txn.mops[m];
      if (mop.write) continue;
      const auto& order = orders[static_cast<size_t>(mop.key)];
      size_t length = rng.below(order.size() + 1);
      if (m > 0 && rng.chance(0.7)) {  // often what the transaction's own writes and reads ask for
        for (size_t before = 0; before < m; ++before) {
          const TinyMop& b = txn.mops[before];
          if (b.key != mop.key) continue;
          if (b.write)
            length = static_cast<size_t>(std::find(order.begin(), order.end(), b.value) - order.begin()) + 1;
          else
            length = b.elements.size();
        }
        length = std::min(length, order.size());
      }
      mop.elements.assign(order.begin(), order.begin() + static_cast<ptrdiff_t>(length));
    }
  return h;
}

History to_history(const TinyHistory& tiny) {
  struct Entry {
    int time, txn;
    bool invoke;
  };
  std::vector<Entry> entries;
  for (size_t t = 0; t < tiny.txns.size(); ++t) {
    entries.push_back({tiny.txns[t].invoked, static_cast<int>(t), true});
    entries.push_back({tiny.txns[t].returned, static_cast<int>(t), false});
  }
  std::sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) {
    return std::tuple(a.time, a.txn, !a.invoke) < std::tuple(b.time, b.txn, !b.invoke);
  });
  HistoryBuilder builder;
  for (const Entry& e : entries) {
    const TinyTxn& txn = tiny.txns[static_cast<size_t>(e.txn)];
    Value::List value;
    for (const TinyMop& m : txn.mops) {
      Value seen;
      if (!e.invoke && txn.type == OpType::ok) {
        if (tiny.registers) {
          if (!m.elements.empty()) seen = Value(m.elements.back());
        } else {
          Value::List list;
          for (const int x : m.elements) list.emplace_back(x);
          seen = Value(std::move(list));
        }
      }
      const char* write = tiny.registers ? "w" : "append";
      value.emplace_back(
          Value::List{Value::keyword(m.write ? write : "r"), Value(m.key), m.write ? Value(m.value) : seen});
    }
    builder.append({.index = -1,
                    .time_ns = e.time,
                    .process = txn.session,
                    .type = e.invoke ? OpType::invoke : txn.type,
                    .f = Symbol("txn"),
                    .value = Value(std::move(value)),
                    .error = {}});
  }
  auto built = builder.finish(HistoryBuilder::Pairing::lenient);
  RIVEN_CHECK(built.has_value(), "a random history does not pair");
  return std::move(*built);
}

}  // namespace riven::checkers::isolation
