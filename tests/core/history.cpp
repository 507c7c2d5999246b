#include "harness/core/history.h"

#include "tests/catch.h"
#include "tests/core/random_value.h"

using namespace riven;
using Pairing = HistoryBuilder::Pairing;

namespace {

Op entry(Process process, OpType type, const char* f, Value value = {}, Value error = {}) {
  Op op;
  op.process = process;
  op.type = type;
  op.f = Symbol(f);
  op.value = std::move(value);
  op.error = std::move(error);
  return op;
}

Result<History> build(const std::vector<Op>& ops, Pairing pairing = Pairing::strict) {
  HistoryBuilder builder;
  for (const Op& op : ops) builder.append(op);
  return builder.finish(pairing);
}

std::string error_of(const std::vector<Op>& ops, Pairing pairing = Pairing::strict) {
  const auto result = build(ops, pairing);
  REQUIRE(!result);
  return result.error().message;
}

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

constexpr auto kInvoke = OpType::invoke;
constexpr auto kOk = OpType::ok;
constexpr auto kInfo = OpType::info;

}  // namespace

TEST_CASE("invocations are paired with the next completion of their process") {
  const auto h =
      build({entry(0, kInvoke, "read"), entry(1, kInvoke, "write", 5), entry(0, kOk, "read", 4),
             entry(1, OpType::fail, "write", 5, "no"), entry(0, kInvoke, "read"), entry(2, kInvoke, "read")});
  REQUIRE(h);
  CHECK(h->pair(0) == 2);
  CHECK(h->pair(2) == 0);
  CHECK(h->pair(1) == 3);
  CHECK(h->pair(4) == History::kNone);
  CHECK(h->is_invocation(4));
  CHECK(!h->is_invocation(3));
  CHECK(h->op(3).error == Value("no"));
  CHECK(h->error(2).is_nil());
  CHECK(h->functions().size() == 2);
  CHECK(h->source_index(4) == 4);
  CHECK(!h->source_line(4));
}

TEST_CASE("nemesis entries alternate whatever their type") {
  const auto h =
      build({entry(kNemesis, kInfo, "start"), entry(0, kInvoke, "read"), entry(kNemesis, kInfo, "start"),
             entry(kNemesis, kInfo, "stop"), entry(-2, kInvoke, "other"), entry(-2, kInfo, "other")});
  REQUIRE(h);
  CHECK(h->pair(0) == 2);
  CHECK(h->pair(3) == History::kNone);
  CHECK(h->pair(4) == 5);
  CHECK(h->is_invocation(0));
  CHECK(!h->is_invocation(2));
  CHECK(h->is_invocation(3));
}

TEST_CASE("what cannot be paired is refused, with its entry") {
  CHECK(has(error_of({entry(3, kInvoke, "read"), entry(3, kInvoke, "write", 7)}), "entry 1"));
  CHECK(has(error_of({entry(3, kInvoke, "read"), entry(3, kInvoke, "write", 7)}), ":value 7"));
  CHECK(has(error_of({entry(3, kOk, "read")}), "completion without an invocation of process 3"));
  CHECK(has(error_of({entry(3, kInvoke, "read"), entry(3, kOk, "write")}), "another function"));
  const std::vector<Op> reuse = {entry(1, kInvoke, "read"), entry(1, kInfo, "read"),
                                 entry(1, kInvoke, "read")};
  CHECK(has(error_of(reuse), "acts again"));
  CHECK(build(reuse, Pairing::lenient));
  // Lenient is no licence for what makes pairing impossible.
  error_of({entry(3, kOk, "read")}, Pairing::lenient);
  error_of({entry(3, kInvoke, "read"), entry(3, kInvoke, "read")}, Pairing::lenient);
}

TEST_CASE("processes of any number are paired") {
  for (const Process p : {0, 1 << 22, INT32_MAX})
    CHECK(build({entry(p, kInvoke, "read"), entry(p, kOk, "read")})->pair(0) == 1);
}

TEST_CASE("lines and indices of the source are kept where they are given") {
  HistoryBuilder builder;
  for (int i = 0; i < 3; ++i) {
    builder.begin(i, i, kInvoke, Symbol("read"));
    if (i == 1) builder.source_index(70);
    builder.line(static_cast<uint32_t>(10 + i));
    builder.commit();
  }
  builder.append(entry(2, kInvoke, "read"));
  const auto broken = builder.finish();
  REQUIRE(!broken);
  CHECK(has(broken.error().message, "entry 3, line 0"));

  for (int i = 0; i < 2; ++i) {
    builder.begin(i, i, kInvoke, Symbol("read"));
    if (i == 1) builder.source_index(70);
    builder.line(static_cast<uint32_t>(10 + i));
    builder.commit();
  }
  const auto h = builder.finish();
  REQUIRE(h);
  CHECK(h->source_index(0) == 0);
  CHECK(h->source_index(1) == 70);
  CHECK(*h->source_line(1) == 11);
}

