// What a history is where nobody says: judged only where the shape of its operations leaves no doubt.
#include "harness/app/guess.h"

#include "harness/app/builtin.h"
#include "harness/app/cli.h"
#include "harness/core/json.h"
#include "harness/history/reader.h"
#include "tests/catch.h"
#include "tests/history/scratch.h"

using namespace riven;
using namespace riven::test;

namespace {

int riven_check(std::vector<std::string> arguments) {
  std::vector<const char*> words{"riven", "check"};
  for (const std::string& argument : arguments) words.push_back(argument.c_str());
  return run_cli(static_cast<int>(words.size()), words.data(), builtin_registry());
}

/// One operation of process 0 a line, "F ARGUMENT -> ANSWER" in EDN, as a history.
std::string edn_of(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) {
    const size_t space = line.find(' ');
    const size_t arrow = line.find(" -> ");
    const std::string f = line.substr(0, space);
    for (const bool done : {false, true}) {
      text += "{:process 0, :type " + std::string(done ? ":ok" : ":invoke") + ", :f :" + f + ", :value " +
              (done ? line.substr(arrow + 4) : line.substr(space + 1, arrow - space - 1)) + "}\n";
    }
  }
  return text;
}

Guess guess(const std::vector<std::string>& lines) {
  auto read = read_history_bytes(edn_of(lines), "history", {.format = Format::edn});
  REQUIRE(read);
  return guess_model(read->history);
}

struct Case {
  std::vector<std::string> lines;
  const char* model;  // "" where it has to be asked
  bool sure = false;
};

const std::vector<Case>& cases() {
  static const std::vector<Case> all = {
      // Registers are what they write.
      {{"write 1 -> 1", "read nil -> 1", "cas [1 2] -> [1 2]"}, "cas-register", true},
      {{"write \"a\" -> \"a\"", "read nil -> nil"}, "cas-register", true},
      {{"write [:x 1] -> [:x 1]", "read [:x nil] -> [:x 1]", "cas [:x [1 2]] -> [:x [1 2]]"},
       "cas-register",
       true},
      {{"write 1 -> 1", "read 1 -> 1"}, "cas-register", true},
      {{"read nil -> nil"}, "cas-register"},
      {{"write [1 2] -> [1 2]", "read nil -> [1 2]"}, "cas-register"},
      {{"put 1 -> 1", "get nil -> 1"}, "cas-register"},
      // Long-fork, comments, sequential, bank, monotonic, causal and other registers that are none.
      {{"write [[:w 4 1]] -> [[:w 4 1]]", "read [[:r 4 nil] [:r 5 nil]] -> [[:r 4 1] [:r 5 nil]]"}, ""},
      {{"write 425 -> 425", "read nil -> #{425 430}"}, ""},
      {{"write 1 -> 1", "read nil -> [1 1 1]"}, ""},
      {{"write [0 425] -> [0 425]", "read [0 nil] -> [0 #{425}]"}, ""},
      {{"write 0 -> 0", "read 0 -> [0 [\"0_1\" nil]]"}, ""},
      {{"read nil -> {0 10, 1 10}", "transfer {:from 0, :to 1, :amount 2} -> {:from 0, :to 1, :amount 2}"},
       ""},
      {{"read nil -> {0 10, 1 10}"}, "multi-register"},
      {{"write {:x 1} -> {:x 1}", "read nil -> {:x 1}"}, "multi-register"},
      {{"write 1 -> 1", "read nil -> {:x 1}"}, ""},
      {{"write 1 -> 1", "read nil -> \"one\""}, ""},
      {{"add nil -> {:val 1, :sts 12.5}", "read nil -> [{:val 1, :sts 12.5}]"}, ""},
      {{"read-init nil -> 0", "write 1 -> 1", "read nil -> 1"}, ""},
      {{"cas 7 -> 7", "write 1 -> 1"}, ""},
      {{"read 3 -> 4", "write 4 -> 4"}, ""},
      // Counters and sets share their functions.
      {{"add 1 -> 1", "read nil -> 1"}, "counter"},
      {{"add 1 -> 1", "read nil -> [1]"}, "set"},
      {{"add 1 -> 1", "read nil -> #{1}"}, "set"},
      {{"add 1 -> 1"}, ""},
      {{"add 1 -> 1", "read nil -> nil"}, ""},
      {{"add 1 -> 1", "remove 1 -> true", "contains 1 -> false"}, "set"},
      {{"inc nil -> nil", "read nil -> 1"}, "counter"},
      {{"add [0 1] -> [0 1]", "read [0 nil] -> [0 [1]]"}, "set"},
      {{"add [0 1] -> [0 1]", "read [0 nil] -> [0 1]"}, "counter"},
      // Locks, queues and the like: several models fit.
      {{"acquire nil -> nil", "release nil -> nil"}, "mutex"},
      {{"lock nil -> nil", "unlock nil -> nil"}, "mutex"},
      {{"try-lock nil -> true", "unlock nil -> true"}, "mutex"},
      {{"enqueue 1 -> 1", "dequeue nil -> 1"}, "fifo-queue"},
      {{"enqueue 1 -> 1", "dequeue nil -> 1", "drain nil -> []"}, "fifo-queue"},
      {{"push 1 -> 1", "pop nil -> 1"}, "stack"},
      {{"insert 1 -> 1", "delete-max nil -> 1"}, "priority-queue"},
      {{"add 1 -> 1", "poll nil -> 1"}, ""},
      {{"send 1 -> 1", "receive nil -> 1"}, ""},
      // Maps.
      {{"put [:x \"a\"] -> [:x \"a\"]", "append [:x \"b\"] -> [:x \"b\"]", "get [:x nil] -> [:x \"ab\"]"},
       "kv",
       true},
      {{"put [:x 1] -> [:x 1]", "get [:x nil] -> [:x 1]"}, "kv", true},
      {{"put [:x 1] -> [:x 1]", "get :x -> 1"}, ""},
      {{"put {:key 1, :value 2} -> nil", "get 1 -> 2"}, ""},
      {{"append [:x [1 2]] -> [:x [1 2]]", "get [:x nil] -> [:x {:a 1}]"}, ""},
      // Transactions are told by their micro-operations.
      {{"txn [[:append :x 1] [:r :x nil]] -> [[:append :x 1] [:r :x [1]]]"}, "strict-serializable", true},
      {{"txn [[:w :x 1]] -> [[:w :x 1]]", "txn [[:r :x nil]] -> [[:r :x 1]]"}, "strict-serializable", true},
      {{"txn [[:inc :x 1]] -> [[:inc :x 1]]"}, "strict-serializable", true},
      {{"txn [[:w :x 1]] -> [[:w :x 1]]", "read nil -> {:x 1}"}, ""},
      {{"txn [[:transfer 1 2 3]] -> [[:transfer 1 2 3]]"}, "multi-register"},
      {{"fly 1 -> 1"}, ""},
  };
  return all;
}

}  // namespace

