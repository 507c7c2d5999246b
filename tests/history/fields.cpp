// The fields of operations in the text formats, and what says which operation came first.
#include "harness/history/writer.h"
#include "tests/history/reading.h"
#include "tests/history/scratch.h"

using namespace riven;
using namespace riven::test;

TEST_CASE("times and indices may be missing") {
  const ReadHistory none = read("{:process 0 :type :invoke :f :r}\n{:process 1 :type :invoke :f :r}\n");
  CHECK(none.history.time_ns(1) == 1);
  CHECK(none.history.source_index(1) == 1);
  const ReadHistory some =
      read("{:process 0 :type :invoke :f :r :time 77}\n{:process 1 :type :invoke :f :r}\n");
  CHECK(some.history.time_ns(1) == 77);
}

namespace {

/// Two clients' logs, one after another. At time 20 both act.
const std::string kTwoLogs = R"({"time":10,"process":0,"type":"invoke","f":"w","value":1}
{"time":20,"process":0,"type":"ok","f":"w","value":1}
{"time":5,"process":1,"type":"invoke","f":"w","value":2}
{"time":7,"process":1,"type":"ok","f":"w","value":2}
{"time":20,"process":1,"type":"invoke","f":"r","value":null}
{"time":20,"process":1,"type":"ok","f":"r","value":2}
{"time":20,"process":1,"type":"invoke","f":"r","value":null}
{"time":21,"process":1,"type":"ok","f":"r","value":1}
)";

std::vector<uint32_t> lines_of(const History& h) {
  std::vector<uint32_t> lines;
  for (size_t i = 0; i < h.size(); ++i) lines.push_back(h.source_line(i).value());
  return lines;
}

const ReadOptions kByTime{.order = EventOrder::time};

}  // namespace

TEST_CASE("the order of the lines is the order of events, whatever their times") {
  const ReadHistory log = read(kTwoLogs);
  CHECK(lines_of(log.history) == std::vector<uint32_t>{1, 2, 3, 4, 5, 6, 7, 8});
  REQUIRE(log.warnings.size() == 1);
  CHECK(says(log.warnings[0], {"line 3", "earlier", "--order time"}));

  const ReadHistory edn = read(
      "{:process 0 :time 100 :type :invoke :f :write :value 1}\n{:process 0 :time 95 :type :ok :f :write "
      ":value 1}\n"
      "{:process 1 :time 97 :type :invoke :f :read}\n{:process 1 :time 120 :type :ok :f :read :value 1}\n");
  CHECK(edn.history.pair(0) == 1);
  CHECK(edn.history.time_ns(1) == 95);

  std::string indexed = kTwoLogs;
  for (size_t at = 0, index = 0; (at = indexed.find("{\"time\"", at)) != std::string::npos; at += 3)
    indexed.insert(at + 1, "\"index\":" + std::to_string(index++) + ",");
  const ReadHistory kept = read(indexed);
  CHECK(kept.warnings.empty());
  CHECK(lines_of(kept.history) == std::vector<uint32_t>{1, 2, 3, 4, 5, 6, 7, 8});
}

TEST_CASE("the order of the times counts where it is asked for; at one time events are concurrent") {
  const ReadHistory log = read(kTwoLogs, kByTime);
  CHECK(lines_of(log.history) == std::vector<uint32_t>{3, 4, 1, 5, 6, 7, 2, 8});
  CHECK(log.history.pair(2) == 6);
  CHECK(log.history.source_index(0) == 2);
  REQUIRE(log.warnings.size() == 1);
  CHECK(says(log.warnings[0], {"order of their times", "4 events", "concurrent"}));

  // One process's completion stands before its invocation, and the times put that right.
  const std::string crossed =
      "{:process 0 :time 9 :type :ok :f :r}\n{:process 0 :time 3 :type :invoke :f :r}\n";
  CHECK(read(crossed, kByTime).history.pair(0) == 1);
  CHECK(says(error_of(crossed), {"line 1", "completion without an invocation", "--order time"}));
  // Where they do not, the line is named.
  CHECK(says(
      error_of("{:process 0 :time 3 :type :ok :f :r}\n{:process 0 :time 9 :type :invoke :f :r}\n", kByTime),
      {"line 1", "completion without an invocation"}));
  CHECK(says(error_of("{:process 0 :time 3 :type :invoke :f :r}\n{:process 0 :time 2 :type :invoke :f :r}\n"),
             {"line 2", "still open", "--order time"}));
}

