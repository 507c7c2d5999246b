// The evidence of every engine on random small histories, against brute force; and the verifier itself.
#include <set>

#include "checkers/linearizable/builtin_models.h"
#include "checkers/linearizable/checker.h"
#include "checkers/linearizable/verifier.h"
#include "tests/catch.h"
#include "tests/checkers/linearizable/small_entries.h"

namespace riven::linearizable::testing {
namespace {

std::vector<Operation> prefix(const SmallHistory& small, uint32_t until) {
  std::vector<Operation> ops;
  for (Operation op : small.operations()) {
    if (op.invoked >= until) continue;
    if (op.returned >= until) op.returned = kPending;
    ops.push_back(op);
  }
  return ops;
}

bool is_collection(Model m) {
  return m == Model::fifo_queue || m == Model::stack || m == Model::priority_queue;
}

bool only_looks(const Operation& op) {
  return op.f == Function::read || op.f == Function::failed_cas || op.f == Function::contains ||
         op.f == Function::failed_acquire || op.b == kFalse;
}

/// The chosen operations as the evidence means them: all else that was in flight with them or later is left
/// out or may happen at any time.
std::vector<Operation> weakened(const SmallHistory& small, const std::set<uint32_t>& chosen) {
  std::vector<Operation> ops;
  for (Operation op : small.operations()) {
    if (chosen.count(op.invoked) == 0) {
      if (is_collection(small.model.model) ? op.a != kUnknown || op.f != Function::take : only_looks(op))
        continue;
      if (op.returned > *chosen.begin()) op.returned = kPending;
    }
    ops.push_back(op);
  }
  return ops;
}

/// Operations that only show where a value came from may stand in front of a conflict.
bool is_conflict(const SmallHistory& small, std::set<uint32_t> chosen) {
  for (; !chosen.empty(); chosen.erase(chosen.begin()))
    if (!is_linearizable(small, weakened(small, chosen))) return true;
  return false;
}

/// By brute force: what a read just before the event could have returned.
std::set<std::string> register_states(const SmallHistory& small, uint32_t event) {
  std::set<std::string> states;
  for (int32_t id = 0; id < static_cast<int32_t>(small.projection.values.size()); ++id) {
    std::vector<Operation> ops = prefix(small, event);
    ops.push_back({.invoked = event, .returned = event + 1, .a = id, .f = Function::read});
    if (is_linearizable(small, ops)) states.insert(to_edn(small.projection.values.value(id)));
  }
  return states;
}

void check_evidence(const SmallHistory& small, const char* engine) {
  auto options = checker_options(small);
  options["engine"] = engine;
  const auto checker = make_checker(options);
  REQUIRE(checker);
  Budget budget;
  budget.threads = 1;
  const CheckResult result = (*checker)->check(history_of(entries_of(small)), budget);
  CAPTURE(engine, to_text(small), result.reason);
  if (result.verdict == Verdict::unknown) return;  // the engine does not serve it
  if (result.verdict != Verdict::invalid) FAIL("not refused");
  const Json& details = result.anomalies.at(0).details.at(0);
  CAPTURE(details.dump());
  if (details["verified"] != true || details["minimal"] != true || details["first-certain"] != true)
    FAIL("not verified, minimal and first");
  if (details["sentence"].get<std::string>().empty()) FAIL("no sentence");
  const auto event = details["certain-at"].get<uint32_t>();
  if (!is_linearizable(small, prefix(small, event)) || is_linearizable(small, prefix(small, event + 1)))
    FAIL("wrong first event");
  std::set<uint32_t> chosen;
  for (const Json& op : details["operations"]) chosen.insert(op["invoked"].get<uint32_t>());
  if (!is_conflict(small, chosen)) FAIL("no conflict");
  std::set<std::string> states;
  for (const Json& state : details["states-before"]) states.insert(state.get<std::string>());
  if (states.empty()) FAIL("no states before");
  const bool reg = small.model.model == Model::cas_register;
  if (reg && states.size() < 16 && states != register_states(small, event)) FAIL("wrong states before");
}

/// Random histories that are not linearizable.
void prove_evidence(SmallShape shape, const std::vector<const char*>& engines, uint64_t seed) {
  Rng rng(seed + chunk() * 1'000'003);
  const uint64_t count = rounds(40);
  for (uint64_t done = 0; done < count;) {
    SmallShape drawn = shape;
    drawn.operations = 2 + static_cast<int>(rng.below(static_cast<uint64_t>(shape.operations) - 1));
    const SmallHistory small = random_history(drawn, rng);
    if (is_linearizable(small)) continue;
    // Where nothing completed there is nothing to judge.
    if (std::all_of(small.operations().begin(), small.operations().end(), [](const Operation& op) {
          return op.pending() || op.f == Function::failed_cas || op.f == Function::failed_acquire;
        }))
      continue;
    ++done;
    for (const char* const engine : engines) check_evidence(small, engine);
  }
}

TEST_CASE("the evidence is right: registers") {
  SmallShape shape;
  shape.operations = 8;
  prove_evidence(shape, {"auto", "dfs", "jit"}, 1);
  shape.distinct = true;
  prove_evidence(shape, {"auto", "zones", "dfs", "jit"}, 2);
  shape.failed_cas = false;
  shape.crashed = 0.5;
  prove_evidence(shape, {"auto", "zones"}, 3);
  shape.only_cas = true;
  shape.crashed = 0.1;
  prove_evidence(shape, {"auto", "versions", "zones"}, 4);
}
TEST_CASE("the evidence is right: collections") {
  for (const Model model : {Model::fifo_queue, Model::stack, Model::priority_queue}) {
    SmallShape shape;
    shape.model = model;
    shape.operations = 8;
    shape.distinct = true;
    prove_evidence(
        shape, {"auto", to_text(model) == "fifo-queue" ? "queue" : to_text(model).data(), "dfs", "jit"}, 5);
    shape.crashed_takes = false;
    prove_evidence(shape, {"auto"}, 6);
  }
}
TEST_CASE("the evidence is right: sets, locks and counters") {
  for (const Model model : {Model::set, Model::mutex, Model::semaphore, Model::owner_mutex,
                            Model::reentrant_mutex, Model::fenced_mutex, Model::counter}) {
    SmallShape shape;
    shape.model = model;
    shape.operations = 8;
    prove_evidence(shape, {"auto", "dfs", "jit"}, 7);
  }
}

TEST_CASE("the verifier agrees with brute force, and refuses to confirm a wrong core") {
  uint64_t refused = 0;
  uint64_t wrong = 0;
  for (const Model model : {Model::cas_register, Model::fifo_queue, Model::stack, Model::priority_queue,
                            Model::set, Model::mutex, Model::counter, Model::unordered_queue}) {
    Rng rng(static_cast<uint64_t>(model) + chunk() * 1'000'003);
    for (uint64_t i = 0; i < rounds(150); ++i) {
      SmallShape shape;
      shape.model = model;
      SmallHistory small = random_history(shape, rng);
      const auto spec = builtin_model(small.model, small.projection);
      MemoryMeter memory(uint64_t{1} << 30);
      const Watch watch{INT64_MAX, &memory, nullptr, nullptr};
      const bool expected = is_linearizable(small);
      CAPTURE(to_text(small));
      const SecondOpinion whole = ask_again(*spec, small.operations(), kPending, watch);
      if ((whole.verdict == Verdict::valid) != expected || whole.verdict == Verdict::unknown)
        FAIL("the verifier says " << to_text(whole.verdict));
      if (expected) continue;
      ++refused;
      // Any part of a conflict that brute force accepts is no conflict.
      for (size_t left = 0; left < small.operations().size(); ++left) {
        std::vector<Operation> fewer = small.operations();
        fewer.erase(fewer.begin() + static_cast<std::ptrdiff_t>(left));
        if (!is_linearizable(small, fewer)) continue;
        ++wrong;
        if (ask_again(*spec, fewer, kPending, watch).verdict != Verdict::valid) FAIL("a wrong core passed");
      }
    }
  }
  CHECK(refused > rounds(50));
  CHECK(wrong > rounds(50));
}

TEST_CASE("the verifier keeps its budget") {
  SmallHistory history;
  history.model.model = Model::fifo_queue;
  for (int i = 0; i < 40; ++i) history.projection.values.id(Value(i));
  std::vector<Operation> ops;
  for (uint32_t i = 0; i < 20; ++i)
    ops.push_back(
        {.invoked = i, .returned = 100 + i, .a = static_cast<int32_t>(3 + i), .f = Function::insert});
  ops.push_back({.invoked = 200, .returned = 201, .a = 30, .f = Function::take});
  const auto spec = builtin_model(history.model, history.projection);
  MemoryMeter memory(uint64_t{8} << 20);
  const Watch watch{INT64_MAX, &memory, nullptr, nullptr};
  CHECK(ask_again(*spec, ops, kPending, watch).verdict == Verdict::unknown);
  CHECK(memory.used_bytes() == 0);
}

}  // namespace
}  // namespace riven::linearizable::testing
