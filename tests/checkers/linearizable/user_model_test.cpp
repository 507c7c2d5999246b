// A model as a user writes it, outside of the tree: a bank of accounts that must not be overdrawn.
#include "checkers/linearizable/model.h"
#include "tests/catch.h"

namespace {

using riven::History;
using riven::HistoryBuilder;
using riven::Op;
using riven::OpType;
using riven::Symbol;
using riven::Value;
using riven::Verdict;
using riven::linearizable::Call;

struct Account {
  using State = int64_t;
  State initial() const { return 10; }
  bool step(State& balance, const Call& call) const {
    if (call.f == read) return call.crashed || call.result == Value(balance);
    if (balance < call.argument.integer()) return false;
    balance -= call.argument.integer();
    return true;
  }
  std::string describe(const State& balance) const { return std::to_string(balance) + " left"; }
  size_t hash(const State& balance) const { return static_cast<size_t>(balance); }
  Symbol read{"read"};
};

History withdraw_twice(int64_t amount, int64_t seen) {
  HistoryBuilder builder;
  const auto add = [&](int process, OpType type, const char* f, Value value) {
    Op op;
    op.process = process;
    op.type = type;
    op.f = Symbol(f);
    op.value = std::move(value);
    builder.append(op);
  };
  add(0, OpType::invoke, "withdraw", amount);
  add(1, OpType::invoke, "withdraw", amount);
  add(0, OpType::ok, "withdraw", amount);
  add(1, OpType::ok, "withdraw", amount);
  add(0, OpType::invoke, "read", Value());
  add(0, OpType::ok, "read", seen);
  auto history = builder.finish();
  REQUIRE(history);
  return std::move(history).value();
}

TEST_CASE("a user's own model is checked like a built-in one") {
  const auto checker = riven::linearizable::make_model_checker("account", Account{});
  CHECK(checker->check(withdraw_twice(5, 0), riven::Budget{}).verdict == Verdict::valid);
  CHECK(checker->check(withdraw_twice(6, -2), riven::Budget{}).verdict == Verdict::invalid);
  const auto stale = checker->check(withdraw_twice(4, 6), riven::Budget{});
  CHECK(stale.verdict == Verdict::invalid);
  CHECK(stale.anomalies.at(0).details.at(0)["states-before"].at(0) == "2 left");
}

}  // namespace
