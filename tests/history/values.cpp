// Values in the text formats: which are equal.
#include "tests/history/reading.h"
#include "tests/history/scratch.h"

using namespace riven;
using namespace riven::test;

TEST_CASE("EDN: every kind of value") {
  CHECK(edn("nil") == Value());
  CHECK(edn("true") == Value(true));
  CHECK(edn("false") == Value(false));
  CHECK(edn("12") == Value(12));
  CHECK(edn("-0") == Value(0));
  CHECK(edn("+7") == Value(7));
  CHECK(edn("9223372036854775807") == Value(INT64_MAX));
  CHECK(edn("-9223372036854775808") == Value(INT64_MIN));
  CHECK(edn("9223372036854775808") == Value("9223372036854775808"));
  CHECK(edn("12N") == Value(12));
  CHECK(edn("123456789012345678901234567890N") == Value("123456789012345678901234567890"));
  CHECK(edn("1.5") == Value(1.5));
  CHECK(edn("-2e3") == Value(-2000.0));
  CHECK(edn("1.1M") == Value("1.1"));
  CHECK(edn("5M") == Value(5));
  CHECK(edn("1/3") == Value("1/3"));
  CHECK(edn("##Inf") == Value(std::numeric_limits<double>::infinity()));
  CHECK(edn(R"("a\"b\\c\nd\u00e9")") == Value("a\"b\\c\nd\xc3\xa9"));
  CHECK(edn(R"("\ud83d\ude00")") == Value("\xf0\x9f\x98\x80"));
  CHECK(edn(":append") == Value::keyword("append"));
  CHECK(edn(":jepsen.op/kind") == Value::keyword("jepsen.op/kind"));
  CHECK(edn("foo/bar") == Value("foo/bar"));
  CHECK(edn("\\a") == Value("a"));
  CHECK(edn("\\newline") == Value("\n"));
  CHECK(edn("\\{") == Value("{"));
  CHECK(edn("\\u00e9") == Value("\xc3\xa9"));
  CHECK(edn("[1 [2 \"x\"] nil]") == Value(Value::List{1, Value(Value::List{2, "x"}), Value()}));
  CHECK(edn("(1 2)") == Value(Value::List{1, 2}));
  CHECK(edn("[]") == Value(Value::List{}));
  CHECK(edn("#{3 1 2}") == Value::set({1, 2, 3}));
  CHECK(edn("[9 #{3 1 2}]") == Value(Value::List{9, Value::set({1, 2, 3})}));
  CHECK(edn("#{:b 1}") == Value::set({Value::keyword("b"), 1}));
  CHECK(edn("#{}") == Value::set({}));
  CHECK(edn("{:a 1, \"b\" {2 3}}") == Value::map({Value::keyword("a"), 1, "b", Value::map({2, 3})}));
  CHECK(edn("#inst \"2020-01-01\"") == Value("2020-01-01"));
  CHECK(edn("#object[java.lang.Object 0x12 \"x\"]") == Value(Value::List{"java.lang.Object", "0x12", "x"}));
  CHECK(edn("#riven/keyword \"two words\"") == Value::keyword("two words"));
  CHECK(edn("[1 #_ 2 #_ #_ 3 4 5 ; six\n 7]") == Value(Value::List{1, 5, 7}));
  CHECK(edn("^{:meta true} [1]") == Value(Value::List{1}));
}

TEST_CASE("EDN: numbers are equal as in Clojure") {
  CHECK(edn("1N") == edn("1"));
  CHECK(edn("+1") == edn("1"));
  CHECK(!(edn("1.0") == edn("1")));
  CHECK(edn("1.0") == edn("1e0"));
  CHECK(edn("-0.0") == edn("0.0"));
  CHECK(edn("1.50M") == edn("1.5M"));
  CHECK(edn("1.0M") == edn("1M"));
  CHECK(edn("0.001M") == Value("0.001"));
  CHECK(edn("-12.5e1M") == edn("-125M"));
  CHECK(edn("-12.5M") == Value("-12.5"));
  CHECK(edn("2/4") == edn("1/2"));
  CHECK(edn("4/2") == Value(2));
  CHECK(edn("-3/6") == Value("-1/2"));
  CHECK(edn("1/0") == Value("1/0"));
  CHECK(edn("0123456789012345678901234567890") == edn("123456789012345678901234567890N"));
  CHECK(!(edn("18446744073709551616") == edn("18446744073709551617")));
  CHECK(edn("1e400") == Value("1e400"));
}

