// The text formats: what they accept, what they refuse, and what they say.
#include "harness/history/writer.h"
#include "tests/history/reading.h"
#include "tests/history/scratch.h"

using namespace riven;
using namespace riven::test;

TEST_CASE("EDN: operations one after another, in a vector, and tagged") {
  const std::string ops =
      "{:process 3, :type :invoke, :f :write, :value 5, :time 10, :index 0}\n"
      "; a comment\n"
      "{:type :ok :f :write :value 5 :process 3 :time 20 :index 7 :node \"n{1\" :x [\\} \"}\" #_ {} ]}\n"
      "#jepsen.history.Op{:process :nemesis, :type :info, :f :start, :value nil, :time 30, :index 8}\n"
      "{:process 4, :type :invoke, :f :read, :value nil, :time 40, :index 9}, "
      "{:process 4, :type :info, :f :read, :error [:timeout {:type :x}], :time 50, :index 10}";
  for (const std::string& text : {ops, "[" + ops + "\n]", "(" + ops + ")"}) {
    const ReadHistory h = read(text);
    CHECK(h.format == Format::edn);
    REQUIRE(h.warnings.size() == 1);
    CHECK(says(h.warnings[0], {"passed over: x"}));
    REQUIRE(h.history.size() == 5);
    CHECK(h.history.op(0).value == Value(5));
    CHECK(h.history.pair(0) == 1);
    CHECK(h.history.source_index(1) == 7);
    CHECK(h.history.source_line(1) == 3);
    CHECK(h.history.process(2) == kNemesis);
    CHECK(h.history.time_ns(3) == 40);
    CHECK(to_edn(h.history.op(4).error) == "[:timeout {:type :x}]");
    CHECK(h.history.value(4).is_nil());
  }
}

TEST_CASE("EDN: what Elle's own examples leave out") {
  const ReadHistory h = read(
      "{:index 0 :type :invoke  :value [[:append 253 1]]}\n{:index 1 :type :ok :value [[:append 253 1]]}\n");
  REQUIRE(h.history.size() == 2);
  CHECK(h.history.f(0).text() == "txn");
  CHECK(h.history.process(0) == 0);
  CHECK(h.history.time_ns(1) == 1);
}

TEST_CASE("EDN: operations that overlap need a process") {
  CHECK(says(error_of("{:type :invoke :f :read}\n{:type :invoke :f :write :value 4}\n"),
             {"line 2", "no operation names its process", "add process"}));
}

TEST_CASE("EDN: what is wrong is said with its line") {
  CHECK(says(error_of("{:process 0 :type :invoke :f :r :value 1}\n{:process 0 :type :gone :f :r :value 1}\n"),
             {"h: line 2: ", "the type gone is none"}));
  CHECK(says(error_of("{:process 0 :f :r :value 1}"), {"line 1", "without type"}));
  CHECK(says(error_of("{:process 0 :type :invoke :f :r :value {1}}"), {"a key without a value"}));
  CHECK(says(error_of("{:process 0 :type :invoke :f :r :value ]}"), {"']'"}));
  CHECK(says(error_of("{:process 0 :type :invoke :f :r :time 1.5}"), {"no whole number"}));
  CHECK(says(error_of("{:process 0 :type :invoke :f :r}\n\n{:process 0 :type :invoke :f :r}\n"),
             {"line 3", "still open"}));
  CHECK(says(error_of("{:process 0 :type :ok :f :r}\n"), {"completion without an invocation"}));
  CHECK(says(error_of("{:process 0 :type :invoke :f :r :value " + std::string(100, '[') +
                      std::string(100, ']') + "}"),
             {"60 deep"}));
  CHECK(says(error_of("hello\n"), {"--format"}));
  CHECK(says(error_of(""), {"empty"}));
}

TEST_CASE("EDN: a last operation cut short is a warning that names its line") {
  const std::string text =
      "{:process 0 :type :invoke :f :r}\n{:process 1 :type :invoke :f :r, :value [1 \"ab\"]}";
  for (size_t cut = 36; cut < text.size(); ++cut) {
    const ReadHistory h = read(text.substr(0, cut));
    INFO(cut);
    CHECK(h.history.size() == 1);
    REQUIRE(h.warnings.size() == 1);
    CHECK(says(h.warnings[0], {"line 2", "cut short"}));
    CHECK(h.extent == Extent::beginning);
  }
}

TEST_CASE("EDN: a process that acts again after info is a warning, or an error where that is asked for") {
  const std::string text =
      "{:process 0 :type :invoke :f :r}\n{:process 0 :type :info :f :r}\n{:process 0 :type :invoke :f :r}\n";
  const ReadHistory h = read(text);
  REQUIRE(h.warnings.size() == 1);
  CHECK(says(h.warnings[0], {"line 3"}));
  CHECK(says(error_of(text, {.pairing = HistoryBuilder::Pairing::strict}), {"acts again"}));
}

