#include "tests/checkers/isolation/spoiled.h"

#include <string>
#include <vector>

#include "harness/core/check.h"

namespace riven::checkers::isolation {

namespace {

class Spoiler {
 public:
  Spoiler(const History& base, size_t count, size_t first_kind) : first_kind_(first_kind) {
    for (size_t i = 0, done = 0; i < base.size(); ++i) {
      if (done < count && i >= base.size() * done / count) spoil(done++);
      Op op = base.op(i);
      op.index = -1;
      builder_.append(op);
      time_ns_ = op.time_ns;
    }
  }
  History history() {
    auto built = builder_.finish();
    RIVEN_CHECK(built.has_value(), "a spoiled history does not pair");
    return std::move(*built);
  }

 private:
  struct One {
    bool write;
    int key;
    std::vector<int> elements;
  };
  using Txn = std::vector<One>;
  static Value value_of(const Txn& txn, int number, bool done) {
    Value::List out;
    for (const One& m : txn) {
      const Value key("spoiled " + std::to_string(number) + " " + std::to_string(m.key));
      Value::List read;
      for (const int e : m.elements) read.emplace_back(e);
      const Value seen = m.write ? Value(m.elements[0]) : done ? Value(read) : Value();
      out.emplace_back(Value::List{Value::keyword(m.write ? "append" : "r"), key, seen});
    }
    return Value(std::move(out));
  }
  void put(size_t process, OpType type, const Value& value) {
    builder_.append({.index = -1,
                     .time_ns = time_ns_,
                     .process = static_cast<Process>(1000 + process),
                     .type = type,
                     .f = Symbol("txn"),
                     .value = value,
                     .error = {}});
  }
  /// Runs the transactions, all at once or one after another; the first one may fail.
  void run(const std::vector<Txn>& txns, bool at_once, int number, bool first_fails = false) {
    const auto invoke = [&](size_t i) { put(i, OpType::invoke, value_of(txns[i], number, false)); };
    const auto complete = [&](size_t i) {
      const bool fails = first_fails && i == 0;
      put(i, fails ? OpType::fail : OpType::ok, value_of(txns[i], number, !fails));
    };
    if (at_once)
      for (size_t i = 0; i < txns.size(); ++i) invoke(i);
    for (size_t i = 0; i < txns.size(); ++i) {
      if (!at_once) invoke(i);
      complete(i);
    }
  }
  void spoil(size_t n) {
    const auto number = static_cast<int>(n);
    switch ((n + first_kind_) % kSpoils.size()) {
      case 0:  // write skew
        return run({{{false, 0, {}}, {false, 1, {}}, {true, 0, {1}}},
                    {{false, 0, {}}, {false, 1, {}}, {true, 1, {1}}}},
                   true, number);
      case 1:  // long fork
        return run({{{true, 0, {1}}},
                    {{true, 1, {1}}},
                    {{false, 0, {1}}, {false, 1, {}}},
                    {{false, 0, {}}, {false, 1, {1}}}},
                   true, number);
      case 2:  // stale read
        return run({{{true, 0, {1}}}, {{false, 0, {}}}}, false, number);
      case 3:  // lost update
        return run({{{false, 0, {}}, {true, 0, {1}}}, {{false, 0, {}}, {true, 0, {2}}}, {{false, 0, {1, 2}}}},
                   true, number);
      case 4:  // aborted read
        return run({{{true, 0, {1}}}, {{false, 0, {1}}}}, false, number, true);
      default:  // circular information flow
        return run({{{true, 0, {1}}, {false, 1, {1}}}, {{true, 1, {1}}, {false, 0, {1}}}}, true, number);
    }
  }

  size_t first_kind_;
  HistoryBuilder builder_;
  int64_t time_ns_ = 0;
};

}  // namespace

History spoiled(const History& base, size_t count, size_t first_kind) {
  return Spoiler(base, count, first_kind).history();
}

}  // namespace riven::checkers::isolation
