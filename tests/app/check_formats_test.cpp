// `riven check` by its command line: the same history in every format gets the same verdict, models and
// anomalies; what a format cannot say is the only thing that it loses.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <set>

#include "harness/app/builtin.h"
#include "harness/app/cli.h"
#include "harness/core/json.h"
#include "tests/app/foreign_formats.h"
#include "tests/catch.h"
#include "tests/history/scratch.h"

using namespace riven;
using namespace riven::test;

namespace {

constexpr OpType ok = OpType::ok;
constexpr OpType failed = OpType::fail;

int riven_check(std::vector<const char*> arguments) {
  arguments.insert(arguments.begin(), {"riven", "check"});
  return run_cli(static_cast<int>(arguments.size()), arguments.data(), builtin_registry());
}

using Names = std::set<std::string>;

struct Judged {
  int exit_code = 0;
  Names holds, refuted, undecided;
  std::set<std::pair<std::string, uint64_t>> anomalies;
  Json elle;
};

Judged judged(const Written& file, const std::string& model, const Scratch& scratch) {
  const std::string json = scratch.file("out.json"), elle = scratch.file("elle-out.json");
  Judged out;
  out.exit_code = riven_check({file.path.c_str(), "--model", model.c_str(), "--json", json.c_str(),
                               "--elle-json", elle.c_str(), "--threads", "1", "--quiet"});
  INFO(file.name << " against " << model);
  REQUIRE(out.exit_code <= 2);
  out.elle = *Json::parse(slurp(elle));
  const Json results = *Json::parse(slurp(json));
  CHECK(results["verdict"] == (out.exit_code == 0 ? "valid" : out.exit_code == 1 ? "invalid" : "unknown"));
  const Json& check = results["checks"][0];
  const Json& models = check["details"]["models"];
  for (const Json& name : models["holds"]) out.holds.insert(name.string());
  for (const char* const list : {"refuted", "also_refuted"})
    for (const Json& name : models[list]) out.refuted.insert(name.string());
  for (const Json& one : models["undecided"]) out.undecided.insert(one["model"].string());
  for (const Json& anomaly : check["anomalies"])
    out.anomalies.emplace(anomaly["type"].string(), anomaly["count"].get<uint64_t>());
  return out;
}

const Names kRealTime{"strong-read-uncommitted", "strong-read-committed", "strong-snapshot-isolation",
                      "per-key-linearizable",    "linearizable",          "strict-serializable"};

Names without_real_time(Names names) {
  for (const std::string& name : kRealTime) names.erase(name);
  return names;
}

struct Example {
  const char* anomaly;  // "": none
  const char* model;    // that it refutes
  Txns txns;
};

const Example kRegisters[] = {
    {"",
     "serializable",
     {{0, 0, 1, ok, "w1=1"},
      {1, 2, 5, ok, "r1=1 w2=2"},
      {0, 3, 4, ok, "r1=1 r2=nil"},
      {1, 6, 7, ok, "r2=2"}}},
    {"lost-update",
     "snapshot-isolation",
     {{0, 0, 1, ok, "w1=1"}, {1, 2, 5, ok, "r1=1 w1=2"}, {2, 3, 4, ok, "r1=1 w1=3"}}},
    {"G-single-item",
     "snapshot-isolation",
     {{0, 0, 1, ok, "w1=1 w2=2"}, {1, 2, 5, ok, "r1=1 w1=3 r2=2 w2=4"}, {2, 3, 6, ok, "r1=1 r2=4"}}},
    {"G2-item",
     "serializable",
     {{0, 0, 1, ok, "w1=1 w2=2"},
      {1, 2, 5, ok, "r1=1 r2=2 w1=3"},
      {2, 3, 6, ok, "r1=1 r2=2 w2=4"},
      {0, 7, 8, ok, "r1=3 r2=4"}}},
    {"long-fork",
     "snapshot-isolation",
     {{0, 0, 9, ok, "w1=1"},
      {1, 0, 9, ok, "w2=2"},
      {2, 0, 9, ok, "r1=1 r2=nil"},
      {3, 0, 9, ok, "r1=nil r2=2"}}},
    {"G1a", "read-committed", {{0, 0, 1, failed, "w1=1"}, {1, 2, 3, ok, "r1=1 w2=2"}}},
    {"G1b", "read-committed", {{0, 0, 5, ok, "w1=1 w1=2"}, {1, 2, 3, ok, "r1=1"}}},
    {"G1c", "read-committed", {{0, 0, 5, ok, "r2=2 w1=1"}, {1, 2, 3, ok, "r1=1 w2=2"}}},
    {"internal", "read-atomic", {{0, 0, 1, ok, "w1=1 r1=nil"}, {1, 2, 3, ok, "r1=1"}}},
    {"fractured-read", "read-atomic", {{0, 0, 1, ok, "w1=1 w2=2"}, {1, 2, 3, ok, "r1=1 r2=nil"}}},
    {"G-single-item-process",
     "strong-session-serializable",
     {{0, 0, 1, ok, "w1=1"}, {0, 2, 3, ok, "r1=nil"}, {1, 4, 5, ok, "r1=1"}}},
};

const Example kLists[] = {
    {"",
     "strict-serializable",
     {{0, 0, 1, ok, "a1=1"}, {1, 2, 5, ok, "r1=1 a2=2"}, {0, 3, 4, ok, "r1=1 r2="}, {1, 6, 7, ok, "r2=2"}}},
    {"lost-update",
     "snapshot-isolation",
     {{0, 0, 1, ok, "a1=1"},
      {1, 2, 5, ok, "r1=1 a1=2"},
      {2, 3, 4, ok, "r1=1 a1=3"},
      {0, 7, 8, ok, "r1=1,2,3"}}},
    {"G2-item",
     "serializable",
     {{0, 0, 5, ok, "r1= a2=1"}, {1, 0, 5, ok, "r2= a1=2"}, {2, 6, 7, ok, "r1=2 r2=1"}}},
    {"G0",
     "read-uncommitted",
     {{0, 0, 5, ok, "a1=1 a2=1"}, {1, 0, 5, ok, "a1=2 a2=2"}, {2, 6, 7, ok, "r1=1,2 r2=2,1"}}},
    {"G1a", "read-committed", {{0, 0, 1, failed, "a1=1"}, {1, 2, 3, ok, "r1=1"}}},
    {"G1b", "read-committed", {{0, 0, 5, ok, "a1=1 a1=2"}, {1, 2, 3, ok, "r1=1"}, {1, 6, 7, ok, "r1=1,2"}}},
    {"incompatible-order",
     "read-committed",
     {{0, 0, 1, ok, "a1=1"}, {1, 0, 1, ok, "a1=2"}, {2, 2, 3, ok, "r1=1,2"}, {3, 2, 3, ok, "r1=2,1"}}},
    {"G-single-item-realtime",
     "strict-serializable",
     {{0, 0, 1, ok, "a1=1"}, {1, 2, 3, ok, "r1="}, {2, 4, 5, ok, "r1=1"}}},
};

bool has(const Judged& j, const std::string& anomaly) {
  return anomaly.empty() ? j.anomalies.empty()
                         : std::any_of(j.anomalies.begin(), j.anomalies.end(),
                                       [&](const auto& a) { return a.first == anomaly; });
}

/// Writes all formats that have times, and returns what they all say.
Judged same_in_all(const Example& example, const Scratch& scratch) {
  INFO("'" << example.anomaly << "'");
  std::vector<Judged> all;
  for (const Written& file : write_with_times(example.txns, scratch.file(""))) {
    all.push_back(judged(file, example.model, scratch));
    INFO(file.name);
    CHECK(all.back().exit_code == (example.anomaly[0] == '\0' ? 0 : 1));
    CHECK(has(all.back(), example.anomaly));
    CHECK(all.back().holds == all[0].holds);
    CHECK(all.back().refuted == all[0].refuted);
    CHECK(all.back().undecided == all[0].undecided);
    CHECK(all.back().anomalies == all[0].anomalies);
    CHECK(all.back().elle == all[0].elle);
  }
  REQUIRE(all.size() == 6);
  return all[0];
}

/// What is written to standard error while it lives.
class Complaints {
 public:
  explicit Complaints(const std::string& path) : path_(path), before_(::dup(STDERR_FILENO)) {
    const int file = ::open(path.c_str(), O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600);
    ::dup2(file, STDERR_FILENO);
    ::close(file);
  }
  ~Complaints() { end(); }
  Complaints(const Complaints&) = delete;
  Complaints& operator=(const Complaints&) = delete;
  std::string end() {
    if (before_ >= 0) ::dup2(before_, STDERR_FILENO), ::close(before_);
    before_ = -1;
    return slurp(path_);
  }

