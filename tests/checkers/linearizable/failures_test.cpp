// What an operation that failed, or was answered with "no", says.
#include "tests/checkers/linearizable/lines.h"

namespace riven::linearizable::testing {
namespace {

/// write 1, then a failed cas from 1 to 2: valid unless the failure says that it saw another value.
Verdict failed_cas(Value error, const char* mode = "auto", const char* model = "cas-register") {
  const bool keyed = std::string_view(model) == "kv";
  const auto of = [&](Value v) { return keyed ? pair("x", std::move(v)) : v; };
  return check({{0, kInvoke, "write", of(1)},
                {0, kOk, "write", of(1)},
                {0, kInvoke, "cas", of(pair(1, 2))},
                {0, kFail, "cas", of(pair(1, 2)), std::move(error)}},
               {{"failed-cas", mode}, {"model", model}})
      .verdict;
}

TEST_CASE("a failed cas says nothing, unless its error names a failed comparison") {
  for (const char* const named :
       {"compare failed",
        "Compare failed",
        "COMPARE_FAILED",
        "compareFailed",
        "CompareFailed",
        "cas-failed",
        "CAS failed",
        "CASFailed",
        "cas mismatch",
        "value-mismatch",
        "mismatch",
        "not-equal",
        "NotEqual",
        "precondition-failed",
        "PreconditionFailed",
        "Precondition failed: it is 3",
        "ConditionFailed",
        "ConditionNotMet",
        "Compare failed ([0 != 1]) [7]",
        "ValueNotSwapFrom",
        "unexpected value",
        "com.amazonaws.services.dynamodbv2.model.ConditionalCheckFailedException: no (Status Code: 400)"}) {
    CAPTURE(named);
    CHECK(failed_cas(Value(named)) == Verdict::invalid);
    CHECK(failed_cas(Value::keyword(named)) == Verdict::invalid);
    CHECK(failed_cas(Value(named), "auto", "kv") == Verdict::invalid);
    CHECK(failed_cas(Value(named), "ignore") == Verdict::valid);
    CHECK(failed_cas(Value(Value::List{Value::keyword(named), "more"})) == Verdict::invalid);
    CHECK(failed_cas(Value::map({Value::keyword("code"), 412, Value::keyword("type"), named})) ==
          Verdict::invalid);
  }
  CHECK(failed_cas(Value::keyword("jepsen.client/cas-failed")) == Verdict::invalid);
  for (const char* const other : {"",
                                  "timeout",
                                  "timed-out",
                                  "not-found",
                                  "key-does-not-exist",
                                  "did-not-succeed",
                                  "conflict",
                                  "aborted",
                                  "connection refused",
                                  "FailedPrecondition",
                                  "failed-precondition",
                                  "BadVersion",
                                  "generation-mismatch",
                                  "CasMismatchException",
                                  "version mismatch",
                                  "write-conflict",
                                  "not-leader",
                                  "cas timed out",
                                  "unknown whether the compare failed",
                                  "compare failed or timed out"}) {
    CAPTURE(other);
    CHECK(failed_cas(Value(other)) == Verdict::valid);
    CHECK(failed_cas(Value::keyword(other)) == Verdict::valid);
    CHECK(failed_cas(Value(Value::List{other, "compare failed"})) == Verdict::valid);
    CHECK(failed_cas(Value(other), "observe") == Verdict::invalid);
  }
  for (const Value& other : {Value(), Value(101), Value(Value::List{}), Value(Value::List{1, 2}),
                             Value(false), Value::map({Value::keyword("was"), "mismatch"})}) {
    CHECK(failed_cas(other) == Verdict::valid);
    CHECK(failed_cas(other, "auto", "kv") == Verdict::valid);
  }
}

TEST_CASE("a cas that is ok with false saw another value") {
  const auto answered = [](Value argument, Value answer) {
    const bool keyed = answer.is_list();
    return check({{0, kInvoke, "write", keyed ? pair("x", 1) : Value(1)},
                  {0, kOk, "write", keyed ? pair("x", 1) : Value(1)},
                  {0, kInvoke, "cas", argument},
                  {0, kOk, "cas", answer}})
        .verdict;
  };
  CHECK(answered(pair(1, 2), Value(false)) == Verdict::invalid);
  CHECK(answered(pair(3, 2), Value(false)) == Verdict::valid);
  CHECK(answered(pair(3, 2), Value(true)) == Verdict::invalid);
  CHECK(answered(pair("x", pair(1, 2)), pair("x", Value(false))) == Verdict::invalid);
  CHECK(answered(pair("x", pair(3, 2)), pair("x", Value(false))) == Verdict::valid);
}

TEST_CASE("whatever failed did not happen, and says nothing more") {
  const auto valid = [](const char* model, const std::vector<Line>& lines, const char* mode = "auto") {
    CAPTURE(model, mode, lines.back().f);
    CHECK(check(lines, {{"model", model}, {"failed-cas", mode}}).verdict == Verdict::valid);
  };
  const auto failed = [](const char* f, Value argument) {
    return std::vector<Line>{{0, kInvoke, f, argument}, {0, kFail, f, argument, Value("compare failed")}};
  };
  const auto with = [](std::vector<Line> lines, const std::vector<Line>& more) {
    lines.insert(lines.end(), more.begin(), more.end());
    return lines;
  };
  const auto ok = [](const char* f, Value argument, Value answer) {
    return std::vector<Line>{{0, kInvoke, f, argument}, {0, kOk, f, answer}};
  };
  for (const char* const lock : {"mutex", "owner-mutex", "reentrant-mutex", "fenced-mutex", "semaphore"}) {
    valid(lock, with(failed("acquire", {}), ok("acquire", {}, {})));
    valid(lock, with(failed("release", {}), ok("acquire", {}, {})));
    valid(lock, with(with(ok("acquire", {}, {}), failed("release", {})), ok("release", {}, {})));
  }
  for (const char* const queue : {"fifo-queue", "stack", "priority-queue", "unordered-queue"}) {
    valid(queue, with(ok("enqueue", 1, 1), failed("dequeue", {})));
    valid(queue, with(failed("enqueue", 1), ok("dequeue", {}, {})));
    valid(queue, with(ok("enqueue", 1, 1), failed("peek", {})));
  }
  const Value all(Value::List{Value(1)});
  valid("set", with(failed("add", 1), ok("read", {}, Value(Value::List{}))));
  valid("set", with(with(ok("add", 1, 1), failed("remove", 1)), ok("read", {}, all)));
  valid("set", with(ok("add", 1, 1), failed("contains", 1)));
  valid("counter", with(failed("add", 3), ok("read", {}, 0)));
  const Value txn(Value::List{Value(Value::List{"w", "x", 1})});
  const Value reads(Value::List{Value(Value::List{"r", "x", Value()})});
  valid("multi-register", with(failed("txn", txn), ok("txn", reads, reads)));
  valid("register", with(failed("write", 3), ok("read", {}, {})));
  valid("kv", with(failed("append", pair("x", "y")), ok("read", pair("x", {}), pair("x", {}))));
  valid("kv", with(with(ok("write", pair("x", "y"), {}), failed("delete", pair("x", {}))),
                   ok("read", pair("x", {}), pair("x", "y"))));
  // What "observe" takes for an answer is what the model can answer with "no", and never an effect.
  valid("kv", with(failed("append", pair("x", "y")), ok("read", pair("x", {}), pair("x", {}))), "observe");
  valid("kv", with(failed("write", pair("x", "y")), ok("read", pair("x", {}), pair("x", {}))), "observe");
  valid("kv",
        with(with(ok("write", pair("x", "y"), {}), failed("delete", pair("x", {}))),
             ok("read", pair("x", {}), pair("x", "y"))),
        "observe");
  valid("fifo-queue", with(failed("enqueue", 1), ok("dequeue", {}, {})), "observe");
  valid("fifo-queue", with(ok("enqueue", 1, 1), failed("peek", {})), "observe");
  valid("set", with(ok("add", 1, 1), failed("contains", 1)), "observe");
  CHECK(check(with(ok("enqueue", 1, 1), failed("dequeue", {})),
              {{"model", "fifo-queue"}, {"failed-cas", "observe"}})
            .verdict == Verdict::invalid);
  CHECK(check(with(failed("acquire", {}), ok("acquire", {}, {})),
              {{"model", "mutex"}, {"failed-cas", "observe"}})
            .verdict == Verdict::invalid);
}

TEST_CASE("a lock that was tried and is not had is no acquisition; a queue that refuses holds nothing") {
  const auto verdict = [](const char* model, const std::vector<Line>& lines) {
    return check(lines, {{"model", model}}).verdict;
  };
  for (const char* const lock : {"mutex", "owner-mutex", "fenced-mutex", "semaphore"}) {
    CAPTURE(lock);
    const std::vector<Line> second = {{0, kInvoke, "lock", {}},     {0, kOk, "lock", {}},
                                      {1, kInvoke, "try-lock", {}}, {1, kOk, "try-lock", Value(false)},
                                      {1, kInvoke, "unlock", {}},   {1, kOk, "unlock", Value(false)},
                                      {0, kInvoke, "unlock", {}},   {0, kOk, "unlock", Value(true)}};
    CHECK(verdict(lock, second) == Verdict::valid);
    CHECK(verdict(lock, {{1, kInvoke, "try-lock", {}}, {1, kOk, "try-lock", Value(false)}}) ==
          Verdict::invalid);
    CHECK(verdict(lock, {{0, kInvoke, "lock", {}},
                         {0, kOk, "lock", {}},
                         {1, kInvoke, "try-lock", {}},
                         {1, kOk, "try-lock", Value(true)}}) == Verdict::invalid);
  }
  CHECK(verdict("fifo-queue", {{0, kInvoke, "offer", 1},
                               {0, kOk, "offer", Value(false)},
                               {0, kInvoke, "poll", {}},
                               {0, kOk, "poll", {}}}) == Verdict::valid);
  CHECK(verdict("fifo-queue", {{0, kInvoke, "offer", Value(false)},
                               {0, kOk, "offer", Value(false)},
                               {0, kInvoke, "poll", {}},
                               {0, kOk, "poll", Value(false)}}) == Verdict::valid);
}

}  // namespace
}  // namespace riven::linearizable::testing
