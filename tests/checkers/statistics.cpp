#include "checkers/statistics.h"

#include "tests/checkers/script.h"

using namespace riven;
using test::Script;

namespace {
CheckResult judge(const History& h) { return checkers::statistics_checker()->check(h, {}); }
}  // namespace

TEST_CASE("statistics counts by function and ending") {
  const History h = Script()
                        .op(0, 1, 0, OpType::ok, "read")
                        .op(2, 1, 0, OpType::fail, "read", Value("no leader"))
                        .op(4, 1, 1, OpType::ok, "write")
                        .op(6, 1, 1, OpType::info, "write", Value("timeout"))
                        .fault(8, "start-partition", Value(), Value("no such node"))
                        .entry(9, 0, OpType::invoke, "read")
                        .history();
  const CheckResult r = judge(h);
  CHECK(r.verdict == Verdict::valid);
  CHECK(r.reason == "5 operations: 2 ok, 1 failed, 1 unknown, 1 never completed");
  const Json& d = r.details;
  CHECK(d["count"] == 5);
  CHECK(d["by_f"]["read"] == Json({{"count", 3}, {"ok", 1}, {"fail", 1}, {"info", 0}, {"pending", 1}}));
  CHECK(d["by_f"]["write"] == Json({{"count", 2}, {"ok", 1}, {"fail", 0}, {"info", 1}, {"pending", 0}}));
  CHECK(d["by_f"].size() == 2);
  CHECK(d["processes"] == 2);
  CHECK(d["nemesis"] == Json({{"start-partition", 1}}));
  CHECK(d["nemesis_errors"] == 1);
  CHECK(d["last_ns"] == 9'000'000);
  CHECK(d["errors"] == Json::array({{{"f", "read"}, {"type", "fail"}, {"error", "no leader"}, {"count", 1}},
                                    {{"f", "write"}, {"type", "info"}, {"error", "timeout"}, {"count", 1}}}));
}

TEST_CASE("a function that never succeeded makes statistics unknown, and is named") {
  Script script;
  script.steady(0, 100, 5, 0, "read");
  for (int i = 0; i < 3; ++i) script.op(200 + 2 * i, 1, 0, OpType::fail, "cas");
  const CheckResult r = judge(script.history());
  CHECK(r.verdict == Verdict::unknown);
  CHECK(r.reason == "vacuous: never succeeded: cas (3 attempts)");
}

TEST_CASE("a history without client operations is vacuous") {
  CHECK(judge(Script().history()).reason == "vacuous: the history holds no client operation");
  CHECK(judge(Script().fault(1, "start-kill").history()).verdict == Verdict::unknown);
}

TEST_CASE("errors are counted by text, the most frequent first, whatever kind of value they are") {
  Script script;
  script.op(0, 1, 0, OpType::ok, "add");
  const Value list(Value::List{Value::keyword("conflict"), Value(7)});
  for (int i = 0; i < 3; ++i) script.op(10 + 2 * i, 1, 0, OpType::fail, "add", list);
  for (int i = 0; i < 2; ++i) script.op(20 + 2 * i, 1, 0, OpType::fail, "add", Value("busy"));
  script.op(30, 1, 0, OpType::fail, "add", Value(503));
  script.op(32, 1, 0, OpType::fail, "add", Value("bad \xff bytes"));
  const Json errors = judge(script.history()).details["errors"];
  REQUIRE(errors.size() == 4);
  CHECK(errors[0]["error"] == "[:conflict 7]");
  CHECK(errors[0]["count"] == 3);
  CHECK(errors[1]["error"] == "busy");
  CHECK(errors[2]["error"] == "503");
  CHECK(errors[3]["error"] == "bad \xef\xbf\xbd bytes");
}

TEST_CASE("any number of different errors stays bounded, and none is lost from the counts") {
  Script script;
  script.op(0, 0.1, 0, OpType::ok, "add");
  for (int i = 1; i <= 12'000; ++i)
    script.op(i, 0.1, 0, OpType::fail, "add", Value("error " + std::to_string(i)));
  const Json d = judge(script.history()).details;
  CHECK(d["errors"].size() == 50);
  CHECK(d["errors"][0]["error"] == "(other errors)");
  CHECK(d["errors"][0]["count"] == 2'000);
  CHECK(d["errors_left_out"] == 9'951);
  CHECK(d["fail"] == 12'000);
}