 private:
  std::string path_;
  int before_;
};

}  // namespace

TEST_CASE("lists get the same verdict in every format that has lists") {
  for (const Example& example : kLists) {
    const Scratch scratch;
    same_in_all(example, scratch);
  }
}

TEST_CASE("registers get the same verdict in every format, but for real time where a format has none") {
  for (const Example& example : kRegisters) {
    const Scratch scratch;
    const Judged timed = same_in_all(example, scratch);
    INFO("'" << example.anomaly << "'");
    const bool fails =
        std::any_of(example.txns.begin(), example.txns.end(), [](const Txn& t) { return t.type == failed; });
    for (const Written& file : write_by_session(example.txns, scratch.file(""))) {
      if (fails && !file.failures) continue;
      const Judged j = judged(file, example.model, scratch);
      INFO(file.name);
      CHECK(j.exit_code == timed.exit_code);
      CHECK(has(j, example.anomaly));
      CHECK(j.holds == without_real_time(timed.holds));
      CHECK(without_real_time(j.refuted) == without_real_time(timed.refuted));
      CHECK(without_real_time(j.undecided) == without_real_time(timed.undecided));
      // What fails without real time fails with it.
      CHECK((j.refuted.count("strict-serializable") != 0) ==
            (j.holds.count("strong-session-serializable") == 0));
    }
  }
}

