// `riven check` by its command line: the order of events, equal values and names in any case of letters.
#include "harness/app/builtin.h"
#include "harness/app/cli.h"
#include "harness/core/json.h"
#include "tests/catch.h"
#include "tests/history/scratch.h"

using namespace riven;
using namespace riven::test;

namespace {

const Scratch& scratch() {
  static const Scratch kScratch;
  return kScratch;
}

int check(const std::string& name, const std::string& text, std::vector<const char*> options) {
  const std::string path = scratch().file(name);
  const std::string json = scratch().file("out.json");
  spew(path, text);
  std::vector<const char*> arguments = {"riven",     "check", path.c_str(), "--quiet",
                                        "--threads", "1",     "--json",     json.c_str()};
  arguments.insert(arguments.end(), options.begin(), options.end());
  return run_cli(static_cast<int>(arguments.size()), arguments.data(), builtin_registry());
}

Json results() { return *Json::parse(slurp(scratch().file("out.json"))); }

}  // namespace

TEST_CASE("check --order: the lines say what came first, or the times where that is asked for") {
  // The log of a reader behind that of a writer; by their times the read came first.
  const std::string logs =
      "{:process 0 :time 100 :type :invoke :f :write :value 1}\n{:process 0 :time 110 :type :ok :f :write "
      ":value 1}\n"
      "{:process 1 :time 90 :type :invoke :f :read :value nil}\n{:process 1 :time 95 :type :ok :f :read "
      ":value nil}\n";
  CHECK(check("logs.edn", logs, {"--model", "register"}) == 1);
  CHECK(check("logs.edn", logs, {"--model", "register", "--order", "file"}) == 1);
  CHECK(check("logs.edn", logs, {"--model", "register", "--order", "time"}) == 0);
  CHECK(check("logs.edn", logs, {"--model", "register", "--order", "index"}) == 64);
  // A clock that steps back within an operation is nobody's fault.
  CHECK(check("back.edn",
              "{:process 0 :time 100 :type :invoke :f :write :value 1}\n{:process 0 :time 95 :type :ok :f "
              ":write :value 1}\n"
              "{:process 1 :time 97 :type :invoke :f :read :value nil}\n{:process 1 :time 120 :type :ok :f "
              ":read :value 1}\n",
              {"--model", "register"}) == 0);
}

TEST_CASE("check: functions and types in any case of letters") {
  const std::string text =
      R"({"process":0,"type":"Invoke","f":"Write","value":1}
{"process":0,"type":"OK","f":"Write","value":1}
{"process":1,"type":":invoke","f":":READ","value":null}
{"process":1,"type":"ok","f":":READ","value":2}
)";
  CHECK(check("case.jsonl", text, {"--model", "register"}) == 1);
  CHECK(check("txn.edn",
              "{:process 0 :type :Invoke :f :Txn :value [[:w 1 1]]}\n{:process 0 :type :OK :f :Txn :value "
              "[[:w 1 1]]}\n",
              {"--model", "serializable"}) == 0);
}

TEST_CASE("check: the initial value 0 of Plume's format may be written, too") {
  CHECK(check("zero.txt", "w(4,0,0,0)\nw(5,0,0,0)\nr(5,0,0,0)\nr(4,0,1,1)\nw(4,3,1,1)\nr(4,3,2,2)\n",
              {"--format", "plume", "--model", "serializable"}) == 0);
  CHECK(results()["verdict"] == "valid");
  // Nobody writes 0 after 3, and session 1 reads 3 and then 0.
  CHECK(check("back.txt", "w(4,3,0,0)\nr(4,3,1,1)\nr(4,0,1,2)\n",
              {"--format", "plume", "--model", "strong-session-serializable"}) == 1);
  // Somebody does: that may be what it read.
  CHECK(check("again.txt", "w(4,3,0,0)\nr(4,3,1,1)\nr(4,0,1,2)\nw(4,0,2,3)\n",
              {"--format", "plume", "--model", "strong-session-serializable"}) == 0);
}

TEST_CASE("check: a set that was read may be a set or a list") {
  for (const char* read : {"#{2 1}", "[1 2]", "[2 1]"})
    CHECK(
        check("set.edn",
              std::string(
                  "{:process 0 :type :invoke :f :add :value 1}\n{:process 0 :type :ok :f :add :value 1}\n"
                  "{:process 0 :type :invoke :f :add :value 2}\n{:process 0 :type :ok :f :add :value 2}\n"
                  "{:process 0 :type :invoke :f :read :value nil}\n{:process 0 :type :ok :f :read :value ") +
                  read + "}\n",
              {"--model", "set"}) == 0);
  // A set has no order, which a list of appends needs: refused, not guessed.
  CHECK(check("append.edn",
              "{:process 0 :type :invoke :f :txn :value [[:append 1 2] [:append 1 1]]}\n"
              "{:process 0 :type :ok :f :txn :value [[:append 1 2] [:append 1 1]]}\n"
              "{:process 0 :type :invoke :f :txn :value [[:r 1 nil]]}\n"
              "{:process 0 :type :ok :f :txn :value [[:r 1 #{2 1}]]}\n",
              {"--workload", "append", "--model", "serializable"}) != 1);
}

