// Small histories at random, and as the checker reads them.
#include <algorithm>
#include <sstream>
#include <string>

#include "tests/checkers/isolation/oracle.h"

namespace riven::checkers::isolation {

namespace {

/// Makes transactions first, then a serial execution of them, then reads that mostly fit it.
class TinyMaker {
 public:
  TinyMaker(Rng& rng, const TinyShape& shape) : rng_(rng), s_(shape) { h_.registers = shape.registers; }

  TinyHistory run() {
    for (int t = 0; t < s_.txns; ++t) add_transaction(t);
    order_versions();
    number_writes();
    for (size_t t = 0; t < h_.txns.size(); ++t) fill_reads(t);
    return std::move(h_);
  }

 private:
  struct Version {
    int value;
    size_t txn, mop;
  };
  int below(int bound) { return static_cast<int>(rng_.below(static_cast<uint64_t>(bound))); }

  void add_transaction(int t) {
    TinyTxn txn;
    txn.session = below(s_.sessions);
    // A process that returned info acts no more, or does, as in old histories.
    for (const TinyTxn& other : h_.txns)
      if (other.session == txn.session && other.type == OpType::info && rng_.chance(0.5))
        txn.session = s_.sessions + t;
    clock_ += 2;
    txn.invoked = clock_;
    for (TinyTxn& other : h_.txns)
      if (other.session == txn.session) other.returned = std::min(other.returned, txn.invoked - 1);
    txn.returned = txn.invoked + 1 + 2 * below(s_.txns + 1);
    const int fate = below(12);
    txn.type = fate == 0 ? OpType::info : fate == 1 ? OpType::fail : OpType::ok;
    const int length = rng_.chance(0.02) ? 0 : 1 + below(s_.longest);
    for (int m = 0; m < length; ++m) {
      TinyMop mop;
      mop.key = below(s_.keys);
      mop.write = rng_.chance(s_.writes);
      if (mop.write) mop.value = ++value_;
      if (mop.write && rng_.chance(s_.read_first)) txn.mops.push_back({false, mop.key, 0, {}});
      txn.mops.push_back(mop);
    }
    h_.txns.push_back(std::move(txn));
  }

  void order_versions() {
    // When each takes effect: between invocation and return; of unknown ones at any time later.
    for (const TinyTxn& txn : h_.txns) {
      const int end = txn.type == OpType::info ? clock_ + 4 : txn.returned;
      points_.push_back(1000 * (txn.invoked + below(end - txn.invoked + 1)) + below(1000));
      serial_.push_back(serial_.size());
    }
    std::sort(serial_.begin(), serial_.end(), [&](size_t a, size_t b) { return points_[a] < points_[b]; });
    orders_.resize(static_cast<size_t>(s_.keys));
    for (const size_t t : serial_)
      for (size_t m = 0; m < h_.txns[t].mops.size(); ++m) {
        const TinyMop& mop = h_.txns[t].mops[m];
        if (!mop.write) continue;
        if (h_.txns[t].type == OpType::fail && !(s_.aborted_reads && rng_.chance(0.3))) continue;
        auto& order = orders_[static_cast<size_t>(mop.key)];
        const size_t at = rng_.chance(s_.noise * 0.7) ? rng_.below(order.size() + 1) : order.size();
        order.insert(order.begin() + static_cast<ptrdiff_t>(at), {mop.value, t, m});
      }
  }

  // Now and then a number is wrong.
  void number_writes() {
    for (const auto& order : orders_)
      for (size_t i = 0; i < order.size(); ++i) {
        const size_t number = rng_.chance(s_.noise * s_.numbers / 10) ? rng_.below(order.size()) : i;
        if (rng_.chance(s_.numbers))
          h_.txns[order[i].txn].mops[order[i].mop].number = static_cast<int>(number) + 1;
      }
  }

  void fill_reads(size_t t) {
    // Now and then a whole transaction reads an older state.
    const int now = rng_.chance(s_.noise / 2) ? below(points_[t] + 1) : points_[t];
    for (size_t m = 0; m < h_.txns[t].mops.size(); ++m) {
      TinyMop& mop = h_.txns[t].mops[m];
      if (mop.write) continue;
      const auto& order = orders_[static_cast<size_t>(mop.key)];
      const auto visible = [&](const Version& v) { return v.txn == t ? v.mop < m : points_[v.txn] < now; };
      size_t length = 0;
      if (rng_.chance(s_.noise / 2)) {
        length = rng_.below(order.size() + 1);
      } else if (s_.registers) {
        for (size_t i = 0; i < order.size(); ++i)
          if (visible(order[i])) length = i + 1;
        for (size_t i = 0; i < order.size(); ++i)  // the last own write hides everything else
          if (order[i].txn == t && order[i].mop < m) length = i + 1;
      } else {
        while (length < order.size() && visible(order[length])) ++length;
      }
      for (size_t i = s_.registers ? std::max<size_t>(length, 1) - 1 : 0; i < length; ++i)
        mop.elements.push_back(order[i].value);
      if (length > 0 && rng_.chance(s_.numbers)) mop.number = static_cast<int>(length);
    }
  }

  Rng& rng_;
  const TinyShape& s_;
  TinyHistory h_;
  int clock_ = 0;
  int value_ = 0;
  std::vector<int> points_;
  std::vector<size_t> serial_;
  std::vector<std::vector<Version>> orders_;
};

Value value_of(const TinyHistory& tiny, const TinyMop& m, bool result) {
  Value seen;
  if (result && tiny.registers) {
    if (!m.elements.empty()) seen = Value(m.elements.back());
  } else if (result) {
    Value::List list;
    for (const int x : m.elements) list.emplace_back(x);
    seen = Value(std::move(list));
  }
  const char* const write = tiny.registers ? "w" : "append";
  Value::List out{Value::keyword(m.write ? write : "r"), Value(m.key), m.write ? Value(m.value) : seen};
  if (result && m.number != 0) out.emplace_back(m.number);
  return Value(std::move(out));
}

}  // namespace

TinyHistory random_history(Rng& rng, const TinyShape& shape) { return TinyMaker(rng, shape).run(); }

History to_history(const TinyHistory& tiny, int coarseness) {
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
    for (const TinyMop& m : txn.mops) value.push_back(value_of(tiny, m, !e.invoke && txn.type == OpType::ok));
    builder.append({.index = -1,
                    .time_ns = e.time / coarseness,
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

std::string described(const TinyHistory& tiny) {
  std::ostringstream out;
  for (const TinyTxn& t : tiny.txns) {
    out << "session " << t.session << " [" << t.invoked << "," << t.returned << "] " << to_text(t.type)
        << ":";
    for (const TinyMop& m : t.mops) {
      out << (m.write ? (tiny.registers ? " w" : " a") : " r") << m.key;
      if (m.write)
        out << "=" << m.value;
      else
        for (const int e : m.elements) out << "." << e;
      if (m.number != 0) out << "#" << m.number;
    }
    out << "\n";
  }
  return out.str();
}

}  // namespace riven::checkers::isolation
