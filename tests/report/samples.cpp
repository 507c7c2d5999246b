// Pages to look at: RIVEN_SAMPLES=/some/folder test_report "[samples]" writes one for each verdict.
#include <cmath>
#include <cstdlib>
#include <fstream>

#include "checkers/performance.h"
#include "checkers/statistics.h"
#include "checkers/vacuity.h"
#include "tests/catch.h"
#include "tests/report/sample_run.h"

using namespace riven;

namespace {

RunResults checked(const History& history) {
  RunResults results;
  for (const CheckerPtr& checker :
       {checkers::statistics_checker(), checkers::performance_checker(), checkers::vacuity_checker()}) {
    results.checks.push_back(checker->check(history, {}));
    results.checks.back().check_ms = 3;
  }
  results.read_ms = 12;
  results.check_ms = 34;
  results.peak_rss_bytes = 41'000'000;
  return results;
}

void write(const std::string& name, const std::string& content) {
  if (const char* folder = std::getenv("RIVEN_SAMPLES"))
    std::ofstream(std::string(folder) + "/" + name) << content;
}

}  // namespace

TEST_CASE("samples: one page for each verdict", "[samples]") {
  const TerminalStyle color{true, true, 100};
  SECTION("valid") {
    const History history = test::sample_history();
    RunResults results = checked(history);
    summarize(results);
    CHECK(results.verdict == Verdict::valid);
    write("valid.html", html_report(test::sample_info(), history, results));
    write("valid.txt", terminal_summary(test::sample_info(), history, results, color));
  }
  SECTION("unknown") {
    test::SampleOptions options;
    options.bitten = false;
    const History history = test::sample_history(options);
    RunResults results = checked(history);
    summarize(results);
    CHECK(results.verdict == Verdict::unknown);
    RunInfo info = test::sample_info();
    info.complaints = {"n4: log files could not be fetched: no space left on device",
                       "teardown of n5 took 31 s"};
    write("unknown.html", html_report(info, history, results));
    write("unknown.txt", terminal_summary(info, history, results, color));
  }
  SECTION("invalid") {
    const History history = test::sample_history();
    RunResults results = checked(history);
    CheckResult bad;
    bad.name = "linearizable";
    bad.verdict = Verdict::invalid;
    bad.reason =
        "key 7: process 3 read 1204 at 22.318 s, although 1207 had been written before the read began";
    Anomaly anomaly;
    anomaly.type = "stale-read";
    anomaly.count = 3;
    anomaly.sentences = {
        "Key 7: process 3 (n4) read 1204 at index 2210, but process 1 had overwritten it with 1207 "
        "0.412 s before that read began.",
        "Key 7: process 8 (n4) read 1204 at index 2232, 0.611 s after it was overwritten.",
        "Key 12: process 4 (n5) read 1188 at index 2301, 1.020 s after it was overwritten."};
    for (uint32_t i = 2'000; anomaly.entries.size() < 10 && i < history.size(); ++i)
      if (history.is_client(i)) anomaly.entries.push_back(i);
    anomaly.details = {{"key", 7}, {"stale_by_s", 0.412}};
    bad.anomalies.push_back(anomaly);
    results.checks.insert(results.checks.begin(), bad);
    summarize(results);
    write("invalid.html", html_report(test::sample_info(), history, results));
    write("invalid.txt", terminal_summary(test::sample_info(), history, results, color));
  }
}
