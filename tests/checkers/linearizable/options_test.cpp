// Every option of every model: honoured, or refused by name.
#include <set>

#include "checkers/linearizable/value_text.h"
#include "tests/checkers/linearizable/lines.h"

namespace riven::linearizable::testing {
namespace {

using Given = std::map<std::string, std::string>;

Value list(Value::List items) { return Value(std::move(items)); }
Value read_of(Value key, Value seen) { return list({list({"r", std::move(key), std::move(seen)})}); }

std::vector<Line> ok(const char* f, Value argument, Value answer) {
  return {{0, kInvoke, f, std::move(argument)}, {0, kOk, f, std::move(answer)}};
}
std::vector<Line> operator+(std::vector<Line> a, const std::vector<Line>& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

/// What a model says of one history with an option and without it.
struct Use {
  const char* model;
  const char* option;
  const char* value;
  std::vector<Line> lines;
  Verdict with;
  Verdict without;
};

constexpr Verdict kValid = Verdict::valid;
constexpr Verdict kInvalid = Verdict::invalid;
constexpr Verdict kUnknown = Verdict::unknown;

std::vector<Use> initial_uses() {
  std::vector<Use> uses = {
      {"register", "initial", "7", ok("read", {}, 7), kValid, kInvalid},
      {"cas-register", "initial", "7", ok("cas", pair(7, 8), pair(7, 8)), kValid, kInvalid},
      {"register", "initial", "[1 {:a \"b\"}]",
       ok("read", {}, list({1, Value::map({Value::keyword("a"), "b"})})), kValid, kInvalid},
      {"register", "initial", "7", ok("read", {}, {}), kInvalid, kValid},
      {"kv", "initial", "7", ok("get", pair("x", {}), pair("x", 7)), kValid, kInvalid},
      {"kv", "initial", "\"ab\"",
       ok("append", pair("x", "c"), {}) + ok("get", pair("x", {}), pair("x", "abc")), kValid, kInvalid},
      {"kv", "initial", "{\"x\" 7}", ok("get", pair("x", {}), pair("x", 7)), kValid, kInvalid},
      {"kv", "initial", "{:x 7}", ok("get", pair("x", {}), pair("x", 7)), kValid, kInvalid},
      {"kv", "initial", "{\"x\": 7, \"y\": 8}",
       ok("get", pair("x", {}), pair("x", 7)) + ok("get", pair("y", {}), pair("y", 8)) +
           ok("get", pair("z", {}), pair("z", {})),
       kValid, kInvalid},
      {"multi-register", "initial", "0", ok("txn", read_of("x", {}), read_of("x", 0)), kValid, kInvalid},
      {"multi-register", "initial", "0", ok("txn", read_of("x", {}), read_of("x", {})), kInvalid, kValid},
      {"multi-register", "initial", "{:x 0, :y 5}",
       ok("txn", read_of("x", {}), read_of("x", 0)) + ok("txn", read_of("y", {}), read_of("y", 5)) +
           ok("txn", read_of("z", {}), read_of("z", {})),
       kValid, kInvalid},
      {"multi-register", "initial", "{:x 0}", ok("read", {}, Value::map({"x", 0})), kValid, kInvalid},
      {"set", "initial", "[1 2]", ok("read", {}, list({2, 1})), kValid, kInvalid},
      {"set", "initial", "#{1 2}", ok("contains", 1, true), kValid, kInvalid},
      {"set", "initial", "[1 2]", ok("read", {}, list({})), kInvalid, kValid},
      {"set", "initial", "[1]",
       ok("remove", pair("k", 1), pair("k", true)) + ok("read", pair("k", {}), pair("k", list({}))) +
           ok("read", pair("l", {}), pair("l", list({1}))),
       kValid, kInvalid},
      {"counter", "initial", "10", ok("read", {}, 10), kValid, kInvalid},
      {"counter", "initial", "10", ok("read", {}, 0), kInvalid, kValid},
      {"fifo-queue", "initial", "[1 2]", ok("dequeue", {}, 1) + ok("dequeue", {}, 2) + ok("dequeue", {}, {}),
       kValid, kInvalid},
      {"fifo-queue", "initial", "[1 2]", ok("dequeue", {}, 2), kInvalid, kInvalid},
      {"fifo-queue", "initial", "[1 2]", ok("dequeue", {}, {}), kInvalid, kValid},
      {"stack", "initial", "[1 2]", ok("pop", {}, 2) + ok("pop", {}, 1), kValid, kInvalid},
      {"stack", "initial", "[1 2]", ok("pop", {}, 1), kInvalid, kInvalid},
      {"priority-queue", "initial", "[1 3 2]", ok("poll", {}, 3) + ok("poll", {}, 2), kValid, kInvalid},
      {"unordered-queue", "initial", "[1 3 2]", ok("poll", {}, 2) + ok("poll", {}, 3), kValid, kInvalid},
      {"unordered-queue", "initial", "[1]", ok("poll", {}, 1) + ok("poll", {}, 1), kInvalid, kInvalid},
  };
  return uses;
}

std::vector<Use> other_uses() {
  const std::vector<Line> twice = {{0, kInvoke, "acquire", {}},
                                   {0, kOk, "acquire", {}},
                                   {1, kInvoke, "acquire", {}},
                                   {1, kOk, "acquire", {}}};
  const std::vector<Line> again = ok("acquire", {}, {}) + ok("acquire", {}, {});
  const std::vector<Line> failed_take =
      ok("enqueue", 1, 1) + std::vector<Line>{{0, kInvoke, "dequeue", {}}, {0, kFail, "dequeue", {}}};
  return {
      {"semaphore", "permits", "2", twice, kValid, kInvalid},
      {"reentrant-mutex", "depth", "1", again, kInvalid, kValid},
      {"priority-queue", "order", "min", ok("insert", 1, 1) + ok("insert", 2, 2) + ok("poll", {}, 1), kValid,
       kInvalid},
      {"fifo-queue", "failed-cas", "observe", failed_take, kInvalid, kValid},
      {"register", "per-key", "yes",
       ok("write", pair("x", 1), pair("x", 1)) + ok("write", pair("y", 2), pair("y", 2)) +
           ok("read", pair("x", {}), pair("x", 1)),
       kValid, kValid},
      {"register", "per-key", "no",
       ok("write", pair("x", 1), pair("x", 1)) + ok("read", pair("y", {}), pair("x", 1)), kValid, kUnknown},
      {"set", "per-key", "yes",
       ok("add", pair("x", 1), pair("x", 1)) + ok("add", pair("y", 1), pair("y", false)), kInvalid, kInvalid},
      {"multi-register", "per-key", "yes",
       ok("txn", pair("k", list({list({"w", "x", 1})})), pair("k", list({list({"w", "x", 1})}))) +
           ok("txn", pair("l", read_of("x", {})), pair("l", read_of("x", {}))),
       kValid, kUnknown},
  };
}

TEST_CASE("an option that a model takes is honoured") {
  std::vector<Use> uses = initial_uses();
  for (Use& use : other_uses()) uses.push_back(std::move(use));
  for (const Use& use : uses) {
    CAPTURE(use.model, use.option, use.value, use.lines.back().f);
    const CheckResult with = check(use.lines, {{"model", use.model}, {use.option, use.value}});
    CAPTURE(with.reason);
    CHECK(with.verdict == use.with);
    CHECK(check(use.lines, {{"model", use.model}}).verdict == use.without);
    // Whichever engine judges, and with more than one thread.
    for (const char* const engine : {"dfs", "jit"}) {
      CHECK(check(use.lines, {{"model", use.model}, {use.option, use.value}, {"engine", engine}}).verdict ==
            use.with);
    }
  }
}

TEST_CASE("every option goes with a model or is refused with those that it goes with") {
  const std::map<std::string, std::pair<std::string, std::set<std::string>>> served = {
      {"permits", {"2", {"semaphore"}}},
      {"depth", {"2", {"reentrant-mutex"}}},
      {"order", {"min", {"priority-queue"}}},
      {"failed-cas",
       {"observe",
        {"cas-register", "kv", "mutex", "owner-mutex", "reentrant-mutex", "fenced-mutex", "semaphore", "set",
         "fifo-queue", "stack", "priority-queue", "unordered-queue"}}},
      {"per-key",
       {"no",
        {"register", "cas-register", "multi-register", "mutex", "owner-mutex", "reentrant-mutex",
         "fenced-mutex", "semaphore", "set", "fifo-queue", "stack", "priority-queue", "unordered-queue",
         "counter"}}},
  };
  for (const std::string& model : model_names()) {
    for (const auto& [option, use] : served) {
      CAPTURE(model, option);
      const auto made = make_checker(Given{{"model", model}, {option, use.first}});
      CHECK(made.has_value() == (use.second.count(model) == 1));
      if (made) continue;
      CHECK(made.error().message.find(option + "=" + use.first) != std::string::npos);
      CHECK(made.error().message.find(model) != std::string::npos);
      for (const std::string& other : use.second)
        CHECK(made.error().message.find(other) != std::string::npos);
    }
    for (const auto& [option, value] :
         Given{{"witness", "yes"}, {"per-key", "yes"}, {"failed-cas", "ignore"}}) {
      CAPTURE(model, option);
      CHECK(make_checker(Given{{"model", model}, {option, value}}));
    }
  }
  const auto initial = [](const std::string& model, const char* value) {
    return make_checker(Given{{"model", model}, {"initial", value}});
  };
  for (const std::string& model : model_names()) {
    CAPTURE(model);
    const bool lock = model.find("mutex") != std::string::npos || model == "semaphore";
    const bool elements = model == "set" || model == "stack" || model.find("queue") != std::string::npos;
    CHECK(initial(model, "[1 2]").has_value() == (!lock && model != "counter"));
    CHECK(initial(model, "3").has_value() == (!lock && !elements));
    CHECK(initial(model, "word").has_value() == (!lock && !elements && model != "counter"));
    CHECK(initial(model, "{:a 1}").has_value() == (!lock && !elements && model != "counter"));
    CHECK_FALSE(initial(model, "[1 2"));
  }
  CHECK_FALSE(initial("fifo-queue", "[1 nil]"));
  CHECK_FALSE(make_checker(Given{{"model", "multi-register"}, {"initial", "{:a 1}"}, {"per-key", "yes"}}));
}

TEST_CASE("a linearization is written whatever the model, and without what was there at the beginning") {
  for (const Use& use : initial_uses()) {
    if (use.with != kValid) continue;
    CAPTURE(use.model, use.value);
    const CheckResult result =
        check(use.lines, {{"model", use.model}, {use.option, use.value}, {"witness", "yes"}});
    REQUIRE(result.artifacts.size() == 1);
    CHECK(result.details["linearization-verified"] == true);
    const auto parts = Json::parse(result.artifacts[0].content);
    REQUIRE(parts);
    for (const Json& part : *parts)
      for (const Json& index : part["order"]) CHECK(index.get<int64_t>() >= 0);
  }
}

TEST_CASE("what was there at the beginning is no operation of the history") {
  const CheckResult result = check(ok("dequeue", {}, 2), {{"model", "fifo-queue"}, {"initial", "[1 2]"}});
  CHECK(result.details["operations"] == 1);
  REQUIRE(result.anomalies.size() == 1);
  CHECK(result.anomalies[0].entries == std::vector<uint32_t>{0, 1});
  CHECK(result.anomalies[0].details.at(0)["operations"][0]["operation"] == "initial enqueue of 1");
  CHECK(check({}, {{"model", "fifo-queue"}, {"initial", "[1 2]"}}).reason.rfind("vacuous:", 0) == 0);
}

TEST_CASE("a drain took each of its elements at some moment while it ran") {
  const std::vector<Line> filled = ok("enqueue", 1, 1) + ok("enqueue", 2, 2) + ok("enqueue", 3, 3);
  const auto verdict = [&](const char* model, const std::vector<Line>& more) {
    const CheckResult result = check(filled + more, {{"model", model}});
    CAPTURE(model, result.reason);
    return result.verdict;
  };
  for (const char* const queue : {"fifo-queue", "unordered-queue", "stack"}) {
    CAPTURE(queue);
    CHECK(verdict(queue, ok("drain", {}, list({3, 1, 2}))) == kValid);
    CHECK(verdict(queue, ok("drain", {}, list({1, 2, 3})) + ok("dequeue", {}, {})) == kValid);
    CHECK(verdict(queue, ok("drain", {}, list({3, 1, 2})) + ok("dequeue", {}, 3)) == kInvalid);
    CHECK(verdict(queue, ok("drain", {}, list({1, 2, 3, 4}))) == kInvalid);
    CHECK(verdict(queue, ok("drain", {}, list({}))) == kValid);
    CHECK(verdict(queue, ok("drain", {}, {})) == kValid);
    // Another client takes one while the drain runs.
    CHECK(verdict(queue, {{0, kInvoke, "drain", {}},
                          {1, kInvoke, "dequeue", {}},
                          {1, kOk, "dequeue", 2},
                          {0, kOk, "drain", list({1, 3})}}) == kValid);
    // Nobody knows what a crashed one took; a failed one took nothing.
    const std::vector<Line> crashed = {{0, kInvoke, "drain", {}}, {0, kInfo, "drain", {}, Value("timeout")}};
    const std::vector<Line> failed = {{0, kInvoke, "drain", {}}, {0, kFail, "drain", {}, Value("timeout")}};
    const std::vector<Line> empty = {{5, kInvoke, "dequeue", {}}, {5, kOk, "dequeue", {}}};
    CHECK(verdict(queue, crashed + empty) == kValid);
    CHECK(verdict(queue, failed + empty) == kInvalid);
    CHECK(verdict(queue, crashed + std::vector<Line>{{5, kInvoke, "dequeue", {}}, {5, kOk, "dequeue", 4}}) ==
          kInvalid);
  }
  CHECK(verdict("fifo-queue", ok("drain", {}, list({2, 3}))) == kInvalid);
  CHECK(verdict("fifo-queue", ok("drain", {}, 7)) == kUnknown);
  const CheckResult odd = check(filled + ok("drain", {}, list({2})), {{"model", "fifo-queue"}});
  REQUIRE(odd.anomalies.size() == 1);
  CHECK(odd.anomalies[0].entries.back() == 7);
  CHECK(odd.anomalies[0].sentences.at(0).find("drain of 2 at entry 6") != std::string::npos);
  // Independent keys.
  const std::vector<Line> keyed =
      ok("enqueue", pair("x", 1), pair("x", 1)) + ok("enqueue", pair("y", 2), pair("y", 2));
  CHECK(check(keyed + ok("drain", pair("x", {}), pair("x", list({1}))), {{"model", "fifo-queue"}}).verdict ==
        kValid);
  CHECK(check(keyed + ok("drain", pair("x", {}), pair("x", list({2}))), {{"model", "fifo-queue"}}).verdict ==
        kInvalid);
}

TEST_CASE("values in the text of an option are EDN or JSON") {
  const auto edn = [](const char* text) {
    const auto value = parse_value(text);
    return value ? to_edn(*value) : "error: " + value.error().message;
  };
  CHECK(edn("") == "nil");
  CHECK(edn(" nil ") == "nil");
  CHECK(edn("null") == "nil");
  CHECK(edn("-12") == "-12");
  CHECK(edn("1.5") == "1.5");
  CHECK(edn("true") == "true");
  CHECK(edn("two words") == "\"two words\"");
  CHECK(edn("\"3\"") == "\"3\"");
  CHECK(edn("\"a \\\"b\\\"\"") == "\"a \\\"b\\\"\"");
  CHECK(edn(":word") == ":word");
  CHECK(edn("[1, [2 nil] #{3} (4)]") == "[1 [2 nil] [3] [4]]");
  CHECK(edn("{:a 1 \"b\" [2]}") == "{\"b\" [2], :a 1}");
  CHECK(edn("{\"a\": 1, \"b\":{\"c\" : null}}") == "{\"a\" 1, \"b\" {\"c\" nil}}");
  CHECK(edn("{\"a\" :b}") == "{\"a\" :b}");
  CHECK(edn("2019-01-01") == "\"2019-01-01\"");
  for (const char* const wrong : {"[1", "{:a", "{:a}", "\"a", "[1] 2", "[}", "{:a 1]"}) {
    CAPTURE(wrong);
    CHECK(edn(wrong).rfind("error: ", 0) == 0);
  }
  CHECK(edn((std::string(70, '[') + std::string(70, ']')).c_str()).rfind("error: ", 0) == 0);
}

}  // namespace
}  // namespace riven::linearizable::testing
