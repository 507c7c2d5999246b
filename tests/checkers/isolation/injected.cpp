// One anomaly in a large valid history: found, by its name, with the shortest witness, and nothing else. A
// million transactions with RIVEN_NIGHTLY=1.
#include <cstdlib>

#include "tests/catch.h"
#include "tests/checkers/isolation/histories.h"
#include "tests/checkers/isolation/simulated.h"

namespace riven::checkers::isolation {

namespace {

size_t transactions() { return std::getenv("RIVEN_NIGHTLY") != nullptr ? 1'000'000 : 4'000; }

History valid_history(bool registers) {
  SimulationOptions options;
  options.txns = transactions();
  options.registers = options.read_modify_write = registers;
  return simulate(options);
}

void copy_entry(HistoryBuilder& b, const History& h, size_t i, Process process) {
  b.begin(h.time_ns(i), process, h.type(i), h.f(i));
  b.value().value(h.value(i));
  b.commit();
}

/// `base` with `extra` spliced in at its middle, by processes of their own.
History spliced(const History& base, const History& extra) {
  HistoryBuilder b;
  for (size_t i = 0; i < base.size(); ++i) {
    if (i == base.size() / 2)
      for (size_t e = 0; e < extra.size(); ++e) copy_entry(b, extra, e, extra.process(e) + 100);
    copy_entry(b, base, i, base.process(i));
  }
  auto built = b.finish(HistoryBuilder::Pairing::lenient);
  REQUIRE(built);
  return std::move(*built);
}

/// `base` with another value, or another outcome, at entry `at`.
History altered(const History& base, uint32_t at, const Value* value, OpType type) {
  HistoryBuilder b;
  for (size_t i = 0; i < base.size(); ++i) {
    if (i != at) {
      copy_entry(b, base, i, base.process(i));
      continue;
    }
    b.begin(base.time_ns(i), base.process(i), type, base.f(i));
    if (value != nullptr)
      b.value().value(*value);
    else
      b.value().value(base.value(i));
    b.commit();
  }
  auto built = b.finish();
  REQUIRE(built);
  return std::move(*built);
}

struct Injected {
  std::string cycle;  ///< the gravest class; empty: an anomaly without one
  size_t length;
  Kind kind;  ///< where there is no cycle
  History history;
};

/// All at once, the first to be invoked is the last to return.
Maker& concurrent(Maker&& m, std::initializer_list<const char*> txns) {
  Process p = 0;
  for (const char* txn : txns) m.invoke(p++, txn);
  while (p > 0) m.ok(--p);
  return m;
}

std::vector<Injected> cycles() {
  std::vector<Injected> all;
  const auto add = [&](const char* cycle, size_t length, Maker& m) {
    all.push_back({cycle, length, Kind::g1a, m.history()});
  };
  add("G0", 2, concurrent({}, {"ax1 ay2", "ax2 ay1", "rx12", "ry12"}));
  add("G0", 3, concurrent({}, {"ax1 az2", "ax2 ay1", "ay2 az1", "rx12", "ry12", "rz12"}));
  add("G1c", 2, concurrent({}, {"ax1 ry1", "ay1 rx1"}));
  add("G1c", 4, concurrent({}, {"aa1 rd1", "ab1 ra1", "ac1 rb1", "ad1 rc1"}));
  add("G1c", 8,
      concurrent({},
                 {"aa1 rh1", "ab1 ra1", "ac1 rb1", "ad1 rc1", "ae1 rd1", "af1 re1", "ag1 rf1", "ah1 rg1"}));
  add("G-single-item", 2, concurrent({}, {"rx ry1", "ax1 ay1"}));
  add("G-single-item", 3, concurrent({}, {"ax1 az1", "rz1 ay1", "rx ry1"}));
  // The same with a way round of five transactions: the shorter is shown.
  add("G-single-item", 3,
      concurrent({}, {"ax1 az1", "rz1 ay1", "rx ry1 rd1", "rz1 ab1", "rb1 ac1", "rc1 ad1"}));
  add("G-nonadjacent-item", 4, concurrent({}, {"ax1", "ay1", "rx1 ry", "rx ry1"}));
  add("G2-item", 2, concurrent({}, {"rx ry ax1", "rx ry ay1"}));
  add("G2-item", 3, concurrent({}, {"rx ay1", "ry az1", "rz ax1"}));
  add("G0-process", 2, Maker().run(0, "ax1").run(0, "ax2").run(0, "rx21"));
  add("G0-realtime", 2, Maker().run(0, "ax1").run(1, "ax2").run(2, "rx21"));
  add("G1c-process", 2, Maker().run(0, "rx1").run(0, "ax1"));
  add("G1c-realtime", 2, Maker().run(0, "rx1").run(1, "ax1"));
  add("G-single-item-process", 2, Maker().run(0, "ax1").run(0, "rx"));
  add("G-single-item-realtime", 2, Maker().run(0, "ax1").run(1, "rx"));
  add("G2-item-realtime", 3, Maker().invoke(2, "ry ax1").run(3, "ay1").run(1, "rx").ok(2));
  return all;
}

std::vector<Injected> others() {
  std::vector<Injected> all;
  const auto add = [&](Kind kind, Maker& m) { all.push_back({"", 0, kind, m.history()}); };
  add(Kind::g1a, Maker().invoke(0, "ax1").fail(0).run(1, "rx1"));
  add(Kind::g1b, Maker().invoke(0, "ax1 ax2").invoke(1, "rx1").ok(1).ok(0));
  add(Kind::internal, Maker().run(0, "ax1 rx"));
  add(Kind::future_read, Maker().run(0, "rx1 ax1"));
  add(Kind::garbage_read, Maker().run(0, "rx7"));
  add(Kind::duplicate_elements, Maker().run(0, "ax1").run(1, "rx11"));
  add(Kind::incompatible_order,
      Maker().invoke(0, "ax1").invoke(1, "ax2").ok(0).ok(1).run(2, "rx12").run(3, "rx21"));
  add(Kind::lost_update, Maker().invoke(0, "rx ax1").invoke(1, "rx ax2").ok(0).ok(1));
  add(Kind::lost_write, Maker().run(0, "ax1").run(1, "rx"));
  return all;
}

std::string standings(const Analysis& a) {
  std::string out;
  for (size_t i = 0; i < kModels; ++i)
    out += std::to_string(static_cast<int>(a.decisions.standing(static_cast<Model>(i))));
  return out;
}

}  // namespace

TEST_CASE("one anomaly in a large valid history is found, with the shortest witness and nothing else") {
  const History base = valid_history(false);
  std::vector<Injected> all = cycles();
  for (Injected& one : others()) all.push_back(std::move(one));
  for (const Injected& one : all) {
    const History history = spliced(base, one.history);
    const Analysis a = analysed(history);
    INFO((one.cycle.empty() ? std::string(name_of(one.kind)) : one.cycle) << " of " << one.length);
    CHECK(standings(a) == standings(analysed(one.history)));
    if (one.cycle.empty()) {
      CHECK(a.findings.count(one.kind) == 1);
      continue;
    }
    CHECK(a.suspects == 1);
    REQUIRE_FALSE(a.cycles.empty());
    CHECK(name_of(a.cycles[0].cycle_class) == one.cycle);
    CHECK(a.cycles[0].steps.size() == one.length);
    for (const Cycle& c : a.cycles) CHECK(c.steps.size() >= one.length);
  }
}

TEST_CASE("one entry altered in a large valid history is found") {
  const History base = valid_history(false);
  const Analysis before = analysed(base);
  const Transactions& t = before.transactions;
  REQUIRE(weakest_refuted(before).empty());
  // A reader of one list alone whose last element's writer had returned before it began, in the middle.
  uint32_t reader = static_cast<uint32_t>(t.size() / 2);
  const auto writer = [&](uint32_t txn) {
    const Mop mop = t.mops[t.begin_of(txn)];
    return before.orders.writer_of(mop.key, mop.version());
  };
  const auto suits = [&](uint32_t txn) {
    if (t.end_of(txn) - t.begin_of(txn) != 1) return false;
    const Mop mop = t.mops[t.begin_of(txn)];
    return mop.is_known_read() && mop.version() > 1 && t.returned(writer(txn)) < t.invoke[txn] &&
           t.session[writer(txn)] != t.session[txn];
  };
  while (!suits(reader)) ++reader;
  const Value seen = base.op(t.complete[reader]).value;
  const auto with_list = [&](const Value::List& list) {
    Value::List mop = seen.list()[0].list();
    mop[2] = Value(list);
    return Value(Value::List{Value(std::move(mop))});
  };
  const Value::List list = seen.list()[0].list()[2].list();
  SECTION("a stale read") {
    const Value stale = with_list(Value::List(list.begin(), list.end() - 1));
    const History history = altered(base, t.complete[reader], &stale, OpType::ok);
    const Analysis a = analysed(history);
    REQUIRE_FALSE(a.cycles.empty());
    // Sessions come before real time: the reader's own may contradict it too, by a longer way.
    const bool by_session = a.cycles[0].cycle_class.order == Order::session;
    CHECK((by_session || a.cycles[0].steps.size() == 2));
    CHECK(a.cycles[0].cycle_class.shape == Shape::single);
    CHECK(a.findings.count(Kind::stale_read) == 1);
    CHECK(a.decisions.refuted(Model::strict_serializable));
    CHECK_FALSE(a.decisions.refuted(Model::serializable));
  }
  SECTION("two elements exchanged") {
    Value::List wrong = list;
    std::swap(wrong[wrong.size() - 1], wrong[wrong.size() - 2]);
    const Value other = with_list(wrong);
    const History history = altered(base, t.complete[reader], &other, OpType::ok);
    const Analysis a = analysed(history);
    CHECK(a.findings.count(Kind::incompatible_order) == 1);
    CHECK(a.decisions.refuted(Model::read_committed));
  }
  SECTION("a write that was read is said to have failed") {
    const History history = altered(base, t.complete[writer(reader)], nullptr, OpType::fail);
    const Analysis a = analysed(history);
    CHECK(a.findings.count(Kind::g1a) > 0);
    CHECK(a.decisions.refuted(Model::read_committed));
    CHECK(a.cycles.empty());
  }
}

TEST_CASE("one anomaly in a large valid history of registers is found") {
  const History base = valid_history(true);
  const auto check = [&](const char* cycle, size_t length, Maker& m) {
    const History extra = m.history();
    const History history = spliced(base, extra);
    const Analysis a = analysed(history);
    INFO(cycle << " of " << length);
    CHECK(standings(a) == standings(analysed(extra)));
    REQUIRE_FALSE(a.cycles.empty());
    CHECK(name_of(a.cycles[0].cycle_class) == cycle);
    CHECK(a.cycles[0].steps.size() == length);
  };
  check("G1c", 2, concurrent({}, {"wx1 vy1", "wy1 vx1"}));
  check("G1c", 4, concurrent({}, {"wa1 vd1", "wb1 va1", "wc1 vb1", "wd1 vc1"}));
  check("G-single-item", 2, concurrent({}, {"vx_ vy1", "wx1 wy1"}));
  check("G-single-item", 3, concurrent({}, {"wx1 wz1", "vz1 wy1", "vx_ vy1"}));
  check("G-nonadjacent-item", 4, concurrent({}, {"wx1", "wy1", "vx1 vy_", "vx_ vy1"}));
  check("G2-item", 2, concurrent({}, {"vx_ vy_ wx1", "vx_ vy_ wy1"}));
  check("G-single-item-realtime", 2, Maker().run(0, "wx1").run(1, "vx_"));
}

}  // namespace riven::checkers::isolation