TEST_CASE("builders put behind one another make the same history as one") {
  Rng rng(5);
  for (int round = 0; round < 200; ++round) {
    HistoryBuilder one;
    HistoryBuilder joined;
    HistoryBuilder part;
    for (int i = 0; i < 40; ++i) {
      Op op = entry(i, kInvoke, rng.chance(0.5) ? "read" : "write", test::random_value(rng, 2));
      op.index = rng.chance(0.2) ? 1000 + i : i;
      if (rng.chance(0.2)) op.error = test::random_value(rng, 1);
      one.append(op);
      if (op.index == i) op.index = -1;  // where it is the position, saying so is needless
      part.append(op);
      if (rng.chance(0.2)) joined.append(std::move(part));
    }
    joined.append(std::move(part));
    CHECK(part.size() == 0);
    const History a = *one.finish();
    const History b = *joined.finish();
    REQUIRE(a.size() == b.size());
    for (size_t i = 0; i < a.size(); ++i) {
      const Op x = a.op(i);
      const Op y = b.op(i);
      REQUIRE((x.f == y.f && x.value == y.value && x.error == y.error && x.process == y.process));
    }
  }
}

TEST_CASE("an entry may be written before its fields are known, or dropped half-written") {
  HistoryBuilder builder;
  builder.append(entry(0, kInvoke, "read"));
  builder.begin_value();
  builder.value().begin_list();
  builder.value().integer(1);
  builder.line(9);
  builder.drop();
  builder.begin_value();
  builder.value().integer(4);
  builder.set(12, 0, kOk, Symbol("read"));
  builder.commit();
  const auto h = builder.finish();
  REQUIRE(h);
  REQUIRE(h->size() == 2);
  CHECK(h->value(1).integer() == 4);
  CHECK(h->time_ns(1) == 12);
  CHECK(h->pair(0) == 1);
}

TEST_CASE("a gap ends every open operation and takes the orphans behind it") {
  HistoryBuilder builder;
  builder.append(entry(0, kInvoke, "write", 1));
  builder.append(entry(1, kInvoke, "write", 2));
  builder.append(entry(1, kInfo, "write", 2));
  builder.gap();
  builder.append(entry(0, kOk, "write", 9, "kept with its entry"));  // its invocation may be a lost one
  builder.append(entry(1, kInvoke, "write", 3));
  builder.append(entry(0, kInvoke, "read"));
  builder.append(entry(0, kOk, "read", 3, "error"));
  const auto h = builder.finish();
  REQUIRE(h);
  REQUIRE(h->size() == 6);
  CHECK(h->pair(0) == History::kNone);
  CHECK(h->pair(1) == 2);
  CHECK(h->source_index(3) == 4);
  CHECK(h->pair(4) == 5);
  CHECK(h->source_index(5) == 6);
  CHECK(h->error(5).to_value() == Value("error"));
  CHECK(h->error(4).is_nil());
}

TEST_CASE("a history survives being moved") {
  auto first = build({entry(0, kInvoke, "write", "text"), entry(0, kOk, "write", Value(Value::List{1, 2}))});
  const ValueView view = first->value(1);
  const History moved = *std::move(first);
  CHECK(view.to_value() == Value(Value::List{1, 2}));
  CHECK(moved.value(0).to_value() == Value("text"));
  CHECK(moved.memory_bytes() > 0);
}

TEST_CASE("positions are no times, nor are times that somebody says are none") {
  const auto history = [](std::vector<int64_t> times, bool none) {
    HistoryBuilder builder;
    for (size_t i = 0; i < times.size(); ++i)
      builder.append({.time_ns = times[i], .process = static_cast<Process>(i), .f = Symbol("read")});
    if (none) builder.no_times();
    return *builder.finish();
  };
  CHECK(!history({0, 1, 2}, false).has_times());
  CHECK(history({0, 1, 3}, false).has_times());
  CHECK(!history({0, 1, 3}, true).has_times());
  CHECK(history({0, 3, 3}, false).times_ascend());
  CHECK(!history({0, 3, 2}, false).times_ascend());
  CHECK(!history({0, 3, 4}, true).times_ascend());
}