TEST_CASE("JSON lines: a process that acts again after info is what it is in EDN") {
  const std::string text =
      "{\"process\":0,\"type\":\"invoke\",\"f\":\"r\"}\n{\"process\":0,\"type\":\"info\",\"f\":\"r\"}\n"
      "{\"process\":0,\"type\":\"invoke\",\"f\":\"r\"}\n";
  const auto h = read_history_bytes(text, "reuse", {.format = Format::jsonl});
  REQUIRE(h);
  REQUIRE(h->warnings.size() == 1);
  CHECK(says(h->warnings[0], {"line 3", "acts again"}));
  const auto strict = read_history_bytes(
      text, "reuse", {.format = Format::jsonl, .pairing = HistoryBuilder::Pairing::strict});
  REQUIRE_FALSE(strict);
  CHECK(says(strict.error().message, {"acts again"}));
}

TEST_CASE("a process that is a name is a client, unless it is the nemesis") {
  const ReadHistory h = read(
      "{:process :a :type :invoke :f :x}\n{:process :nemesis :type :info :f :x}\n{:process :b :type :invoke "
      ":f :x}\n"
      "{:process :a :type :ok :f :x}\n{:process :nemesis-9 :type :info :f :x}\n");
  CHECK(h.history.process(0) == 1'000'000'000);
  CHECK(h.history.process(1) == kNemesis);
  CHECK(h.history.process(2) == 1'000'000'001);
  CHECK(h.history.process(3) == 1'000'000'000);
  CHECK(h.history.process(4) == -9);
  CHECK(h.history.pair(0) == 3);
  CHECK(says(error_of("{:process -1 :type :invoke :f :x}\n"), {"line 1", "-1", "nemesis"}));
}

TEST_CASE("JSON lines: every kind of value, any order of fields, unknown fields") {
  CHECK(json("null") == Value());
  CHECK(json(" -12 ") == Value(-12));
  CHECK(json("9223372036854775808") == Value("9223372036854775808"));
  CHECK(json("1.25") == Value(1.25));
  CHECK(json("1e400") == Value("1e400"));
  CHECK(json(R"("a\"\\\/\b\u0041\ud83d\ude00")") == Value("a\"\\/\bA\xf0\x9f\x98\x80"));
  CHECK(json("[1, [2], {\"k\": [true]}]") ==
        Value(Value::List{1, Value(Value::List{2}), Value::map({"k", Value(Value::List{true})})}));
  CHECK(json("[]") == Value(Value::List{}));
  CHECK(json("{ }") == Value::map({}));
  const ReadHistory h = read(
      "{\"value\":[1,5],\"f\":\"cas\",\"debug\":{\"a\":[\"}\"]},\"type\":\"invoke\",\"process\":4,\"time\":"
      "12,\"index\":3}\n"
      "\n"
      "{\"error\":\"timeout\",\"process\":4,\"type\":\"info\",\"f\":\"cas\",\"value\":null}\r\n"
      "{\"process\":\"nemesis\",\"type\":\"info\",\"f\":\"start\"}");
  REQUIRE(h.history.size() == 3);
  CHECK(h.format == Format::jsonl);
  CHECK(h.warnings.empty());
  CHECK(h.history.pair(1) == 0);
  CHECK(h.history.time_ns(0) == 12);
  CHECK(h.history.source_index(0) == 3);
  CHECK(h.history.source_line(1) == 3);
  CHECK(h.history.op(1).error == Value("timeout"));
  CHECK(h.history.process(2) == kNemesis);
}

TEST_CASE("JSON lines: what is wrong is said with its line") {
  const std::string good = "{\"process\":0,\"type\":\"invoke\",\"f\":\"r\",\"value\":1}\n";
  const auto bad = [&](const std::string& line) { return error_of(good + line + "\n"); };
  CHECK(says(bad("{\"process\":1,\"type\":\"gone\",\"f\":\"r\"}"), {"line 2", "gone"}));
  CHECK(says(bad("{\"process\":1,\"type\":\"invoke\"}"), {"line 2", "without f"}));
  CHECK(says(bad("{\"type\":\"invoke\",\"f\":\"r\"}"), {"without process"}));
  CHECK(says(bad("{\"process\":1,\"type\":\"invoke\",\"f\":\"r\",\"value\":[1}"), {"line 2"}));
  CHECK(says(bad("{\"process\":1,\"type\":\"invoke\",\"f\":\"r\",\"value\":[1"), {"line ends"}));
  CHECK(says(bad("{\"process\":1,\"type\":\"invoke\",\"f\":\"r\"} x"), {"behind the object"}));
  CHECK(says(bad("{\"process\":1.5,\"type\":\"invoke\",\"f\":\"r\"}"), {"no whole number"}));
  CHECK(says(bad("{\"process\":99999999999,\"type\":\"invoke\",\"f\":\"r\"}"), {"out of range"}));
  CHECK(says(bad(good.substr(0, good.size() - 1)), {"line 2", "still open"}));
  CHECK(says(bad("[1]"), {"line 2"}));
}

TEST_CASE("JSON lines: a last line cut short is a warning that names it") {
  const std::string text =
      "{\"process\":0,\"type\":\"invoke\",\"f\":\"r\"}\n{\"process\":1,\"type\":\"invoke\",\"f\":\"r\","
      "\"value\":[12,\"ab\\u0041\"]}";
  for (size_t cut = 39; cut < text.size(); ++cut) {
    const ReadHistory h = read(text.substr(0, cut));
    INFO(text.substr(0, cut));
    CHECK(h.history.size() == 1);
    REQUIRE(h.warnings.size() == 1);
    CHECK(says(h.warnings[0], {"line 2", "cut short"}));
  }
}

TEST_CASE("elle-cli's JSON array") {
  const ReadHistory h = read(
      "[\n {\"index\":0,\"type\":\"invoke\",\"process\":0,\"value\":[[\"append\",1,2]]},\n"
      "  {\"index\":1,\"type\":\"ok\",\n \"process\":0,\"value\":[[\"append\",1,2]]} ]\n");
  CHECK(h.format == Format::elle_json);
  REQUIRE(h.history.size() == 2);
  CHECK(h.history.f(1).text() == "txn");
  CHECK(to_edn(h.history.op(1).value) == "[[\"append\" 1 2]]");
}

TEST_CASE("Jepsen's log lines and history.txt") {
  const ReadHistory log = read(
      "INFO  jepsen.core - Starting up: nothing of interest\n"
      "INFO  jepsen.util - 4\t:invoke\t:read\tnil\n"
      "INFO  jepsen.util - :nemesis\t:info\t:start\tnil\n"
      "INFO  jepsen.util - 4\t:ok\t:read\t3\n"
      "2021-01-01 12:00:00,1 INFO [jepsen worker 0] jepsen.util: 0 :invoke :cas [1 2] :hint 3\n"
      "INFO  jepsen.util - 0\t:info\t:cas\t:timed-out\n");
  CHECK(log.format == Format::jepsen_log);
  REQUIRE(log.history.size() == 5);
  CHECK(log.history.op(2).value == Value(3));
  CHECK(log.history.pair(0) == 2);
  CHECK(log.history.process(1) == kNemesis);
  CHECK(to_edn(log.history.op(3).value) == "[1 2]");
  CHECK(log.history.op(4).value == Value::keyword("timed-out"));
  CHECK(log.history.source_line(4) == 6);
  CHECK(log.history.time_ns(4) == 4);

  const ReadHistory text = read("0\t:invoke\t:write\t1\n0\t:fail\t:write\t1\t[:conflict \"x\"]\n");
  CHECK(text.format == Format::jepsen_log);
  REQUIRE(text.history.size() == 2);
  CHECK(to_edn(text.history.op(1).error) == "[:conflict \"x\"]");
  // Jepsen writes exceptions as they are, line feeds and all.
  const ReadHistory spread = read(
      "3\t:invoke\t:read\t[1 nil]\n3\t:fail\t:read\t[1 nil]\t[:retry-failure java.X: reply {\n  id: "
      "\"n4\"\n}\n]\n"
      "3\t:invoke\t:read\t[2 nil]\n");
  REQUIRE(spread.history.size() == 3);
  CHECK(spread.history.op(1).error == Value("[:retry-failure java.X: reply {"));
  CHECK(to_edn(spread.history.op(2).value) == "[2 nil]");
  CHECK(says(error_of("0\t:invoke\t:write\t[1\n1\t:invoke\t:read\tnil\n"), {"line 1"}));
}

TEST_CASE("Porcupine's key-value log") {
  const std::string text =
      "{:process 0, :type :invoke, :f :get, :key \"0\", :value nil}\n"
      "{:process 1, :type :invoke, :f :append, :key \"1\", :value \"x 0 1 y\"}\n"
      "{:process 0, :type :ok, :f :get, :key \"0\", :value \"\"}\n";
  const ReadHistory h = read(text);
  CHECK(h.format == Format::porcupine);
  REQUIRE(h.history.size() == 3);
  CHECK(to_edn(h.history.op(0).value) == "[\"0\" nil]");
  CHECK(to_edn(h.history.op(1).value) == "[\"1\" \"x 0 1 y\"]");
  CHECK(to_edn(read(text, {.format = Format::edn}).history.op(1).value) == "[\"1\" \"x 0 1 y\"]");
}

TEST_CASE("what is written is read back exactly, by any number of threads") {
  const Scratch scratch;
  for (const uint64_t seed : {21U, 22U, 23U}) {
    const History h = build(random_ops(seed, 3000, 7, 3));
    REQUIRE(export_history(h, scratch.file("a.edn")));
    const auto edn_again = read_history(scratch.file("a.edn"));
    REQUIRE(edn_again);
    CHECK(edn_again->warnings.empty());
    CHECK(first_difference(h, edn_again->history) == -1);

    REQUIRE(export_history(h, scratch.file("a.jsonl")));
    const auto json_again = read_history(scratch.file("a.jsonl"));
    REQUIRE(json_again);
    REQUIRE(json_again->history.size() == h.size());
    // A second time nothing changes any more: 2.0 has become 2, and keys are texts in the order of texts.
    REQUIRE(export_history(json_again->history, scratch.file("b.jsonl")));
    const auto third = read_history(scratch.file("b.jsonl"));
    REQUIRE(third);
    CHECK(first_difference(json_again->history, third->history) == -1);
    for (size_t i = 0; i < h.size(); ++i)
      CHECK(json(to_json(h.op(i).value).dump()) == json_again->history.op(i).value);
  }
  CHECK(!export_history(build({}), scratch.file("a.txt")));
  CHECK(!export_history(build({}), scratch.file("no/folder/a.edn")));
}

TEST_CASE("a large text is cut into parts without a trace, misleading lines and all") {
  // Values and skipped fields with line feeds before braces: no part may begin there.
  std::string text;
  Rng rng(31);
  std::vector<Op> expected;
  while (text.size() < (size_t{20} << 20)) {
    const auto i = static_cast<int64_t>(expected.size());
    Op op;
    op.index = i;
    op.time_ns = i * 10;
    op.process = static_cast<Process>(i / 2);
    op.type = i % 2 == 0 ? OpType::invoke : OpType::ok;
    op.f = Symbol("w");
    const std::string trap =
        rng.chance(0.7) ? "\"\n{:process 1 :type :invoke :f :trap}\n\"" : "[\n{:type :ok} \n#{1 2}]";
    op.value = Value(i);
    text += "{:index " + std::to_string(i) + " :time " + std::to_string(i * 10) + " :process " +
            std::to_string(op.process) + " :type :" + std::string(to_text(op.type)) + " :f :w, :junk " +
            (rng.chance(0.9) ? std::string(400, 'x') : trap) + " :value " + std::to_string(i) + "}\n";
    expected.push_back(op);
  }
  // Around the places where parts are cut, nothing but traps.
  const History one = read(text, {.format = Format::edn, .threads = 1}).history;
  const History three = read(text, {.format = Format::edn, .threads = 3}).history;
  REQUIRE(one.size() == expected.size());
  CHECK(first_difference(one, three) == -1);
  for (size_t i = 0; i < one.size(); ++i) {
    if (!same(one.op(i), expected[i]) || one.source_line(i) != three.source_line(i)) FAIL("entry " << i);
  }
  std::string all_traps;
  const std::string junk = " :junk \"" + std::string(3000, ' ') +
                           "\n{:process 9 :type :invoke :f :trap}\n{:process 9 :type :ok\n\"";
  int64_t n = 0;
  for (; all_traps.size() < (size_t{20} << 20); ++n)
    all_traps += "{:process " + std::to_string(n) + " :type :invoke :f :w :value 1" + junk + "}\n";
  const History trapped = read(all_traps, {.format = Format::edn, .threads = 2}).history;
  CHECK(trapped.size() == static_cast<size_t>(n));
  CHECK(trapped.functions().size() == 1);
  CHECK(*trapped.source_line(trapped.size() - 1) == 1 + 4 * (n - 1));
}

TEST_CASE("a directory that a run or Jepsen left is read by its history") {
  const Scratch scratch;
  CHECK(says(read_history(scratch.file("")).error().message, {"history.riven"}));
  spew(scratch.file("history.edn"), "{:process 0 :type :invoke :f :r}\n");
  CHECK(read_history(scratch.file(""))->history.size() == 1);
  CHECK(says(read_history(scratch.file("absent")).error().message, {"absent"}));
}

TEST_CASE("formats have names") {
  for (const Format format :
       {Format::automatic, Format::riven, Format::edn, Format::jsonl, Format::jepsen_log, Format::porcupine,
        Format::elle_json, Format::plume, Format::dbcop, Format::cobra, Format::awdit})
    CHECK(parse_format(to_text(format)) == format);
  CHECK(!parse_format("csv"));
  CHECK(says(format_names(), {"riven, edn, jsonl"}));
}
