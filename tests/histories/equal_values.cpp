// Equal values are equal to every checker: a history gets the same verdict whatever the order in which its
// maps and sets are written, and whatever the notation of its numbers.
#include <algorithm>
#include <array>
#include <filesystem>
#include <map>

#include "harness/api/checker.h"
#include "harness/api/registry.h"
#include "harness/core/rng.h"
#include "harness/history/reader.h"
#include "tests/catch.h"
#include "tests/sanitized.h"

namespace riven::checkers {
void add_isolation(Registry&);
void add_linearizable(Registry&);
}  // namespace riven::checkers

namespace riven {
namespace {

template <typename T>
void shuffle(std::vector<T>& items, Rng& rng) {
  for (size_t i = items.size(); i > 1; --i) std::swap(items[i - 1], items[rng.below(i)]);
}

std::string joined(const std::vector<std::string>& items, const char* between) {
  std::string out;
  for (const std::string& item : items) out += (out.empty() ? "" : between) + item;
  return out;
}

/// EDN in which each integer has become a structure that says the same, its parts in random order.
class EdnDress {
 public:
  explicit EdnDress(Rng& rng) : rng_(rng) {}

  std::string text(const Value& v) {
    if (v.is_integer()) return structure(std::to_string(v.integer()), v.integer());
    if (!v.has_elements() && !v.is_map()) return to_edn(v);
    std::vector<std::string> items;
    for (const Value& item : v) items.push_back(text(item));
    if (v.is_map()) return map(items);
    if (v.is_set()) return set(std::move(items));
    return "[" + joined(items, " ") + "]";
  }

 private:
  std::string structure(const std::string& n, int64_t number) {
    switch (number % 3) {
      case 0:
        return map({":id", n, "\"tags\"", set({n, "\"t\"", ":u", "1/2"})});
      case 1:
        return set({n, "[" + n + "]", map({n, "nil", "[]", set({n, "-1"})})});
      default:
        return "[" + n + " " + map({"\"b\"", n, "\"a\"", set({"nil", n})}) + " {}]";
    }
  }
  std::string map(const std::vector<std::string>& flat) {
    std::vector<std::string> pairs;
    for (size_t i = 0; i < flat.size(); i += 2) pairs.push_back(flat[i] + " " + flat[i + 1]);
    shuffle(pairs, rng_);
    return "{" + joined(pairs, rng_.chance(0.5) ? ", " : " ") + "}";
  }
  std::string set(std::vector<std::string> items) {
    shuffle(items, rng_);
    return "#{" + joined(items, " ") + "}";
  }
  Rng& rng_;
};

/// JSON in which integers are in any notation; with `structures` each has become an object, its members in
/// random order.
class JsonDress {
 public:
  JsonDress(Rng& rng, bool structures) : rng_(rng), structures_(structures) {}

  std::string text(const Value& v) {
    if (v.is_integer()) {
      if (!structures_) return number(v.integer());
      std::vector<std::string> members = {"\"n\":" + number(v.integer()),
                                          "\"at\":[" + number(v.integer()) + ",{}]", "\"of\":null"};
      shuffle(members, rng_);
      return "{" + joined(members, ",") + "}";
    }
    if (!v.has_elements() && !v.is_map()) return to_json(v).dump();
    std::vector<std::string> items;
    if (v.is_map()) {
      for (size_t i = 0; i < v.flat_map().size(); i += 2) {
        const Value& key = v.flat_map()[i];
        const bool is_text = key.kind() == Value::Kind::string || key.kind() == Value::Kind::keyword;
        items.push_back(Json(is_text ? std::string(key.text()) : to_edn(key)).dump() + ":" +
                        text(v.flat_map()[i + 1]));
      }
      shuffle(items, rng_);
      return "{" + joined(items, ",") + "}";
    }
    for (const Value& item : v.elements()) items.push_back(text(item));
    return "[" + joined(items, ",") + "]";
  }

