// One page for each verdict. RIVEN_SAMPLES=/some/folder test_report "[samples]" writes them there, to be
// looked at.
#include <cstdlib>
#include <fstream>

#include "tests/catch.h"
#include "tests/report/markup_parser.h"
#include "tests/report/sample_run.h"

using namespace riven;

namespace {

void look_at(const std::string& name, const RunInfo& info, const History& history,
             const RunResults& results) {
  const std::string page = html_report(info, history, results);
  CHECK(test::markup_error(page, test::Dialect::html) == "");
  const char* folder = std::getenv("RIVEN_SAMPLES");
  if (folder == nullptr) return;
  const std::string stem = std::string(folder) + "/" + name;
  std::ofstream(stem + ".html") << page;
  std::ofstream(stem + ".txt") << terminal_summary(info, history, results, {true, true, 100});
  std::ofstream(stem + ".json") << results_json(info, results).dump(1);
  std::ofstream(stem + ".xml") << junit_xml(info, results);
}

}  // namespace

TEST_CASE("a valid run", "[samples]") {
  const History history = test::sample_history();
  const RunResults results = test::sample_results(history);
  CHECK(results.verdict == Verdict::valid);
  look_at("valid", test::sample_info(), history, results);
}

TEST_CASE("a vacuous run", "[samples]") {
  test::SampleOptions options;
  options.took_effect = false;
  const History history = test::sample_history(options);
  const RunResults results = test::sample_results(history);
  CHECK(results.verdict == Verdict::unknown);
  CHECK(results.reason.rfind("vacuous: partition at 5.0 s dropped no packet", 0) == 0);
  RunInfo info = test::sample_info();
  info.complaints = {"n4: log files could not be fetched: no space left on device",
                     "teardown of n5 took 31 s"};
  look_at("unknown", info, history, results);
}

TEST_CASE("an invalid run", "[samples]") {
  const History history = test::sample_history();
  RunResults results = test::sample_results(history);
  results.checks.insert(results.checks.begin(), test::sample_refusal(history));
  summarize(results);
  CHECK(results.verdict == Verdict::invalid);
  look_at("invalid", test::sample_info(), history, results);
}