namespace {

/// Two registers: the one is written after the other, which is then read as it was.
std::string two_registers(const std::string& read) {
  return R"({"process":0,"type":"invoke","f":"write","value":1,"key":"x"}
{"process":0,"type":"ok","f":"write","value":1,"key":"x"}
{"process":0,"type":"invoke","f":"write","value":2,"key":"y"}
{"process":0,"type":"ok","f":"write","value":2,"key":"y"}
{"process":1,"type":"invoke","f":"read","value":null,"key":"x"}
{"process":1,"type":"ok","f":"read","value":)" +
         read + ",\"key\":\"x\"}\n";
}

}  // namespace

TEST_CASE("check: a field key tells registers apart") {
  using Options = std::vector<const char*>;
  for (const Options& options :
       {Options{}, Options{"--model", "register"}, Options{"--model", "cas-register"},
        Options{"--workload", "register"}, Options{"--model", "kv"}}) {
    CHECK(check("keys.jsonl", two_registers("1"), options) == 0);
    CHECK(check("keys.jsonl", two_registers("2"), options) == 1);
  }
  CHECK(check("keys.jsonl", two_registers("1"), {"--model", "register", "--per-key=no"}) == 64);
  CHECK(check("keys.jsonl", two_registers("1"), {"--model", "serializable"}) == 64);
  CHECK(check("keys.jsonl", two_registers("2"), {"--model", "register", "--ignore-field", "key"}) == 0);
}

TEST_CASE("check: what may name a key where none is expected is refused") {
  const auto edn = [](const std::string& f, const std::string& asked, const std::string& answer) {
    return "{:process 1 :type :invoke :f " + f + " :value " + asked + "}\n{:process 1 :type :ok :f " + f +
           " :value " + answer + "}\n";
  };
  const std::string write = edn(":write", "1", "1");
  CHECK(check("read.edn", write + edn(":read", "\"x\"", "2"), {"--model", "register"}) == 64);
  CHECK(check("read.edn", write + edn(":read", "1", "1"), {"--model", "register"}) == 0);
  CHECK(check("counter.edn", edn(":add", "1", "1") + edn(":read", "\"hits\"", "0"), {"--model", "counter"}) ==
        64);
  CHECK(check("queue.edn", edn(":enqueue", "1", "1") + edn(":dequeue", "\"q2\"", "nil"),
              {"--model", "fifo-queue"}) == 64);
  CHECK(check("locks.edn", edn(":acquire", "\"a\"", "\"a\"") + edn(":acquire", "\"b\"", "\"b\""),
              {"--model", "mutex"}) == 64);
  CHECK(check("lock.edn", edn(":acquire", "\"a\"", "\"a\"") + edn(":release", "\"a\"", "\"a\""),
              {"--model", "mutex"}) == 0);
  const std::string maps = edn(":write", "{:key 1 :value 1}", "nil") +
                           edn(":write", "{:key 2 :value 2}", "nil") +
                           edn(":read", "nil", "{:key 1 :value 1}");
  CHECK(check("maps.edn", maps, {"--model", "register"}) == 64);
  CHECK(check("maps.edn", maps, {"--model", "register", "--per-key=no"}) == 1);
}

TEST_CASE("check: a counter that answers nil has counted nothing yet") {
  const auto counter = [](const std::string& read) {
    return "{:process 0 :type :invoke :f :read :value [1 nil]}\n{:process 0 :type :ok :f :read :value [1 " +
           read +
           "]}\n{:process 0 :type :invoke :f :add :value [1 5]}\n{:process 0 :type :ok :f :add :value [1 "
           "5]}\n"
           "{:process 0 :type :invoke :f :read :value [1 nil]}\n{:process 0 :type :ok :f :read :value [1 "
           "5]}\n";
  };
  CHECK(check("counter.edn", counter("nil"), {"--model", "counter"}) == 0);
  CHECK(check("counter.edn", counter("nil"), {}) == 0);
  CHECK(check("counter.edn", counter("5"), {"--model", "counter"}) == 1);
  CHECK(check("counter.edn", counter("nil"), {"--model", "counter", "--checker-opt", "initial=5"}) == 64);
  CHECK(check("later.edn",
              "{:process 0 :type :invoke :f :add :value 5}\n{:process 0 :type :ok :f :add :value 5}\n"
              "{:process 0 :type :invoke :f :read :value nil}\n{:process 0 :type :ok :f :read :value nil}\n",
              {"--model", "counter"}) == 1);
}