TEST_CASE("the order of the times is refused where there are none") {
  const std::string some = "{:process 0 :time 3 :type :invoke :f :r}\n{:process 1 :type :invoke :f :r}\n";
  CHECK(says(error_of(some, kByTime), {"line 2", "without a time"}));
  CHECK(says(error_of("{:process 0 :type :invoke :f :r}\n", kByTime), {"no times"}));
  CHECK(says(error_of("0 :invoke :write 1\n", kByTime), {"no times"}));
  CHECK(says(error_of("w(1,5,0,10)\n", kByTime), {"no times"}));
  CHECK(read(some).history.has_times());
  CHECK(!parse_event_order("times"));
}

TEST_CASE("a process, a type and a function are the same in EDN and in JSON, or wrong in both") {
  const auto both = [](const std::string& process, const std::string& type, const std::string& f) {
    const auto edn = read_history_bytes("{:process " + process + " :type " + type + " :f " + f + "}\n", "h",
                                        {.format = Format::edn});
    const auto json = read_history_bytes(R"({"process":)" + (process == "nil" ? "null" : process) +
                                             R"(,"type":)" + type + R"(,"f":)" + f + "}\n",
                                         "h", {.format = Format::jsonl});
    INFO(process << " " << type << " " << f);
    REQUIRE(edn.has_value() == json.has_value());
    if (!edn) return edn.error().message + json.error().message;
    CHECK(edn->history.op(0).process == json->history.op(0).process);
    return std::to_string(edn->history.process(0)) + " " + std::string(to_text(edn->history.type(0))) + " " +
           std::string(edn->history.f(0).text()) + " " + std::string(json->history.f(0).text());
  };
  CHECK(both("7", "\"Invoke\"", "\":write\"") == "7 invoke write write");
  CHECK(both("7.0", "\":INVOKE\"", "\"write\"") == "7 invoke write write");
  CHECK(both("\"nemesis\"", "\"Info\"", "\"start\"") == "-1 info start start");
  for (const char* process : {"nil", "true", "-1", "1.5", "99999999999", "[1]"}) {
    const std::string told = both(process, "\"invoke\"", "\"r\"");
    CHECK(says(told, {"line 1: the process ", "clients count from 0"}));
    CHECK(says(told, {"the process " + std::string(process)}));
  }
  CHECK(says(both("1", "\"gone\"", "\"r\""), {"the type gone is none of invoke, ok, fail, info"}));
  CHECK(says(both("1", "5", "\"r\""), {"the type 5 is none"}));
}

TEST_CASE("numbers of fields are whole, in whatever notation, and wrong ones are named with their field") {
  CHECK(read("{:process 1N :type :invoke :f :r :time 12.0 :index 4}\n").history.time_ns(0) == 12);
  CHECK(read("{\"process\":1,\"type\":\"invoke\",\"f\":\"r\",\"time\":1.2e3,\"index\":4.0}\n")
            .history.time_ns(0) == 1200);
  CHECK(says(error_of("{:process 1 :type :invoke :f :r :time 1.5}\n"),
             {"line 1: the time 1.5 is no whole number"}));
  CHECK(says(error_of("{:process 1 :type :invoke :f :r :index \"x\"}\n"), {"line 1: the index \"x\" is no"}));
  CHECK(says(error_of("{\"process\":1,\"type\":\"invoke\",\"f\":\"r\",\"time\":\"2020-01-01\"}\n"),
             {"line 1: the time \"2020-01-01\" is no whole number", "nanoseconds"}));
  CHECK(says(error_of("{\"process\":1,\"type\":\"invoke\",\"f\":\"r\",\"index\":99999999999999999999}\n"),
             {"the index 99999999999999999999 is no whole number of 64 bits"}));
}

TEST_CASE("EDN: a process may be left out by all operations, not by some") {
  CHECK(says(error_of("{:process 1 :type :invoke :f :r}\n{:type :invoke :f :r}\n"),
             {"line 2", "without process", "line 1"}));
  CHECK(says(error_of("{:process 1 :type :invoke}\n{:process 2 :type :invoke :f :r}\n"),
             {"line 1", "without f"}));
}

TEST_CASE("a history without times has none when it is written and read again") {
  const ReadHistory h = read("{:process 0 :type :invoke :f :r}\n{:process 1 :type :invoke :f :r}\n");
  CHECK(!h.history.has_times());
  const Scratch scratch;
  for (const char* name : {"a.edn", "a.jsonl"}) {
    REQUIRE(export_history(h.history, scratch.file(name)));
    CHECK(slurp(scratch.file(name)).find("time") == std::string::npos);
    CHECK(!read_history(scratch.file(name))->history.has_times());
  }
}