TEST_CASE("a format without real time says nothing of it") {
  const Scratch scratch;
  const Example stale{
      "G-single-item-realtime", "strict-serializable", {{0, 0, 1, ok, "w1=1"}, {1, 2, 3, ok, "r1=nil"}}};
  same_in_all(stale, scratch);
  for (const Written& file : write_by_session(stale.txns, scratch.file(""))) {
    const Judged j = judged(file, "serializable", scratch);
    INFO(file.name);
    CHECK(j.exit_code == 0);
    CHECK(j.anomalies.empty());
    CHECK(j.refuted.empty());
    CHECK(j.undecided == kRealTime);
    CHECK(j.elle["anomaly-types"].empty());
    CHECK(j.elle["not"].empty());
    for (const char* const model : {"strict-serializable", "linearizable", "multi-register"}) {
      Complaints complaints(scratch.file("stderr"));
      CHECK(riven_check({file.path.c_str(), "--model", model}) == 64);
      CHECK(says(complaints.end(), {"real time"}));
    }
    Complaints complaints(scratch.file("stderr"));
    CHECK(riven_check({file.path.c_str(), "--checker-opt", "version-orders=linearizable-keys"}) == 64);
    CHECK(says(complaints.end(), {"real time"}));
  }
}

TEST_CASE("a file that is no history is one line and exit code 64") {
  const Scratch scratch;
  const std::string op = R"({"process":0,"type":"invoke","f":"txn","value":[["append",1,1]]})";
  const struct {
    const char* name;
    const char* format;
    std::string bytes;
    std::string says;
  } files[] = {
      {"empty.edn", "auto", "", "empty.edn"},
      {"noise.txt", "auto", "\x01\x02 what is this\n", "noise.txt"},
      {"half.edn", "auto", "{:process 0, :type :invoke, :f :txn, :value [[:append 1 1}\n{:process 1}",
       "half.edn"},
      {"half.jsonl", "auto", op + "\n{\"process\":0,\"type\":\"maybe\"}\n" + op + "\n", "half.jsonl"},
      {"half.json", "auto", "[" + op + ",{\"process\":]", "half.json"},
      {"plume.txt", "auto", "w(1,5,0,10)\nw(1,x,0,10)\nw(2,1,0,11)\n", "plume.txt: line 2"},
      {"awdit.txt", "auto", "w 1 5\nx 2\nw 2 2\n", "awdit.txt: line 2"},
      {"cut.bincode", "dbcop", std::string(60, '\0'), "cut.bincode: byte"},
      {"journal.riven", "auto", "RIVENJNL garbage behind it", "journal.riven"},
      {"other.edn", "cobra", "{}", "other.edn"},
  };
  for (const auto& file : files) {
    const std::string path = scratch.file(file.name);
    spew(path, file.bytes);
    Complaints complaints(scratch.file("stderr"));
    const int exit_code = riven_check({path.c_str(), "--format", file.format, "--model", "serializable"});
    const std::string told = complaints.end();
    INFO(file.name << ": " << told);
    CHECK(exit_code == 64);
    CHECK(std::count(told.begin(), told.end(), '\n') == 1);
    CHECK(told.starts_with("riven: "));
    CHECK(says(told, {file.says}));
  }
}

namespace {

/// The exit code of `riven check` for operations of one process, each invoked with a value and answered with
/// another.
int judged_as(const Scratch& scratch, const std::vector<std::pair<std::string, std::string>>& values,
              std::vector<const char*> options, const char* f = "txn") {
  std::string text;
  for (const auto& [invoked, answered] : values) {
    const std::string head = std::string("{:process 0, :f :") + f + ", :type ";
    text += head + ":invoke, :value " + invoked + "}\n" + head + ":ok, :value " + answered + "}\n";
  }
  const std::string path = scratch.file("h.edn");
  spew(path, text);
  options.insert(options.begin(), path.c_str());
  return riven_check(options);
}

}  // namespace

