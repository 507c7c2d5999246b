// The checker as a user meets it: histories of entries in, verdicts out.
#include "checkers/linearizable/checker.h"

#include "tests/checkers/linearizable/lines.h"

namespace riven::linearizable::testing {
namespace {

TEST_CASE("two concurrent writes that replace each other: the stale read is named in a sentence") {
  const CheckResult result = check({{0, kInvoke, "write", 1},
                                    {1, kInvoke, "write", 2},
                                    {0, kOk, "write", 1},
                                    {1, kOk, "write", 2},
                                    {2, kInvoke, "read", Value()},
                                    {2, kOk, "read", 1},
                                    {3, kInvoke, "read", Value()},
                                    {3, kOk, "read", 2},
                                    {2, kInvoke, "read", Value()},
                                    {2, kOk, "read", 1}});
  REQUIRE(result.verdict == Verdict::invalid);
  REQUIRE_FALSE(result.anomalies.empty());
  const std::string& sentence = result.anomalies.front().sentences.at(0);
  CAPTURE(sentence);
  CHECK(sentence.find("stale") != std::string::npos);
  CHECK(sentence.find("read of 1 by process 2") != std::string::npos);
  CHECK(sentence.find("read of 2 by process 3") != std::string::npos);
  // Whichever it is, the other value had been read before it was invoked.
  const Json& details = result.anomalies.front().details.at(0);
  CHECK(details["stale-versions"] == 1);
  CHECK_FALSE(details.contains("stale-ms"));  // this history has no times
  REQUIRE(result.figures.size() == 1);
  const auto& figure = std::get<LanesFigure>(result.figures[0].content);
  CHECK(figure.facts.find("Possible just before: ") != std::string::npos);
  CHECK(figure.facts.find("Stale by 1 version at least.") != std::string::npos);
}

TEST_CASE("a value that a cas took away while it was being written: the stale read is named") {
  const CheckResult result = check({{0, kInvoke, "write", 1},
                                    {1, kInvoke, "cas", pair(1, 2)},
                                    {0, kOk, "write", 1},
                                    {1, kOk, "cas", pair(1, 2)},
                                    {2, kInvoke, "read", Value()},
                                    {2, kOk, "read", 1}});
  REQUIRE(result.verdict == Verdict::invalid);
  CHECK(result.anomalies.front().sentences.at(0) ==
        "read of 1 by process 2 returned after the cas from 1 to 2 by process 1 had completed and nothing "
        "wrote 1 again");
}

TEST_CASE("in a larger knot the read without which there is an order is named") {
  // 1, 2 and 3 written at once, then read as 2 3, 3 1 and 1 2: three clients that cannot all be right.
  const CheckResult result = check({{0, kInvoke, "write", 1},
                                    {1, kInvoke, "write", 2},
                                    {2, kInvoke, "write", 3},
                                    {3, kInvoke, "read", Value()},
                                    {3, kOk, "read", 2},
                                    {3, kInvoke, "read", Value()},
                                    {3, kOk, "read", 3},
                                    {0, kOk, "write", 1},
                                    {1, kOk, "write", 2},
                                    {2, kOk, "write", 3},
                                    {4, kInvoke, "read", Value()},
                                    {4, kOk, "read", 1},
                                    {4, kInvoke, "read", Value()},
                                    {4, kOk, "read", 2}});
  REQUIRE(result.verdict == Verdict::invalid);
  const std::string& sentence = result.anomalies.front().sentences.at(0);
  CAPTURE(sentence);
  CHECK(sentence.find("read of ") == 0);
  CHECK(sentence.find(" is stale") != std::string::npos);
}

TEST_CASE("a stale read is refused, a fresh one is not") {
  const auto read = [](int seen) {
    return check({{0, kInvoke, "write", 1},
                  {0, kOk, "write", 1},
                  {0, kInvoke, "write", 2},
                  {0, kOk, "write", 2},
                  {1, kInvoke, "read", Value()},
                  {1, kOk, "read", seen}});
  };
  CHECK(read(2).verdict == Verdict::valid);
  const CheckResult stale = read(1);
  CHECK(stale.verdict == Verdict::invalid);
  REQUIRE(stale.anomalies.size() == 1);
  CHECK(stale.anomalies[0].type == "nonlinearizable");
}

TEST_CASE("crashed operations may take effect late or never") {
  const auto read = [](int seen) {
    return check({{0, kInvoke, "write", 1},
                  {0, kInfo, "write", 1, Value("timeout")},
                  {1, kInvoke, "write", 2},
                  {1, kOk, "write", 2},
                  {1, kInvoke, "read", Value()},
                  {1, kOk, "read", seen}})
        .verdict;
  };
  CHECK(read(1) == Verdict::valid);
  CHECK(read(2) == Verdict::valid);
  CHECK(read(3) == Verdict::invalid);
}

TEST_CASE("independent keys are told from cas pairs") {
  const std::vector<Line> keyed = {{0, kInvoke, "write", pair("x", 1)},
                                   {0, kOk, "write", pair("x", 1)},
                                   {0, kInvoke, "read", pair("y", Value())},
                                   {0, kOk, "read", pair("y", Value())}};
  CHECK(check(keyed).details["parts"] == 2);
  CHECK(check(keyed).verdict == Verdict::valid);
  CHECK(check({{0, kInvoke, "cas", pair(Value(), 1)}, {0, kOk, "cas", pair(Value(), 1)}}).details["parts"] ==
        1);
  CHECK(
      check({{0, kInvoke, "cas", pair("x", pair(Value(), 1))}, {0, kOk, "cas", pair("x", pair(Value(), 1))}})
          .details["parts"] == 1);
}

TEST_CASE("the evidence is minimal, verified and in plain words") {
  const CheckResult result = check({{0, kInvoke, "write", 3},
                                    {0, kOk, "write", 3},
                                    {1, kInvoke, "write", 4},
                                    {1, kOk, "write", 4},
                                    {2, kInvoke, "write", 5},
                                    {2, kOk, "write", 5},
                                    {7, kInvoke, "read", Value()},
                                    {7, kOk, "read", 3},
                                    {0, kInvoke, "write", 9},
                                    {0, kOk, "write", 9}});
  REQUIRE(result.verdict == Verdict::invalid);
  const Anomaly& anomaly = result.anomalies.at(0);
  CHECK(anomaly.sentences.at(0) ==
        "read of 3 by process 7 returned after the write of 4 by process 1 had completed and nothing wrote 3 "
        "again");
  const Json& details = anomaly.details.at(0);
  CHECK(details["minimal"] == true);
  CHECK(details["verified"] == true);
  CHECK(details["first-certain"] == true);
  CHECK(details["certain-at"] == 7);
  CHECK(details["states-before"] == Json::array({"5"}));
  CHECK(details["stale-versions"] == 2);
  CHECK(details["stale-ms"] == 3.0);
}

TEST_CASE("a conflict of crashed operations names what shows them, and when it was certain") {
  // A crashed cas from 3 to 1 began after 1 had been read: nothing else writes 1.
  const CheckResult early = check({{1, kInvoke, "read", Value()},
                                   {1, kOk, "read", 1},
                                   {2, kInvoke, "cas", pair(3, 1)},
                                   {0, kInvoke, "write", 3},
                                   {0, kOk, "write", 3}});
  REQUIRE(early.verdict == Verdict::invalid);
  CHECK(early.anomalies.at(0).details.at(0)["certain-at"] == 1);
  CHECK(early.anomalies.at(0).details.at(0)["verified"] == true);
  // Two crashed cas from one value, and both of what they write is read.
  const CheckResult fork = check({{0, kInvoke, "write", 1},
                                  {0, kOk, "write", 1},
                                  {1, kInvoke, "cas", pair(1, 2)},
                                  {2, kInvoke, "cas", pair(1, 3)},
                                  {3, kInvoke, "read", Value()},
                                  {3, kOk, "read", 2},
                                  {3, kInvoke, "read", Value()},
                                  {3, kOk, "read", 3}});
  REQUIRE(fork.verdict == Verdict::invalid);
  CHECK(fork.anomalies.at(0).details.at(0)["certain-at"] == 7);
  CHECK(fork.anomalies.at(0).details.at(0)["operations"].size() >= 4);
  CHECK(fork.anomalies.at(0).details.at(0)["verified"] == true);
}

TEST_CASE("a linearization is given on request, and checked") {
  const CheckResult result = check(
      {{0, kInvoke, "write", 1}, {1, kInvoke, "read", Value()}, {1, kOk, "read", 1}, {0, kOk, "write", 1}},
      {{"witness", "yes"}});
  REQUIRE(result.verdict == Verdict::valid);
  CHECK(result.details["linearization-verified"] == true);
  REQUIRE(result.artifacts.size() == 1);
  CHECK(Json::parse(result.artifacts[0].content)->front()["order"] == Json::array({0, 1}));
}

TEST_CASE("names in any case of letters; an engine that does not serve says what it needs") {
  CHECK(make_checker(std::map<std::string, std::string>{{"model", "CAS-Register"}, {"engine", "DFS"}}));
  const CheckResult refused =
      check({{0, kInvoke, "write", 1}, {0, kOk, "write", 1}}, {{"engine", "versions"}});
  CHECK(refused.verdict == Verdict::unknown);
  CHECK(refused.reason == "version chains need a register that only cas changes, to fresh values");
  const auto wrong = make_checker(std::map<std::string, std::string>{{"model", "set"}, {"engine", "zones"}});
  REQUIRE(!wrong);
  CHECK(wrong.error().message ==
        "the engine zones does not serve the model set; it serves register, cas-register, kv. dfs, jit and "
        "auto serve every model");
  // Each engine serves a model, each model an engine besides the searches or those alone.
  for (const std::string& engine : engine_names()) {
    size_t served = 0;
    for (const std::string& model : model_names())
      served +=
          make_checker(std::map<std::string, std::string>{{"model", model}, {"engine", engine}}) ? 1 : 0;
    CAPTURE(engine);
    const bool search = engine == "auto" || engine == "dfs" || engine == "jit";
    CHECK(served > 0);
    CHECK((served == model_names().size()) == search);
  }
  for (const std::string& model : model_names()) CHECK(models_help().find(model) != std::string::npos);
}

TEST_CASE("what cannot be judged is unknown, by name") {
  const CheckResult unknown = check({{0, kInvoke, "frobnicate", 1}, {0, kOk, "frobnicate", 1}});
  CHECK(unknown.verdict == Verdict::unknown);
  CHECK(unknown.reason.find("frobnicate") != std::string::npos);
  CHECK(unknown.details["not-of-this-model"] == true);
  CHECK(check({}).reason.rfind("vacuous:", 0) == 0);
  CHECK(!make_checker(std::map<std::string, std::string>{{"model", "teapot"}}));
  CHECK(!make_checker(std::map<std::string, std::string>{{"colour", "red"}}));
}

}  // namespace
}  // namespace riven::linearizable::testing
