#include "tests/catch.h"
#include "tests/report/markup_parser.h"
#include "tests/report/sample_run.h"

using namespace riven;
using test::Dialect;
using test::markup_error;

namespace {

bool contains(const std::string& text, std::string_view piece) {
  return text.find(piece) != std::string::npos;
}

const std::string kHostile = "</script><img src=x onerror=alert(1)>\"'&\xff\x01";

}  // namespace

TEST_CASE("the parser of these tests says no") {
  CHECK(markup_error("<a><b></a></b>", Dialect::xml) != "");
  CHECK(markup_error("<a>", Dialect::xml) != "");
  CHECK(markup_error("<a b=c></a>", Dialect::html) != "");
  CHECK(markup_error("<a b=\"1\" b=\"2\"></a>", Dialect::html) != "");
  CHECK(markup_error("<p>a & b</p>", Dialect::html) != "");
  CHECK(markup_error("<p>a < b</p>", Dialect::html) != "");
  CHECK(markup_error("<p id=\"x\"></p><p id=\"x\"></p>", Dialect::html) != "");
  CHECK(markup_error("<p>\x01</p>", Dialect::html) != "");
  CHECK(markup_error("<p>a &amp; b<br></p>", Dialect::html) == "");
}

TEST_CASE(
    "an invalid run's page has verdict, evidence, witness, faults, figures, counts and how to run it again") {
  const History history = test::sample_history();
  RunResults results = test::sample_results(history);
  results.checks.insert(results.checks.begin(), test::sample_refusal(history));
  summarize(results);
  const std::string page = html_report(test::sample_info(), history, results);
  for (const char* piece : {"<div class=\"word\">Invalid</div>",
                            "key 7: process 3 read 1204 at 22.318 s",
                            "data-copy",
                            "riven run --db etcd --workload register --faults partition",
                            "id=\"evidence\"",
                            "stale-read",
                            "A read answered with a value that had been overwritten",
                            "(n4) read 1204 at index 2210",
                            "class=\"witness\"",
                            "id=\"faults\"",
                            "packets dropped",
                            "id=\"figure-latency\"",
                            "id=\"figure-rate\"",
                            "id=\"statistics\"",
                            "compare failed: the value was another one",
                            "id=\"checks\"",
                            "id=\"run\"",
                            "6.1.0-18-amd64",
                            "4711",
                            "2025-11-20T23:55:38Z",
                            "&quot;reads&quot;:&quot;serializable&quot;"})
    CHECK((contains(page, piece) ? "" : piece) == std::string());
  CHECK(markup_error(page, Dialect::html) == "");
}

TEST_CASE("the page is one file: nothing is loaded from anywhere") {
  const History history = test::sample_history();
  const std::string page = html_report(test::sample_info(), history, test::sample_results(history));
  for (const char* piece : {"http://", "https://", " src=", "<link", "@import", "url("})
    CHECK_FALSE(contains(page, piece));
  CHECK(contains(page, "default-src 'none'"));
  CHECK(contains(page, "prefers-color-scheme:dark"));
  CHECK(contains(page, "@media print"));
}

