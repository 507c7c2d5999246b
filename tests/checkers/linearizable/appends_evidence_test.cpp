// The evidence for keys that are appended to, against brute force, and what a user reads of it.
#include <set>

#include "tests/checkers/linearizable/append_histories.h"
#include "tests/checkers/linearizable/lines.h"
#include "tests/checkers/linearizable/small_histories.h"

namespace riven::linearizable::testing {
namespace {

/// Each event is an entry, in order; each operation is a process of its own.
std::vector<Line> lines_of(const AppendHistory& small) {
  const auto& ops = small.operations();
  std::vector<std::pair<uint32_t, size_t>> events;
  for (size_t i = 0; i < ops.size(); ++i) {
    events.emplace_back(ops[i].invoked, i * 2);
    if (!ops[i].pending()) events.emplace_back(ops[i].returned, i * 2 + 1);
  }
  std::sort(events.begin(), events.end());
  std::vector<Line> lines;
  for (const auto& [event, what] : events) {
    const Operation& op = ops[what / 2];
    const bool returns = what % 2 == 1;
    const bool read = op.f == Function::read;
    lines.push_back({static_cast<Process>(what / 2), returns ? OpType::ok : OpType::invoke,
                     read                       ? "get"
                     : op.f == Function::append ? "append"
                                                : "put",
                     read && !returns ? Value() : small.projection.values.value(op.a)});
  }
  return lines;
}

/// The same on the key "k".
History on_one_key(std::vector<Line> lines) {
  for (Line& line : lines) line.value = pair("k", std::move(line.value));
  return history(lines);
}

CheckResult check_on_one_thread(const std::vector<Line>& lines) {
  const auto checker = make_checker({{"model", "kv"}});
  REQUIRE(checker);
  Budget budget;
  budget.threads = 1;
  return (*checker)->check(on_one_key(lines), budget);
}

std::vector<Operation> prefix(const AppendHistory& small, uint32_t until) {
  std::vector<Operation> ops;
  for (Operation op : small.operations()) {
    if (op.invoked >= until) continue;
    if (op.returned >= until && op.f == Function::read) continue;
    if (op.returned >= until) op.returned = kPending;
    ops.push_back(op);
  }
  return ops;
}

/// The chosen operations in the window that they span. Others that change something and returned before it
/// stay as they were; the rest may happen at any time or never.
bool is_conflict(const AppendHistory& small, const std::set<uint32_t>& chosen) {
  const uint32_t window = *chosen.begin();
  std::vector<Operation> ops;
  for (Operation op : small.operations()) {
    if (chosen.count(op.invoked) == 0) {
      if (op.f == Function::read) continue;
      if (op.returned >= window) op.returned = kPending;
    }
    ops.push_back(op);
  }
  return !is_linearizable(small, ops);
}

void check_evidence(const AppendHistory& small) {
  const CheckResult result = check_on_one_thread(lines_of(small));
  CAPTURE(to_text(small), result.reason);
  if (result.verdict != Verdict::invalid) FAIL("not refused");
  const Json& details = result.anomalies.at(0).details.at(0);
  CAPTURE(details.dump());
  if (details["verified"] != true || details["minimal"] != true || details["first-certain"] != true)
    FAIL("not verified, minimal and first");
  if (details["sentence"].get<std::string>().empty()) FAIL("no sentence");
  if (details["states-before"].empty()) FAIL("no states before");
  const auto event = details["certain-at"].get<uint32_t>();
  if (!is_linearizable(small, prefix(small, event)) || is_linearizable(small, prefix(small, event + 1)))
    FAIL("wrong first event");
  std::set<uint32_t> chosen;
  for (const Json& op : details["operations"]) chosen.insert(op["invoked"].get<uint32_t>());
  if (!is_conflict(small, chosen)) FAIL("no conflict");
}

void prove_evidence(const AppendShape& shape, uint64_t seed) {
  Rng rng(seed + chunk() * 1'000'003);
  const uint64_t count = rounds(60);
  for (uint64_t done = 0; done < count;) {
    AppendShape drawn = shape;
    drawn.operations = 2 + static_cast<int>(rng.below(static_cast<uint64_t>(shape.operations) - 1));
    const AppendHistory small = random_appends(drawn, rng);
    if (is_linearizable(small, small.operations())) continue;
    ++done;
    check_evidence(small);
  }
}

TEST_CASE("the evidence is right: appends of texts that are all different") {
  AppendShape shape;
  shape.operations = 8;
  prove_evidence(shape, 1);
  shape.crashed = 0.5;
  prove_evidence(shape, 2);
}
TEST_CASE("the evidence is right: appends of texts that repeat, or begin alike") {
  AppendShape shape;
  shape.operations = 8;
  shape.puttable = {"a", "", "b"};
  shape.appendable = {"a", "aa", "ab", "b"};
  prove_evidence(shape, 3);
  shape.puttable = {""};
  shape.appendable = {"a", "b"};
  prove_evidence(shape, 4);
}
TEST_CASE("the evidence is right: appends of elements to lists") {
  AppendShape shape;
  shape.operations = 8;
  shape.lists = true;
  shape.puttable = {"", "a", "ab"};
  shape.appendable = {"a", "b", "c", "d", "e"};
  prove_evidence(shape, 5);
}

TEST_CASE("an append of nothing changes nothing: after a text, and before there is one") {
  const std::vector<Line> lines{{0, kInvoke, "append", ""},   {0, kOk, "append", ""},
                                {0, kInvoke, "get", Value()}, {0, kOk, "get", ""},
                                {0, kInvoke, "append", "a"},  {0, kOk, "append", "a"},
                                {0, kInvoke, "append", ""},   {0, kOk, "append", ""},
                                {0, kInvoke, "get", Value()}, {0, kOk, "get", "a"}};
  for (const char* const engine : {"auto", "appends", "jit", "dfs"}) {
    const auto checker = make_checker({{"model", "kv"}, {"engine", engine}});
    REQUIRE(checker);
    CAPTURE(engine);
    CHECK((*checker)->check(on_one_key(lines), {}).verdict == Verdict::valid);
  }
}

}  // namespace
}  // namespace riven::linearizable::testing