 private:
  std::string number(int64_t n) {
    const std::string digits = std::to_string(n);
    switch (rng_.below(4)) {
      case 0:
        return digits + ".0";
      case 1:
        return digits + "e0";
      case 2:
        return digits + "00e-2";
      default:
        return digits;
    }
  }
  Rng& rng_;
  bool structures_;
};

template <typename Dress>
std::string edn_lines(const std::vector<Op>& ops, Dress&& dress) {
  std::string out;
  for (const Op& op : ops)
    out += "{:process " + std::to_string(op.process) + " :type :" + std::string(to_text(op.type)) +
           " :f :" + std::string(op.f.text()) + " :value " + dress(op.value) + "}\n";
  return out;
}

template <typename Dress>
std::string json_lines(const std::vector<Op>& ops, Dress&& dress) {
  std::string out;
  for (const Op& op : ops)
    out += R"({"process":)" + std::to_string(op.process) + R"(,"type":")" + std::string(to_text(op.type)) +
           R"(","f":")" + std::string(op.f.text()) + R"(","value":)" + dress(op.value) + "}\n";
  return out;
}

struct Judgement {
  Verdict verdict = Verdict::unknown;
  std::vector<std::string> anomalies;
  friend bool operator==(const Judgement&, const Judgement&) = default;
};

Judgement judge(const Checker& checker, const std::string& text, Format format) {
  const auto read = read_history_bytes(text, "h", {.format = format, .threads = 1});
  if (!read) FAIL(read.error().message << "\n" << text);
  Budget budget;
  budget.threads = 1;
  const CheckResult result = checker.check(read->history, budget);
  Judgement out{result.verdict, {}};
  for (const Anomaly& anomaly : result.anomalies) out.anomalies.push_back(anomaly.type);
  return out;
}

/// One function of a model: what is asked and what a client may see.
struct Function {
  const char* name;
  Value (*argument)(Rng&);
  Value (*answer)(Rng&, const Value& argument);
};

Value any(Rng& rng) { return Value(static_cast<int64_t>(rng.below(4))); }
Value nothing(Rng&) { return {}; }
Value pair(Rng& rng) { return Value::List{any(rng), any(rng)}; }
Value same(Rng&, const Value& argument) { return argument; }
Value seen(Rng& rng, const Value&) { return rng.chance(0.2) ? Value() : any(rng); }
Value all(Rng& rng, const Value&) {
  Value::List items;
  for (int64_t i = 0; i < 4; ++i)
    if (rng.chance(0.4)) items.emplace_back(i);
  return rng.chance(0.5) ? Value::set(items) : Value(items);
}
Value keyed(Rng& rng) { return Value::List{Value(static_cast<int64_t>(rng.below(2))), any(rng)}; }
Value key_alone(Rng& rng) { return Value::List{Value(static_cast<int64_t>(rng.below(2))), Value()}; }
Value keyed_seen(Rng& rng, const Value& argument) { return Value::List{argument.list()[0], any(rng)}; }

Value mops_of(Rng& rng, const char* writes) {
  Value::List mops;
  for (uint64_t n = 1 + rng.below(3); n > 0; --n) {
    const bool is_write = rng.chance(0.5);
    const Value key(static_cast<int64_t>(rng.below(2)));
    mops.emplace_back(
        is_write ? Value::List{Value::keyword(writes), key, Value(static_cast<int64_t>(rng.below(1000)))}
                 : Value::List{Value::keyword("r"), key, Value()});
  }
  return mops;
}
/// What reads saw: of registers a value, of lists any beginning of the same list.
Value told(Rng& rng, const Value& asked, bool lists) {
  Value::List mops;
  for (const Value& mop : asked.list()) {
    Value::List parts = mop.list();
    if (parts[0].is_name("r") && !lists) parts[2] = rng.chance(0.3) ? Value() : any(rng);
    if (parts[0].is_name("r") && lists) {
      Value::List seen;
      for (uint64_t n = rng.below(4), i = 0; i < n; ++i) seen.emplace_back(static_cast<int64_t>(i));
      parts[2] = Value(std::move(seen));
    }
    mops.emplace_back(std::move(parts));
  }
  return mops;
}

