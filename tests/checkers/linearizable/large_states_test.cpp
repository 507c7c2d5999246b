// Models whose states are large: many of them fill the memory, and its limit is kept all the same.
#include "checkers/linearizable/model.h"
#include "tests/catch.h"
#include "tests/checkers/linearizable/measured_check.h"
#include "tests/sanitized.h"

namespace riven::linearizable::testing {
namespace {

constexpr int kElements = 8000;    // of a state
constexpr int kConcurrent = 18;    // operations whose orders and subsets are all different states
constexpr int64_t kStranger = -7;  // nobody wrote it

/// Entries of operations one after another, and of many at once.
class Writer {
 public:
  void call(Process process, const char* f, const Value& asked, const Value& answer) {
    add(process, OpType::invoke, f, asked);
    add(process, OpType::ok, f, answer);
  }
  void add(Process process, OpType type, const char* f, const Value& value) {
    Op op;
    op.process = process;
    op.type = type;
    op.f = Symbol(f);
    op.value = value;
    builder_.append(op);
  }
  /// All at once, an operation of each process: `value(i)`.
  template <typename Fn>
  void together(const char* f, const Fn& value) {
    for (const OpType type : {OpType::invoke, OpType::ok})
      for (int i = 0; i < kConcurrent; ++i) add(i, type, f, value(i));
  }
  History finish() {
    auto made = builder_.finish();
    REQUIRE(made);
    return std::move(made).value();
  }

 private:
  HistoryBuilder builder_;
};

Value list(std::initializer_list<Value> items) { return Value(Value::List(items)); }

std::string long_text() { return std::string(20'000, 'a'); }

/// Insertions of so many elements, then of some more at once, and a take of what is not there.
History collection(const char* insert, const char* take) {
  Writer w;
  for (int i = 0; i < kElements; ++i) w.call(0, insert, i, i);
  w.together(insert, [](int i) { return Value(kElements + i); });
  w.call(0, "peek", Value(), kStranger);
  w.call(0, take, Value(), kStranger);
  return w.finish();
}

History set_with_reads() {
  Writer w;
  Value::List all;
  for (int i = 0; i < kElements; ++i) {
    w.call(0, "add", i, i);
    all.emplace_back(i);
  }
  w.together("add", [](int i) { return Value(kElements + i); });
  all.emplace_back(kStranger);
  w.call(0, "read", Value(), Value(std::move(all)));
  return w.finish();
}

History multi_register() {
  Writer w;
  Value::List all;
  for (int i = 0; i < kElements; ++i) all.push_back(list({Value("w"), i, 1}));
  w.call(0, "txn", Value(all), Value(all));
  w.together("txn", [](int i) { return list({list({Value("w"), i, i + 2})}); });
  w.call(0, "txn", list({list({Value("r"), 0, Value()})}), list({list({Value("r"), 0, kStranger})}));
  return w.finish();
}

/// Texts that a cas compares are for the search: it keeps each of them.
History texts_with_cas() {
  Writer w;
  const auto keyed = [](Value value) { return list({Value("k"), std::move(value)}); };
  w.call(0, "put", keyed(Value(long_text())), keyed(Value(long_text())));
  w.together("append", [&](int i) { return keyed(Value(std::to_string(i) + ",")); });
  w.call(0, "cas", keyed(list({Value("x"), Value("y")})), keyed(list({Value("x"), Value("y")})));
  return w.finish();
}

/// Appends that repeat: what was read can be taken apart in many ways.
History appends(bool valid) {
  Writer w;
  const auto keyed = [](Value value) { return list({Value("k"), std::move(value)}); };
  std::string text;
  for (int round = 0; round < 200; ++round) {
    w.together("append",
               [&](int i) { return keyed(Value(std::string(static_cast<size_t>(i % 3 + 1), 'a'))); });
    for (int i = 0; i < kConcurrent; ++i) text += std::string(static_cast<size_t>(i % 3 + 1), 'a');
    w.call(0, "get", keyed(Value()), keyed(Value(round < 199 || valid ? text : text + "b")));
  }
  return w.finish();
}

/// A log of texts, whose states hold their memory outside themselves.
struct Log {
  using State = std::string;
  bool told = false;  ///< it says how large they are
  State initial() const { return long_text(); }
  bool step(State& log, const Call& call) const {
    if (call.f == Symbol("read")) return call.result == Value(log);
    log += std::to_string(call.argument.integer()) + ",";
    return true;
  }
  size_t hash(const State& log) const { return std::hash<std::string>()(log); }
};
struct MeasuredLog : Log {
  size_t size_bytes(const State& log) const { return sizeof log + log.capacity(); }
};

History log_of_texts() {
  Writer w;
  w.together("append", [](int i) { return Value(i); });
  w.call(0, "read", Value(), Value("none of them"));
  return w.finish();
}

CheckerPtr searched(const char* model, const char* engine) {
  auto checker = make_checker(std::map<std::string, std::string>{{"model", model}, {"engine", engine}});
  REQUIRE(checker);
  return *checker;
}

struct Large {
  std::string what;
  History history;
  CheckerPtr checker;
};

std::vector<Large> large_ones() {
  std::vector<Large> out;
  for (const char* const engine : {"jit", "dfs"}) {
    const auto add = [&](const char* what, History history, const char* model) {
      out.push_back({std::string(what) + ", " + engine, std::move(history), searched(model, engine)});
    };
    add("queue", collection("enqueue", "dequeue"), "fifo-queue");
    add("stack", collection("push", "pop"), "stack");
    add("priority queue", collection("insert", "delete-max"), "priority-queue");
    add("set", set_with_reads(), "set");
    add("multi-register", multi_register(), "multi-register");
    add("texts", texts_with_cas(), "kv");
  }
  for (const bool valid : {true, false}) out.push_back({"appends", appends(valid), searched("kv", "auto")});
  out.push_back({"a user's model", log_of_texts(), make_model_checker("log", Log{})});
  out.push_back(
      {"a user's model that says its size", log_of_texts(), make_model_checker("log", MeasuredLog{})});
  return out;
}

TEST_CASE("large states keep to the memory, evidence included") {
  constexpr uint64_t kBesides = uint64_t{16} << 20;  // what the meter cannot see before it is taken
  const double seconds = 1.5;
  size_t stopped = 0;
  for (const uint64_t megabytes : kSanitized ? std::vector<uint64_t>{200} : std::vector<uint64_t>{200, 500}) {
    const uint64_t limit_bytes = megabytes << 20;
    for (const Large& large : large_ones()) {
      const Cost cost = measured_check(large.history, large.checker, seconds, limit_bytes);
      CAPTURE(large.what, megabytes, cost.seconds, cost.peak_bytes >> 20, to_text(cost.verdict));
      if (!kSanitized) CHECK(cost.peak_bytes < limit_bytes + kBesides);
      if (!kSanitized) CHECK(cost.seconds < seconds * 1.1 + 0.5);
      CHECK((cost.verdict != Verdict::unknown || cost.named));
      if (cost.verdict == Verdict::unknown) ++stopped;
    }
  }
  CHECK(stopped > 0);
}

}  // namespace
}  // namespace riven::linearizable::testing
