#include "tests/catch.h"
#include "tests/report/markup_parser.h"
#include "tests/report/sample_run.h"

using namespace riven;

namespace {

CheckResult check(const std::string& name, Verdict verdict, const std::string& reason) {
  CheckResult made;
  made.name = name;
  made.verdict = verdict;
  made.reason = reason;
  return made;
}

RunResults results_of(std::vector<CheckResult> checks) {
  RunResults results;
  results.checks = std::move(checks);
  summarize(results);
  return results;
}

size_t occurrences(const std::string& text, const std::string& piece) {
  size_t count = 0;
  for (size_t at = text.find(piece); at != std::string::npos; at = text.find(piece, at + 1)) ++count;
  return count;
}

}  // namespace

TEST_CASE("the worst check gives the verdict and the reason") {
  const CheckResult good = check("set", Verdict::valid, "all 12 there");
  const CheckResult vacuous = check("vacuity", Verdict::unknown, "vacuous: nothing succeeded");
  const CheckResult bad = check("linearizable", Verdict::invalid, "stale read");
  CHECK(results_of({good, vacuous, bad}).verdict == Verdict::invalid);
  CHECK(results_of({good, vacuous, bad}).reason == "linearizable: stale read");
  CHECK(results_of({good, vacuous}).verdict == Verdict::unknown);
  CHECK(results_of({good, vacuous}).reason == "vacuous: nothing succeeded");
  CHECK(results_of({check("statistics", Verdict::valid, "3 operations"), good}).reason ==
        "set: all 12 there");
  CHECK(results_of({check("statistics", Verdict::valid, "3 operations")}).reason ==
        "statistics: 3 operations");
  CHECK(results_of({}).verdict == Verdict::unknown);
  CHECK(results_of({}).reason == "vacuous: no checker looked at this history");
}

TEST_CASE("results.json has the words that scripts count on") {
  const History history = test::sample_history();
  RunResults results = test::sample_results(history);
  results.checks.insert(results.checks.begin(), test::sample_refusal(history));
  summarize(results);
  const Json json = *Json::parse(results_json(test::sample_info(), results).dump());
  CHECK(json["schema"] == 1);
  CHECK(json["verdict"] == "invalid");
  CHECK(json["reason"] == "linearizable: " + results.checks[0].reason);
  REQUIRE(json["checks"].size() == 4);
  const Json& first = json["checks"][0];
  CHECK(first["name"] == "linearizable");
  CHECK(first["verdict"] == "invalid");
  CHECK(first["reason"] == results.checks[0].reason);
  CHECK(first["check_ms"] == 21);
  CHECK(first["anomalies"][0]["type"] == "stale-read");
  CHECK(first["anomalies"][0]["count"] == 3);
  CHECK(first["anomalies"][0]["sentences"].size() == 3);
  CHECK(first["anomalies"][0]["entries"].size() == 10);
  CHECK(first["anomalies"][0]["details"]["key"] == 7);
  CHECK(json["checks"][1]["anomalies"] == Json::array());
  CHECK(json["timing"]["read_ms"] == 12);
  CHECK(json["timing"]["check_ms"] == 34);
  CHECK(json["peak_rss_bytes"] == 41'000'000);
  CHECK(json["run"]["seed"] == 4711);
  CHECK(json["run"]["started"] == "2025-11-20T23:55:38Z");
  CHECK(json["run"]["rerun"] == test::sample_info().rerun_line);
  CHECK(json["versions"]["riven"] == "0.1.0");
  CHECK(json["complaints"] == Json::array());
}

TEST_CASE("what is unknown is null in results.json, and a seed keeps its 64 bits") {
  RunInfo info;
  info.seed = UINT64_MAX;
  const Json json = *Json::parse(results_json(info, results_of({check("x", Verdict::valid, "")})).dump());
  CHECK(json["run"]["started"].is_null());
  CHECK(json["checks"][0]["check_ms"].is_null());
  CHECK(json["run"]["seed"].get<uint64_t>() == UINT64_MAX);
}

TEST_CASE("junit.xml: invalid is a failure, unknown an error, valid neither") {
  CheckResult bad = check("linearizable", Verdict::invalid, "key <7>");
  bad.anomalies.push_back({"stale-read", 2, std::vector<std::string>(30, "read \"old\" & gone"), {}, {}});
  RunInfo info = test::sample_info();
  const std::string xml = junit_xml(info, results_of({bad, check("vacuity", Verdict::unknown, "vacuous: x"),
                                                      check("set", Verdict::unknown, "slow"),
                                                      check("statistics", Verdict::valid, "fine")}));
  CHECK(test::markup_error(xml, test::Dialect::xml) == "");
  CHECK(occurrences(xml, "<testcase") == 4);
  CHECK(occurrences(xml, "tests=\"4\" failures=\"1\" errors=\"2\"") == 2);
  CHECK(occurrences(xml, "<failure type=\"stale-read\" message=\"key &lt;7&gt;\">") == 1);
  CHECK(occurrences(xml, "<error type=\"vacuous\" message=\"vacuous: x\">") == 1);
  CHECK(occurrences(xml, "<error type=\"unknown\" message=\"slow\">") == 1);
  CHECK(occurrences(xml, "and 10 more") == 1);
  CHECK(occurrences(xml, "run again: riven run") == 3);
  CHECK(occurrences(xml, "timestamp=\"2025-11-20T23:55:38Z\"") == 1);
}

TEST_CASE("junit.xml: a run that no check explains is a case of its own") {
  RunResults results = results_of({check("statistics", Verdict::valid, "fine")});
  results.verdict = Verdict::unknown;
  results.reason = "the cluster could not be set up";
  const std::string xml = junit_xml({}, results);
  CHECK(occurrences(xml, "tests=\"2\" failures=\"0\" errors=\"1\"") == 2);
  CHECK(occurrences(xml, "name=\"run\"") == 1);
  CHECK(occurrences(junit_xml({}, results_of({})), "<testcase") == 1);
}