TEST_CASE("a model is guessed by functions and values") {
  for (const Case& c : cases()) {
    const Guess made = guess(c.lines);
    CAPTURE(c.lines, made.question);
    CHECK(made.model == c.model);
    CHECK((made.sureness == Guess::Sureness::sure) == c.sure);
    CHECK((made.sureness == Guess::Sureness::open) == made.model.empty());
    CHECK(made.question.empty() == c.sure);
    if (c.sure) continue;
    CHECK((made.question.find("--model") != std::string::npos ||
           made.question.find("bank") != std::string::npos));
    CHECK(made.question.find('\n') == std::string::npos);
  }
}

TEST_CASE("a question names the models that fit") {
  CHECK(guess({"enqueue 1 -> 1", "dequeue nil -> 1"}).question ==
        "the operations (enqueue and dequeue) fit fifo-queue, unordered-queue, priority-queue or stack: say "
        "which "
        "with --model");
  const std::string locks = guess({"lock nil -> nil"}).question;
  for (const char* const lock : {"mutex", "owner-mutex", "reentrant-mutex", "fenced-mutex", "semaphore"})
    CHECK(locks.find(lock) != std::string::npos);
  CHECK(guess({"add 1 -> 1"}).question.find("set") != std::string::npos);
  CHECK(guess({"add 1 -> 1"}).question.find("counter") != std::string::npos);
  CHECK(guess({"transfer nil -> nil", "read nil -> {0 1}"}).question.find("bank") != std::string::npos);
}

