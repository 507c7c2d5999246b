// own_model: a sequential model written outside of Riven's tree, an account that must not be overdrawn, and
// two histories of it. The exit code is the number of wrong verdicts.
#include <cstdio>

#include "checkers/linearizable/model.h"

namespace {

using riven::linearizable::Call;

struct Account {
  using State = int64_t;
  State initial() const { return 10; }
  bool step(State& balance, const Call& call) const {
    if (call.f == riven::Symbol("read")) return call.crashed || call.result == riven::Value(balance);
    if (balance < call.argument.integer()) return false;
    balance -= call.argument.integer();
    return true;
  }
};

/// Two withdrawals at once, then a look at what is left.
riven::History withdraw_twice(int64_t amount, int64_t left) {
  riven::HistoryBuilder builder;
  const auto add = [&](int process, riven::OpType type, const char* f, riven::Value value) {
    riven::Op op;
    op.process = process;
    op.type = type;
    op.f = riven::Symbol(f);
    op.value = std::move(value);
    builder.append(op);
  };
  add(0, riven::OpType::invoke, "withdraw", amount);
  add(1, riven::OpType::invoke, "withdraw", amount);
  add(0, riven::OpType::ok, "withdraw", amount);
  add(1, riven::OpType::ok, "withdraw", amount);
  add(0, riven::OpType::invoke, "read", {});
  add(0, riven::OpType::ok, "read", left);
  return std::move(builder.finish()).value();
}

}  // namespace

int main() {
  const auto checker = riven::linearizable::make_model_checker("account", Account{});
  const riven::CheckResult good = checker->check(withdraw_twice(5, 0), riven::Budget{});
  const riven::CheckResult bad = checker->check(withdraw_twice(6, -2), riven::Budget{});
  std::printf("%s, %s: %s\n", std::string(to_text(good.verdict)).c_str(),
              std::string(to_text(bad.verdict)).c_str(), bad.reason.c_str());
  return (good.verdict == riven::Verdict::valid ? 0 : 1) + (bad.verdict == riven::Verdict::invalid ? 0 : 1);
}
