// The evidence of a single fault in large histories of models with endlessly many states: small, minimal and
// verified however long the history is.
#include <algorithm>

#include "tests/catch.h"
#include "tests/checkers/linearizable/large_histories.h"
#include "tests/checkers/linearizable/small_entries.h"

namespace riven::linearizable::testing {
namespace {

/// Operations one after another in their effects, three or so in flight; the one at `fault`, or soon after
/// it, is wrong.
class LargeLog {
 public:
  LargeLog(Model model, size_t operations, size_t fault)
      : model_(model), rng_(static_cast<uint64_t>(model) + 9), fault_(fault) {
    for (at_ = 0; at_ < operations; ++at_) model == Model::counter ? count() : lock();
  }

  std::vector<Op> entries() {
    std::sort(events_.begin(), events_.end(),
              [](const auto& x, const auto& y) { return x.time_ns < y.time_ns; });
    return std::move(events_);
  }

 private:
  void add(const char* f, Value argument, Value answer, OpType type = OpType::ok) {
    const auto point = static_cast<int64_t>(at_) * 1000;
    const auto away = [&] { return 1 + static_cast<int64_t>(rng_.below(1500)); };
    Op op;
    op.process = static_cast<Process>(at_);
    op.f = Symbol(f);
    op.time_ns = 10'000 + point - away();
    op.value = std::move(argument);
    events_.push_back(op);
    op.time_ns = 10'000 + point + away();
    op.type = type;
    op.value = std::move(answer);
    events_.push_back(op);
  }

  void count() {
    old_.push_back(sum_);
    if (at_ == fault_) {
      add("read", Value(), Value(old_[at_ - 40]));
    } else if (rng_.chance(0.5)) {
      add("read", Value(), Value(sum_));
    } else {
      const auto by = 1 + static_cast<int64_t>(rng_.below(3));
      sum_ += by;
      add("add", Value(by), Value(by));
    }
  }

  static Value client(int64_t owner) {
    return Value::map({Value("client"), Value("c" + std::to_string(owner))});
  }
  Value fence() { return model_ == Model::fenced_mutex ? Value(++fence_) : Value(); }
  void lock() {
    const auto other = static_cast<int64_t>(rng_.below(5));
    const bool again = model_ == Model::reentrant_mutex && depth_ < 5;
    if (at_ >= fault_ && depth_ > 0) {
      fault_ = SIZE_MAX;
      // Somebody else's lock is taken; a fence comes back.
      if (model_ == Model::fenced_mutex) add("release", client(owner_), Value());
      if (model_ == Model::fenced_mutex) ++at_, depth_ = 0;
      add("acquire", client(owner_ + 7), model_ == Model::fenced_mutex ? Value(fence_ - 20) : Value());
      ++at_;
      add("release", client(owner_ + 7), Value());
    } else if (depth_ == 0) {
      owner_ = other;
      ++depth_;
      add("acquire", client(owner_), fence());
    } else if (again && rng_.chance(0.45)) {
      ++depth_;
      add("acquire", client(owner_), Value());
    } else if (rng_.chance(0.2) && other != owner_) {
      add("acquire", client(other), Value(), OpType::fail);
    } else {
      --depth_;
      add("release", client(owner_), Value());
    }
  }

  Model model_;
  Rng rng_;
  size_t fault_;
  size_t at_ = 0;
  std::vector<Op> events_;
  std::vector<int64_t> old_;
  int64_t sum_ = 0;
  int64_t owner_ = 0;
  int64_t depth_ = 0;
  int64_t fence_ = 0;
};

TEST_CASE("a fault in a large counter or lock has small, minimal, verified evidence") {
  const size_t size = kSanitized ? 1'200 : 18'000;
  for (const Model model : {Model::counter, Model::reentrant_mutex, Model::fenced_mutex}) {
    for (const bool fault : {false, true}) {
      CAPTURE(to_text(model), fault);
      std::map<std::string, std::string> options{{"model", std::string(to_text(model))}, {"per-key", "no"}};
      if (model != Model::counter) options["failed-cas"] = "observe";
      const auto checker = make_checker(options);
      REQUIRE(checker);
      const History history = history_of(LargeLog(model, size, fault ? size * 97 / 100 : size).entries());
      const CheckResult result = (*checker)->check(history, {});
      REQUIRE(result.verdict == (fault ? Verdict::invalid : Verdict::valid));
      if (!fault) continue;
      const Json& details = result.anomalies.at(0).details.at(0);
      CAPTURE(details.dump());
      CHECK(details["verified"] == true);
      CHECK(details["minimal"] == true);
      CHECK(details["first-certain"] == true);
      CHECK(details["operations"].size() <= 40);
    }
  }
}

TEST_CASE("the picture of a large history has thousands of operations, and their order") {
  LargeShape shape;
  shape.operations = kSanitized ? 5'000 : 30'000;
  shape.clients = 20;
  shape.crashed = 0.01;
  shape.fault = true;
  const auto checker = make_checker(std::map<std::string, std::string>{{"model", "cas-register"}});
  const CheckResult result = (*checker)->check(large_history(shape), {});
  REQUIRE(result.verdict == Verdict::invalid);
  REQUIRE(result.figures.size() == 1);
  const auto& operations = std::get<LanesFigure>(result.figures[0].content).operations;
  const auto count = [&](auto&& which) { return std::count_if(operations.begin(), operations.end(), which); };
  CHECK(operations.size() > 3'000);
  CHECK(count([](const LaneOperation& op) { return op.step > 0; }) > 2'000);
  CHECK(count([](const LaneOperation& op) { return op.in_conflict; }) >= 2);
  CHECK(count([](const LaneOperation& op) { return op.impossible_next; }) == 1);
}

}  // namespace
}  // namespace riven::linearizable::testing