TEST_CASE("operations that a model of transactions does not know are exit code 64, as with the others") {
  const Scratch scratch;
  CHECK(judged_as(scratch, {{"[[:frob :x 1]]", "[[:frob :x 1]]"}}, {"--model", "serializable"}) == 64);
  CHECK(judged_as(scratch, {{"1", "1"}}, {"--model", "serializable"}, "write") == 64);
  CHECK(judged_as(scratch, {{"[[:w :x 1]]", "[[:w :x 1]]"}}, {"--workload", "append"}) == 64);
  CHECK(judged_as(scratch, {{"[[:append :x 1]]", "[[:append :x 1]]"}}, {"--workload", "wr"}) == 64);
  // A set that was read does not tell the order of the appends.
  CHECK(judged_as(scratch, {{"[[:append :x 1]]", "[[:append :x 1]]"}, {"[[:r :x nil]]", "[[:r :x #{1}]]"}},
                  {"--model", "serializable"}) == 64);
  CHECK(judged_as(scratch, {{"[[:append :x 1]]", "[[:append :x 1]]"}, {"[[:r :x nil]]", "[[:r :x [1]]]"}},
                  {"--model", "serializable"}) == 0);
}

TEST_CASE("an option that does not go with the transactions is refused") {
  const Scratch scratch;
  const std::vector<std::pair<std::string, std::string>> appends{{"[[:append :x 1]]", "[[:append :x 1]]"}};
  const std::vector<std::pair<std::string, std::string>> writes{{"[[:w :x 1]]", "[[:w :x 1]]"}};
  Complaints complaints(scratch.file("stderr"));
  CHECK(judged_as(scratch, writes, {"--workload", "wr", "--checker-opt", "workload=append"}) == 64);
  CHECK(says(complaints.end(), {"--workload wr contradicts --checker-opt workload=append"}));
  CHECK(judged_as(scratch, writes, {"--workload", "wr", "--checker-opt", "workload=rw-register"}) == 0);
  CHECK(judged_as(scratch, appends, {"--workload", "append", "--checker-opt", "workload=auto"}) == 0);
  CHECK(judged_as(scratch, appends, {"--workload", "append", "--checker-opt", "version-orders=wfr"}) == 64);
  CHECK(judged_as(scratch, appends, {"--checker-opt", "version-orders=wfr"}) == 64);
  CHECK(judged_as(scratch, writes, {"--checker-opt", "version-orders=wfr"}) == 0);
  // What the caller says of the order of versions counts for rmw as it does for wr.
  const std::vector<std::pair<std::string, std::string>> stale{
      {"[[:w :x 1]]", "[[:w :x 1]]"},
      {"[[:w :x 2]]", "[[:w :x 2]]"},
      {"[[:r :x nil] [:w :y 1]]", "[[:r :x 1] [:w :y 1]]"}};
  for (const char* const workload : {"wr", "rmw"}) {
    const auto judged = [&](const char* orders) {
      return judged_as(scratch, stale,
                       {"--workload", workload, "--model", "serializable", "--checker-opt", orders});
    };
    CHECK(judged("version-orders=initial") == 0);
    CHECK(judged("version-orders=initial,linearizable-keys") == 1);
  }
}

TEST_CASE("a read that names its key is refused where other operations name none") {
  const Scratch scratch;
  const auto judged = [&](const std::string& other, const char* per_key) {
    const std::string path = scratch.file("k.edn");
    spew(path,
         "{:process 0, :type :invoke, :f :read, :value [:a nil]}\n"
         "{:process 0, :type :ok, :f :read, :value [:a nil]}\n" +
             other);
    return riven_check({path.c_str(), "--model", "cas-register", per_key});
  };
  // Its key, what it expects and what it writes: Riven takes [key [from to]].
  const std::string flat =
      "{:process 0, :type :invoke, :f :write, :value [:a 1]}\n{:process 0, :type :ok, :f :write, :value [:a "
      "1]}\n"
      "{:process 1, :type :invoke, :f :write, :value [:b 2]}\n{:process 1, :type :ok, :f :write, :value [:b "
      "2]}\n"
      "{:process 0, :type :invoke, :f :read, :value [:a nil]}\n{:process 0, :type :ok, :f :read, :value [:a "
      "1]}\n"
      "{:process 0, :type :invoke, :f :cas, :value [:a 5 6]}\n{:process 0, :type :fail, :f :cas, :value [:a "
      "5 6]}\n";
  CHECK(judged(flat, "--per-key=auto") == 64);
  CHECK(judged(flat.substr(0, flat.find("{:process 0, :type :invoke, :f :cas")), "--per-key=auto") == 0);
  const std::string bare =
      "{:process 1, :type :invoke, :f :write, :value 2}\n{:process 1, :type :ok, :f :write, :value 2}\n";
  CHECK(judged(bare, "--per-key=auto") == 64);
  CHECK(judged(bare, "--per-key=no") == 1);
}