TEST_CASE("a witness row has index, time, process, node, function, value and type") {
  HistoryBuilder builder;
  builder.append(
      {-1, 1'500'000'000, 12, OpType::invoke, Symbol("write"), Value(Value::List{Value(3), Value(41)}), {}});
  builder.append({-1, 1'600'000'000, 13, OpType::invoke, Symbol("read"), {}, {}});
  builder.append({-1, 1'750'000'000, 12, OpType::info, Symbol("write"), {}, Value("cut off")});
  const History history = std::move(*builder.finish());
  CheckResult bad;
  bad.name = "linearizable";
  bad.verdict = Verdict::invalid;
  bad.reason = "no";
  bad.anomalies.push_back({"nonlinearizable", 1, {}, {0, 1, 2, 77}, {}});
  RunResults results;
  results.checks.push_back(bad);
  summarize(results);
  const std::string page = html_report(test::sample_info(), history, results);
  CHECK(contains(
      page,
      "<td class=\"n\">0</td><td class=\"n\">1.500 s</td><td class=\"w\">12</td><td class=\"w\">n3</td>"
      "<td class=\"w\"><span class=\"type invoke\">invoke</span></td><td class=\"w\">write</td>"
      "<td class=\"v\">[3 41]</td><td></td>"));
  CHECK(contains(page, "<td>&quot;cut off&quot;</td>"));
  CHECK(contains(page, "never completed"));
  CHECK(markup_error(page, Dialect::html) == "");
}

TEST_CASE("hostile text is shown, never obeyed") {
  HistoryBuilder builder;
  builder.append({-1, 1, kNemesis, OpType::info, Symbol("start-" + kHostile), Value(kHostile), {}});
  builder.append(
      {-1, 2, kNemesis, OpType::info, Symbol("start-" + kHostile), Value(kHostile), Value(kHostile)});
  builder.append({-1, 3, kNemesis, OpType::info, Symbol(kHostile), Value(kHostile), {}});
  builder.append({-1, 4, 0, OpType::invoke, Symbol(kHostile), Value(kHostile), {}});
  builder.append({-1, 10'000'000'000, 0, OpType::fail, Symbol(kHostile), Value(kHostile), Value(kHostile)});
  const History history = std::move(*builder.finish(HistoryBuilder::Pairing::lenient));
  RunResults results = test::sample_results(history);
  CheckResult bad;
  bad.name = bad.reason = kHostile;
  bad.verdict = Verdict::invalid;
  bad.details = {{kHostile, kHostile}, {"complaints", {kHostile, kHostile}}};
  bad.anomalies.push_back({kHostile, 1, {kHostile}, {0, 1, 2, 3, 4}, {{kHostile, kHostile}}});
  bad.artifacts.push_back({kHostile, ""});
  results.checks.push_back(bad);
  summarize(results);
  RunInfo info;
  info.name = info.workload = info.database = info.model = info.rerun_line = info.version = info.directory =
      kHostile;
  info.nodes = info.faults = info.complaints = {kHostile};
  info.concurrency = 1;
  info.versions = {{kHostile, kHostile}};
  info.options = {{kHostile, kHostile}};
  const std::string page = html_report(info, history, results);
  CHECK_FALSE(contains(page, "<img"));
  CHECK(markup_error(page, Dialect::html) == "");
  CHECK(markup_error(junit_xml(info, results), Dialect::xml) == "");
  CHECK_NOTHROW(results_json(info, results).dump());
}

TEST_CASE("the page holds a hundred anomalies as well as none, and stays below two megabytes") {
  const History history = test::sample_history();
  RunResults results = test::sample_results(history);
  for (int c = 0; c < 5; ++c) {
    CheckResult bad;
    bad.name = "check-" + std::to_string(c);
    bad.verdict = Verdict::invalid;
    for (int a = 0; a < 100; ++a) {
      Anomaly anomaly;
      anomaly.type = "G-single-" + std::to_string(a);
      anomaly.count = 1'000;
      anomaly.sentences.assign(1'000, std::string(3'000, 'x'));
      anomaly.entries.assign(5'000, 7);
      anomaly.details = Json(std::vector<std::string>(1'000, "detail"));
      bad.anomalies.push_back(anomaly);
    }
    LanesFigure huge;
    huge.sentence = std::string(600'000, 'y');
    bad.figures.push_back({"figure-of-" + std::to_string(c), "Huge", huge});
    results.checks.push_back(bad);
  }
  summarize(results);
  const std::string page = html_report(test::sample_info(), history, results);
  CHECK(page.size() < 2'000'000);
  CHECK(contains(page, "G-single-0"));
  CHECK(contains(page, "in results.json"));
  CHECK(markup_error(page, Dialect::html) == "");

  const std::string empty = html_report({}, history, RunResults{});
  CHECK(markup_error(empty, Dialect::html) == "");
  CHECK_FALSE(contains(empty, "id=\"evidence\""));
}

TEST_CASE("a history of a million operations makes a page below two megabytes") {
  test::SampleOptions options;
  options.operations = 200'000;
  options.length_ns = 600'000'000'000;
  const History history = test::sample_history(options);
  CHECK(history.size() > 300'000);
  const std::string page = html_report(test::sample_info(), history, test::sample_results(history));
  CHECK(page.size() < 1'000'000);
  CHECK(markup_error(page, Dialect::html) == "");
}

TEST_CASE("the same input gives the same bytes") {
  const auto page = [] {
    const History history = test::sample_history();
    return html_report(test::sample_info(), history, test::sample_results(history));
  };
  CHECK(page() == page());
}

TEST_CASE("an empty history has a page") {
  HistoryBuilder builder;
  const History history = std::move(*builder.finish());
  const RunResults results = test::sample_results(history);
  CHECK(results.verdict == Verdict::unknown);
  CHECK(markup_error(html_report({}, history, results), Dialect::html) == "");
}

TEST_CASE("wrong clocks are drawn, a line for each node and fault, and only where they were read") {
  HistoryBuilder builder;
  const auto add = [&](OpType type, const char* f, int64_t time_ns, Value value) {
    Op op;
    op.process = kNemesis;
    op.type = type;
    op.f = Symbol(f);
    op.time_ns = time_ns;
    op.value = std::move(value);
    builder.append(op);
  };
  const auto readings = [](double first_ms, double last_ms) {
    return Value(Value::List{Value(Value::List{0.0, first_ms}), Value(Value::List{2.0, last_ms})});
  };
  add(OpType::info, "start-clock", 1'000'000'000, Value::map({"clock", "jump"}));
  add(OpType::info, "start-clock", 1'100'000'000, Value::map({"clock", "jump"}));
  add(OpType::info, "stop-clock", 4'000'000'000, Value());
  add(OpType::info, "stop-clock", 4'100'000'000,
      Value::map({"took_effect", true, "series",
                  Value::map({"n1", readings(3'600'000, 3'600'000), "<n2>", readings(0, -12.5)})}));
  RunInfo info = test::sample_info();
  info.spans = {{"clock", "#123456", {"start-clock"}, {"stop-clock"}}};
  RunResults results;
  const auto history = builder.finish();
  REQUIRE(history);
  const std::string page = html_report(info, *history, results);
  CHECK(contains(page, "id=\"clocks\""));
  CHECK(contains(page, "+1 h"));
  CHECK(contains(page, "<title>n1</title>"));
  CHECK(contains(page, "&lt;n2&gt;"));
  CHECK(markup_error(page, Dialect::html) == "");
  const History quiet = test::sample_history();
  CHECK_FALSE(
      contains(html_report(test::sample_info(), quiet, test::sample_results(quiet)), "id=\"clocks\""));
}