TEST_CASE("JSON: numbers are equal when their values are") {
  for (const char* one : {"1", "1.0", "1e0", "10e-1", "0.1e1", "1.000", "1E+0"}) CHECK(json(one) == Value(1));
  for (const char* zero : {"0", "-0", "0.0", "-0.0", "0e5", "0e-9"}) CHECK(json(zero) == Value(0));
  CHECK(json("-12e2") == Value(-1200));
  CHECK(json("9223372036854775807.0") == Value(INT64_MAX));
  CHECK(json("9007199254740993.0") == Value(int64_t{9007199254740993}));
  CHECK(json("0.1") == json("0.10000000000000001"));
  CHECK(json("1.5") == Value(1.5));
  // Beyond 64 bits whole numbers are told apart by their digits.
  CHECK(!(json("18446744073709551615") == json("18446744073709551616")));
  CHECK(json("18446744073709551615") == Value("18446744073709551615"));
  CHECK(json("18446744073709551616") == json("1.8446744073709551616e19"));
  CHECK(json("1e22") == json("10000000000000000000000"));
  CHECK(json("1.8446744073709552e19") == Value(18446744073709551616.0));
  CHECK(json("1e400") == json("10e399"));
  CHECK(json("1e-400") == json("0.1e-399"));
}

TEST_CASE(
    "maps and sets are equal whatever their order; of a key that is there twice the last value counts") {
  CHECK(edn("{:b {3 4, 1 2}, :a #{z \"y\" #{2 1}}}") == edn("{:a #{\"y\" #{1 2} z}, :b {1 2, 3 4}}"));
  CHECK(json(R"({"b":{"y":1,"x":[{"n":1.0,"m":2}]},"a":0})") ==
        json(R"({"a":0,"b":{"x":[{"m":2,"n":1}],"y":1}})"));
  CHECK(edn("#{1 2 1}") == edn("#{2 1}"));
  CHECK(json(R"({"a":1,"b":2,"a":3})") == json(R"({"a":3,"b":2})"));
  const ReadHistory h = read(
      "{:process 0 :type :invoke :f :w :value {:a 1 :b 2}}\n{:process 0 :type :ok :f :w :value {:a 1 :a 2}}\n"
      "{:process 0 :type :invoke :f :w :value #{1 1}}\n");
  REQUIRE(h.warnings.size() == 1);
  CHECK(says(h.warnings[0], {"line 2", "a key twice"}));
}

TEST_CASE("EDN: a history as Jepsen writes it") {
  const ReadHistory h = read(
      ";; Jepsen 0.3.5\n"
      "#jepsen.history.Op{:index 0, :time 1287, :type :invoke, :process 3, :f :txn, :value [[:r 1 nil]]}\n"
      "#jepsen.history.Op{:index 1, :time 2000, :type :ok, :process 3, :f :txn, :value [[:r 1 "
      "#{[1 2] #{:b :a} {:x 1/2}}]], :node \"n1\", :debug {:at #inst \"2024-01-01T00:00:00.000-00:00\"}}\n"
      "#_{:index 9} {:index 2, :time 2001, :type :info, :process :nemesis, :f :kill, :value {\"n1\" "
      ":killed}}\n"
      "{:index 3, :time 2002, :type :invoke, :process 3, :f :txn, :value [[:w 1 \\a] [:w 2 #uuid \"0-1\"] "
      "[:w 3 6/4] [:w 4 2.50M] [:w 5 #foo/bar {:a [1]}]]}\n");
  REQUIRE(h.history.size() == 4);
  CHECK(h.warnings.empty());
  CHECK(to_edn(h.history.op(1).value) == "[[:r 1 #{[1 2] #{:a :b} {:x \"1/2\"}}]]");
  CHECK(to_edn(h.history.op(2).value) == "{\"n1\" :killed}");
  CHECK(to_edn(h.history.op(3).value) ==
        "[[:w 1 \"a\"] [:w 2 \"0-1\"] [:w 3 \"3/2\"] [:w 4 \"2.5\"] [:w 5 {:a [1]}]]");
}