namespace {
std::vector<std::string> values_of(const History& h) {
  std::vector<std::string> values;
  for (size_t i = 0; i < h.size(); ++i) values.push_back(to_edn(h.op(i).value));
  return values;
}
}  // namespace

TEST_CASE("a field key makes the value a [key value] pair, wherever it stands") {
  const std::vector<std::string> pairs = {"[\"x\" 1]", "[\"y\" nil]"};
  for (const char* text : {"{\"process\":0,\"type\":\"invoke\",\"f\":\"w\",\"value\":1,\"key\":\"x\"}\n"
                           "{\"key\":\"y\",\"process\":1,\"type\":\"invoke\",\"f\":\"r\"}\n",
                           "[{\"k\":\"x\",\"process\":0,\"type\":\"invoke\",\"f\":\"w\",\"value\":1},\n"
                           "{\"process\":1,\"type\":\"invoke\",\"f\":\"r\",\"value\":null,\"K\":\"y\"}]\n",
                           "{:process 0 :type :invoke :f :w :value 1 :key \"x\"}\n{:k \"y\" :process 1 :type "
                           ":invoke :f :r}\n"}) {
    INFO(text);
    const ReadHistory h = read(text);
    CHECK(values_of(h.history) == pairs);
    CHECK(h.metadata.value("keyed", false));
    CHECK(h.history.source_line(1) == 2);
    CHECK(h.warnings.empty());
  }
  const ReadHistory faults = read(
      "{:process 0 :type :invoke :f :w :value [1 2] :key :x}\n{:process :nemesis :type :info :f :kill :value "
      "3}\n");
  CHECK(values_of(faults.history) == std::vector<std::string>{"[:x [1 2]]", "3"});
  CHECK_FALSE(read("{:process 0 :type :invoke :f :w :value 1}\n").metadata.value("keyed", false));
}

TEST_CASE("all operations of clients have a key, or none has, or the line is named") {
  CHECK(says(
      error_of("{:process 0 :type :invoke :f :w :value 1 :key 1}\n{:process 0 :type :ok :f :w :value 1}\n"),
      {"line 2", "without key", "line 1"}));
  CHECK(says(error_of("{:process 0 :type :invoke :f :w :value 1 :key 1 :k 2}\n"), {"line 1", "two keys"}));
  CHECK(says(error_of("{\"process\":0,\"type\":\"invoke\",\"f\":\"w\",\"key\":1,\"key\":2}\n"),
             {"line 1", "two keys"}));
}

TEST_CASE("a field that may change what an operation means is refused by name") {
  for (const char* field : {"table", "register", "Session", "txn_id", "result", "keys"}) {
    const std::string edn =
        std::string("{:process 0 :type :invoke :f :w :value 1}\n{:process 0 :type :ok :f :w :") + field +
        " 7 :value 1}\n";
    CHECK(says(error_of(edn), {"line 2", field, "--ignore-field"}));
    CHECK(read(edn, {.ignored_fields = {field}}).warnings.empty());
  }
  for (const char* field : {"shard", "register", "ts", "op"}) {
    const std::string json = std::string("{\"process\":0,\"type\":\"invoke\",\"f\":\"w\",\"") + field +
                             "\":{\"a\":[1]},\"value\":1}\n";
    CHECK(says(error_of(json), {"line 1", field, "--ignore-field"}));
    CHECK(says(error_of("[" + json + "]"), {"line 1", field, "--ignore-field"}));
    CHECK(read(json, {.ignored_fields = {field}}).history.op(0).value == Value(1));
  }
  CHECK(values_of(read("{:process 0 :type :invoke :f :w :value 1 :key 2}\n", {.ignored_fields = {"key"}})
                      .history) == std::vector<std::string>{"1"});
}

TEST_CASE("fields that say who, where and how long are passed over, and so are those of faults") {
  CHECK(read("{\"process\":0,\"type\":\"invoke\",\"f\":\"w\",\"node\":\"n1\",\"latency\":7,\"op_index\":3,"
             "\"op_id\":8,"
             "\"exception\":{}}\n{\"process\":\"nemesis\",\"type\":\"info\",\"f\":\"kill\",\"table\":1}\n")
            .warnings.empty());
  const ReadHistory couchbase = read(
      "{:process 0 :type :invoke :f :w :value 1 :durability-level 2 :cas 1}\n"
      "{:process 1 :type :invoke :f :w :value 1 :cas 9 :node 3}\n");
  REQUIRE(couchbase.warnings.size() == 1);
  CHECK(says(couchbase.warnings[0], {"passed over: durability-level, cas"}));
}