struct Shape {
  const char* model;
  std::vector<Function> functions;
};

const std::vector<Shape>& shapes() {
  static const std::vector<Shape> kShapes = {
      {"register", {{"read", nothing, seen}, {"write", any, same}}},
      {"cas-register", {{"read", nothing, seen}, {"write", any, same}, {"cas", pair, same}}},
      {"kv", {{"get", key_alone, keyed_seen}, {"put", keyed, same}}},
      {"set", {{"add", any, same}, {"remove", any, same}, {"read", nothing, all}}},
      {"fifo-queue", {{"enqueue", any, same}, {"dequeue", nothing, seen}}},
      {"stack", {{"push", any, same}, {"pop", nothing, seen}}},
      {"unordered-queue", {{"enqueue", any, same}, {"dequeue", nothing, seen}}},
      {"multi-register",
       {{"txn", [](Rng& rng) { return mops_of(rng, "w"); },
         [](Rng& rng, const Value& asked) { return told(rng, asked, false); }}}}};
  return kShapes;
}

std::vector<Op> random_ops(Rng& rng, const Shape& shape) {
  std::vector<Op> ops;
  std::map<Process, Op> open;
  const size_t operations = 3 + rng.below(4);
  for (size_t begun = 0; begun < operations || !open.empty();) {
    const auto process = static_cast<Process>(rng.below(3));
    if (const auto at = open.find(process); at != open.end()) {
      Op done = at->second;
      const auto function = std::find_if(shape.functions.begin(), shape.functions.end(),
                                         [&](const Function& f) { return done.f.text() == f.name; });
      done.type = OpType::ok;
      done.value = function->answer(rng, done.value);
      ops.push_back(done);
      open.erase(at);
    } else if (begun < operations) {
      const Function& function = shape.functions[rng.below(shape.functions.size())];
      Op op;
      op.process = process;
      op.f = Symbol(function.name);
      op.value = function.argument(rng);
      ops.push_back(op);
      open[process] = op;
      ++begun;
    }
  }
  return ops;
}

CheckerPtr checker_of(const std::string& model, std::map<std::string, std::string> options) {
  Registry registry;
  checkers::add_linearizable(registry);
  checkers::add_isolation(registry);
  auto checker = registry.make_checker(model, options);
  if (!checker) FAIL(checker.error().message);
  return *checker;
}

/// The same history dressed in each way gets the same judgement. Returns the verdict.
Verdict compare(const Checker& checker, const std::vector<Op>& ops, Rng& rng) {
  EdnDress dressed(rng);
  JsonDress numbers(rng, false);
  JsonDress objects(rng, true);
  const std::string plain = edn_lines(ops, [](const Value& v) { return to_edn(v); });
  const Judgement expected = judge(checker, plain, Format::edn);
  INFO(plain);
  const std::string edn = edn_lines(ops, [&](const Value& v) { return dressed.text(v); });
  CAPTURE(edn);
  REQUIRE(judge(checker, edn, Format::edn) == expected);
  for (JsonDress* const dress : {&numbers, &objects}) {
    const std::string json = json_lines(ops, [&](const Value& v) { return dress->text(v); });
    CAPTURE(json);
    REQUIRE(judge(checker, json, Format::jsonl) == expected);
  }
  return expected.verdict;
}

struct Counts {
  size_t valid = 0;
  size_t invalid = 0;
  void add(Verdict v) {
    valid += v == Verdict::valid ? 1 : 0;
    invalid += v == Verdict::invalid ? 1 : 0;
  }
};

constexpr int kRounds = kSanitized ? 40 : 400;

TEST_CASE("the order within maps and sets changes no verdict: every model of objects") {
  for (const Shape& shape : shapes()) {
    const CheckerPtr checker =
        checker_of(shape.model, {{"per-key", std::string(shape.model) == "kv" ? "yes" : "no"}});
    Rng rng(5);
    Counts counts;
    for (int round = 0; round < kRounds; ++round) counts.add(compare(*checker, random_ops(rng, shape), rng));
    CAPTURE(shape.model, counts.valid, counts.invalid);
    CHECK(counts.valid > 0);
    CHECK(counts.invalid > 0);
  }
}

