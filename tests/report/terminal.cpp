#include <algorithm>

#include "tests/catch.h"
#include "tests/report/sample_run.h"

using namespace riven;

namespace {

std::vector<std::string> lines(const std::string& text) {
  std::vector<std::string> all;
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find('\n', at), text.size());
    all.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return all;
}

struct Sample {
  History history = test::sample_history();
  RunResults results = test::sample_results(history);
  RunInfo info = test::sample_info();
  std::string text(const TerminalStyle& style) { return terminal_summary(info, history, results, style); }
};

}  // namespace

TEST_CASE("the terminal says the verdict first and the report's path last") {
  Sample s;
  std::vector<std::string> valid = lines(s.text({}));
  CHECK(valid.front().rfind("VALID  ", 0) == 0);
  CHECK(valid.back() == "results/etcd-register-partition/20251120T235538Z-4711/report.html");
  s.info.report_path = "out/x.html";
  CHECK(lines(s.text({})).back() == "out/x.html");
  s.info.report_path = s.info.directory = "";
  CHECK(lines(s.text({})).back().find("run again") != std::string::npos);
}

TEST_CASE(
    "the terminal names the anomaly, a few sentences, the counts, the faults and the line to run again") {
  Sample s;
  CheckResult bad = test::sample_refusal(s.history);
  bad.anomalies[0].sentences.resize(30, "and so on");
  s.results.checks.push_back(bad);
  summarize(s.results);
  s.info.complaints = {"teardown of n5 took 31 s"};
  const std::string text = s.text({false, false, 100});
  CHECK(text.rfind("INVALID  linearizable: key 7", 0) == 0);
  for (const char* piece :
       {"stale-read (3 times)", "    - Key 7: process 3 (n4) read 1204", "and 26 more in the report", " ok, ",
        "partition 6 times, ", "packets dropped", "vacuity valid", "teardown of n5 took 31 s"})
    CHECK((text.find(piece) == std::string::npos ? piece : "") == std::string());
  const std::vector<std::string> all = lines(text);
  CHECK(std::any_of(all.begin(), all.end(), [&](const std::string& line) {
    return line == "  run again   " + s.info.rerun_line;  // in one line, whatever the width
  }));
  CHECK(all.size() < 25);
}

TEST_CASE("lines keep to the width, but for paths and commands") {
  Sample s;
  s.results.checks.push_back(test::sample_refusal(s.history));
  summarize(s.results);
  for (const std::string& line : lines(s.text({false, false, 60})))
    if (line.find("riven run") == std::string::npos && line.find("results/") == std::string::npos)
      CHECK(line.size() <= 60);
}

TEST_CASE("colour only when asked for, and foreign text cannot steer the terminal") {
  Sample s;
  s.results.reason = "read \x1b[2J\x1b]0;x\x07 \xc2\x9b caf\xc3\xa9 \xff";
  CHECK(s.text({}).find('\x1b') == std::string::npos);
  const std::string color = s.text({true, true, 80});
  CHECK(color.find("\x1b[1;32mVALID") == 0);
  CHECK(color.find("\x1b[2J") == std::string::npos);
  CHECK(color.find("\xc2\x9b") == std::string::npos);
  CHECK(color.find("caf\xc3\xa9") != std::string::npos);
  const std::string plain = s.text({});
  CHECK(plain.find("caf?") != std::string::npos);
  CHECK(std::all_of(plain.begin(), plain.end(), [](char c) { return (c >= 0x20 && c < 0x7f) || c == '\n'; }));
}

TEST_CASE("every check that could not tell says why") {
  Sample s;
  CheckResult slow;
  slow.name = "linearizable";
  slow.reason = "out of time after 1,000 of 2,000 operations";
  s.results.checks.push_back(test::sample_refusal(s.history));
  s.results.checks.push_back(slow);
  summarize(s.results);
  CHECK(s.text({false, false, 100}).find("linearizable: out of time after 1,000") != std::string::npos);
}

TEST_CASE("a history without times shows no times and no durations") {
  const auto shown = [](bool timed) {
    HistoryBuilder builder;
    for (int i = 0; i < 600; ++i)
      builder.append({.time_ns = i + 1,
                      .process = 0,
                      .type = i % 2 == 0 ? OpType::invoke : OpType::ok,
                      .f = Symbol("read")});
    if (!timed) builder.no_times();
    const History history = *builder.finish();
    RunResults results;
    results.checks.push_back(CheckResult{.name = "linearizable", .verdict = Verdict::invalid});
    results.checks[0].anomalies.push_back(Anomaly{.type = "nonlinearizable", .count = 1, .entries = {0, 1}});
    summarize(results);
    const RunInfo info{.name = "h.edn"};
    return terminal_summary(info, history, results, {}) + html_report(info, history, results);
  };
  CHECK(shown(true).find("300: 300 ok, 0 fail, 0 info in 599 ns") != std::string::npos);
  const std::string untimed = shown(false);
  CHECK(untimed.find("300: 300 ok, 0 fail, 0 info\n") != std::string::npos);
  for (const char* piece : {"599 ns", "</b> long", "0.000 s", "seconds"})
    CHECK((untimed.find(piece) == std::string::npos ? "" : piece) == std::string());
}

TEST_CASE("a clock that steps back makes no length negative") {
  HistoryBuilder builder;
  builder.append({.time_ns = 100, .process = 0, .type = OpType::invoke, .f = Symbol("read")});
  builder.append({.time_ns = 40, .process = 0, .type = OpType::ok, .f = Symbol("read")});
  const History history = *builder.finish();
  const std::string text = terminal_summary({}, history, {}, {});
  CHECK(text.find("1: 1 ok, 0 fail, 0 info in 60 ns") != std::string::npos);
}