TEST_CASE("what is not sure is never invalid, and whatever was guessed is told") {
  const Scratch scratch;
  const std::string file = scratch.file("history.edn"), json = scratch.file("out.json");
  const auto exit_code = [&](const std::vector<std::string>& lines, std::vector<std::string> more = {}) {
    spew(file, edn_of(lines));
    more.insert(more.begin(), {file, "--json", json, "--quiet"});
    return riven_check(more);
  };
  const auto guessed = [&] { return Json::parse(slurp(json)).value_or(Json())["guessed"]; };
  // Sure: judged either way.
  CHECK(exit_code({"write 1 -> 1", "read nil -> 1"}) == 0);
  CHECK(guessed() == "cas-register");
  CHECK(exit_code({"write 1 -> 1", "read nil -> 2"}) == 1);
  CHECK(guessed() == "cas-register");
  CHECK(exit_code({"write 1 -> 1", "read nil -> 2"}, {"--model", "register"}) == 1);
  CHECK(guessed().is_null());
  // Tentative: what holds holds.
  const std::vector<std::vector<std::string>> good = {{"lock nil -> nil", "unlock nil -> nil"},
                                                      {"enqueue 1 -> 1", "dequeue nil -> 1"},
                                                      {"add 1 -> 1", "add 2 -> 2", "read nil -> 3"},
                                                      {"add 1 -> 1", "read nil -> [1]"},
                                                      {"push 1 -> 1", "push 2 -> 2", "pop nil -> 2"}};
  for (const auto& lines : good) CHECK(exit_code(lines) == 0);
  const std::vector<std::vector<std::string>> bad = {
      {"lock nil -> nil", "lock nil -> nil"},
      {"enqueue 1 -> 1", "enqueue 2 -> 2", "dequeue nil -> 2"},
      {"enqueue 1 -> 1", "dequeue nil -> 1", "dequeue nil -> 1"},
      {"add 1 -> 1", "read nil -> 2"},
      {"add 1 -> 1", "read nil -> []"},
      {"push 1 -> 1", "push 2 -> 2", "pop nil -> 1"},
      {"put 1 -> 1", "put 2 -> 2", "get nil -> 1"},
      {"read nil -> 1"},
      {"read nil -> {0 10}"},
      {"write [1 2] -> [1 2]", "read nil -> [3 4]"},
      // The shared cases: neither may ever be an alarm.
      {"write [[:w 4 1]] -> [[:w 4 1]]", "read [[:r 4 nil] [:r 5 nil]] -> [[:r 4 1] [:r 5 nil]]"},
      {"write 425 -> 425", "write 430 -> 430", "read nil -> #{430}"}};
  for (const auto& lines : bad) {
    CAPTURE(lines);
    CHECK(exit_code(lines) == 64);
  }
  CHECK(exit_code({"lock nil -> nil", "lock nil -> nil"}, {"--model", "owner-mutex"}) == 1);
  for (const Case& c : cases()) {
    CAPTURE(c.lines);
    if (!c.sure) CHECK(exit_code(c.lines) != 1);
  }
}

TEST_CASE("values that may have been there at the beginning raise no alarm by a guess") {
  const Scratch scratch;
  const std::string file = scratch.file("history.edn");
  const auto exit_code = [&](const std::vector<std::string>& lines, std::vector<std::string> more = {}) {
    spew(file, edn_of(lines));
    more.insert(more.begin(), {file, "--quiet"});
    return riven_check(more);
  };
  const std::vector<std::vector<std::string>> begun = {
      {"read nil -> 0", "write 1 -> 1", "read nil -> 1"},
      {"cas [0 1] -> [0 1]", "read nil -> 1"},
      {"read [:x nil] -> [:x 0]", "write [:y 1] -> [:y 1]", "read [:x nil] -> [:x 0]"},
      {"get [:x nil] -> [:x \"a\"]", "put [:y \"b\"] -> [:y \"b\"]"},
      {"txn [[:r :a nil] [:r :b nil]] -> [[:r :a 0] [:r :b 5]]", "txn [[:w :a 1]] -> [[:w :a 1]]"}};
  for (const auto& lines : begun) {
    CAPTURE(lines);
    CHECK(exit_code(lines) == 64);
  }
  CHECK(exit_code(begun[0], {"--model", "cas-register"}) == 1);
  CHECK(exit_code(begun[0], {"--model", "cas-register", "--checker-opt", "initial=0"}) == 0);
  CHECK(exit_code(begun[4], {"--workload", "wr"}) == 1);
  CHECK(exit_code(begun[4], {"--model", "multi-register", "--checker-opt", "initial={:a 0 :b 5}"}) == 0);
  // What no beginning explains stays invalid.
  const std::vector<std::vector<std::string>> wrong = {
      {"write 0 -> 0", "read nil -> 3"},
      {"read nil -> 0", "write 1 -> 1", "read nil -> 0"},
      {"read nil -> 0", "write 1 -> 1", "read nil -> 7"},
      {"read nil -> nil", "write 1 -> 1", "read nil -> 0"},
      {"read nil -> 0", "write 1 -> 1", "write 2 -> 2", "read nil -> 1"},
      {"read [:x nil] -> [:x 0]", "write [:y 1] -> [:y 1]", "read [:y nil] -> [:y nil]"},
      {"txn [[:r :a nil]] -> [[:r :a 0]]", "txn [[:r :a nil]] -> [[:r :a 3]]"},
      {"txn [[:append :a 1]] -> [[:append :a 1]]", "txn [[:r :a nil]] -> [[:r :a [2]]]"}};
  for (const auto& lines : wrong) {
    CAPTURE(lines);
    CHECK(exit_code(lines) == 1);
  }
}