TEST_CASE("the order within maps and sets changes no verdict: independent keys") {
  const CheckerPtr checker = checker_of("cas-register", {{"per-key", "yes"}});
  const Shape shape{"cas-register", {{"read", key_alone, keyed_seen}, {"write", keyed, same}}};
  Rng rng(6);
  Counts counts;
  for (int round = 0; round < kRounds; ++round) counts.add(compare(*checker, random_ops(rng, shape), rng));
  CHECK(counts.valid > 0);
  CHECK(counts.invalid > 0);
}

/// Values and elements that are written once each: numbers count up.
void number_writes(std::vector<Op>& ops) {
  std::map<std::string, int64_t> next;
  std::map<Process, Value> open;
  for (Op& op : ops) {
    if (op.type != OpType::invoke) {
      Value::List mops = op.value.list();
      const Value::List& asked = open[op.process].list();
      for (size_t m = 0; m < mops.size(); ++m)
        if (!mops[m].list()[0].is_name("r")) mops[m] = asked[m];
      op.value = Value(std::move(mops));
      continue;
    }
    Value::List mops;
    for (const Value& mop : op.value.list()) {
      Value::List parts = mop.list();
      if (!parts[0].is_name("r")) parts[2] = Value(next[to_edn(parts[1])]++);
      mops.emplace_back(std::move(parts));
    }
    op.value = open[op.process] = Value(std::move(mops));
  }
}

TEST_CASE("the order within maps and sets changes no verdict: transactions on lists and registers") {
  for (const bool lists : {true, false}) {
    const auto asked = lists ? +[](Rng& rng) { return mops_of(rng, "append"); }
                             : +[](Rng& rng) { return mops_of(rng, "w"); };
    const auto answer = lists ? +[](Rng& rng, const Value& v) { return told(rng, v, true); }
                              : +[](Rng& rng, const Value& v) { return told(rng, v, false); };
    const Shape shape{"serializable", {{"txn", asked, answer}}};
    const CheckerPtr checker = checker_of(lists ? "serializable" : "read-committed", {});
    Rng rng(7);
    Counts counts;
    for (int round = 0; round < kRounds; ++round) {
      std::vector<Op> ops = random_ops(rng, shape);
      number_writes(ops);
      counts.add(compare(*checker, ops, rng));
    }
    CAPTURE(lists, counts.valid, counts.invalid);
    CHECK(counts.valid > 0);
    CHECK(counts.invalid > 0);
  }
}

TEST_CASE("the notation of numbers in JSON changes no verdict: every history that is kept here") {
  namespace fs = std::filesystem;
  Rng rng(8);
  size_t judged = 0;
  for (const char* side : {"good", "bad"}) {
    for (const char* checker_name : {"linearizable", "isolation"}) {
      for (const auto& entry : fs::recursive_directory_iterator(fs::path(RIVEN_SOURCE_DIR) /
                                                                "tests/histories" / side / checker_name)) {
        const std::string folder = entry.path().parent_path().filename().string();
        if (!entry.is_regular_file()) continue;
        const auto read = read_history(entry.path().string());
        REQUIRE(read);
        std::vector<Op> ops;
        for (size_t i = 0; i < read->history.size(); ++i)
          if (read->history.is_client(i)) ops.push_back(read->history.op(i));
        JsonDress numbers(rng, false);
        const CheckerPtr checker = checker_of(folder == "isolation" ? "strict-serializable" : folder, {});
        const auto json = [](const Value& v) { return to_json(v).dump(); };
        INFO(entry.path().string());
        CHECK(
            judge(*checker, json_lines(ops, json), Format::jsonl) ==
            judge(*checker, json_lines(ops, [&](const Value& v) { return numbers.text(v); }), Format::jsonl));
        ++judged;
      }
    }
  }
  CHECK(judged > 20);
}

}  // namespace
}  // namespace riven
