// Riven's own JSON type against the library that it stands in for, and its contract.
#include "harness/core/json.h"

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <utility>

#include "tests/catch.h"
#include "tests/core/random_value.h"

using namespace riven;
using Library = nlohmann::ordered_json;

namespace {

std::string library_dump(const Library& json, int indent, bool ascii) {
  return json.dump(indent, ' ', ascii, Library::error_handler_t::replace);
}

}  // namespace

TEST_CASE("JSON is read and printed byte for byte as the library does") {
  Rng rng(17);
  for (int i = 0; i < 2000; ++i) {
    const std::string text = to_json(test::random_value(rng, 4)).dump();
    INFO(text);
    const Library library = Library::parse(text);
    const auto json = Json::parse(text);
    REQUIRE(json);
    CHECK(json->dump() == library_dump(library, -1, false));
    CHECK(json->dump(2) == library_dump(library, 2, false));
    CHECK(json->dump_ascii() == library_dump(library, -1, true));
  }
  for (const char* const text : {"18446744073709551615",
                                 "-9223372036854775808",
                                 "1e400",
                                 "0.1",
                                 "-0",
                                 "-0.0",
                                 "1.0",
                                 "1e22",
                                 "[]",
                                 "{}",
                                 R"({"a":1,"b":2,"a":3})",
                                 R"("\u00e9\ud83d\ude00\u0000")",
                                 " [ 1 , 2 ] ",
                                 "tru",
                                 "[1,]",
                                 "",
                                 "[1",
                                 "{\"a\"}",
                                 "01",
                                 "\"\xff\"",
                                 "[[[]]]]",
                                 "nan",
                                 "1 2"}) {
    INFO(text);
    const Library library = Library::parse(text, nullptr, false);
    const auto json = Json::parse(text);
    REQUIRE(json.has_value() == !library.is_discarded());
    if (json) CHECK(json->dump() == library_dump(library, -1, false));
  }
}

TEST_CASE("a braced list of pairs is an object, every other list an array") {
  CHECK(Json{{"a", 1}, {"b", {1, 2}}}.dump() == R"({"a":1,"b":[1,2]})");
  CHECK(Json{{"a", {{"b", nullptr}}}}.dump() == R"({"a":{"b":null}})");
  CHECK(Json{1, "a", true, 0.5}.dump() == R"([1,"a",true,0.5])");
  CHECK(Json::array({{"a", 1}, {"b", 2}}).dump() == R"([["a",1],["b",2]])");
  CHECK(Json::object().dump() == "{}");
  CHECK(Json(std::vector<std::string>{"a", "b"}).dump() == R"(["a","b"])");
  CHECK(Json(std::map<std::string, int64_t>{{"b", 1}, {"a", 2}}).dump() == R"({"a":2,"b":1})");
  CHECK(Json({"a", 1}).dump() == R"(["a",1])");
}

TEST_CASE("a JSON value keeps what it holds") {
  SECTION("integers are exact, and equal across signs and reals by value") {
    CHECK(Json(INT64_MIN).dump() == "-9223372036854775808");
    CHECK(Json(UINT64_MAX).dump() == "18446744073709551615");
    CHECK(Json(3) == Json(3U));
    CHECK(Json(3) == Json(3.0));
    CHECK_FALSE(Json(-1) == Json(UINT64_MAX));
    CHECK_FALSE(Json(1) == Json(true));
  }
  SECTION("what JSON cannot say is null or U+FFFD") {
    CHECK(Json(std::numeric_limits<double>::infinity()).dump() == "null");
    CHECK(Json(std::nan("")).dump() == "null");
    CHECK(Json("a\xff").dump() == "\"a\xef\xbf\xbd\"");
  }
  SECTION("a copy is of its own, a move empties its source") {
    Json a = {{"list", {1, 2}}, {"text", "long enough for the heap, all of it"}};
    Json b = a;
    b["list"].push_back(3);
    CHECK(a["list"].size() == 2);
    CHECK(b["list"].size() == 3);
    b = std::move(a);
    CHECK(a.is_null());
    CHECK(b["list"].size() == 2);
    b = b["list"];  // from inside itself
    CHECK(b == Json({1, 2}));
    b.push_back(b);
    CHECK(b.dump() == "[1,2,[1,2]]");
  }
  SECTION("members keep their order, the second of one name its place") {
    Json json;
    json["z"] = 1;
    json["a"] = 2;
    json["z"] = 3;
    CHECK(json.dump() == R"({"z":3,"a":2})");
    CHECK(json.erase("z"));
    CHECK_FALSE(json.erase("z"));
    json.update({{"b", 1}, {"a", 5}});
    CHECK(json.dump() == R"({"a":5,"b":1})");
    int64_t sum = 0;
    for (const Json& value : json) sum += value.get<int64_t>();
    CHECK(sum == 6);
    CHECK(json.find("b")->get<int>() == 1);
    CHECK(json.find("c") == json.end());
    CHECK(json.value("c", 7) == 7);
    CHECK(json.value("c", Json::array()) == Json::array());
    CHECK(json.value("c", "none") == "none");
  }
}

TEST_CASE("JSON read as another kind than it is, or where there is nothing, is a defect") {
  const Json json = {{"a", 1}, {"list", {1}}};
  CHECK(json["b"].is_null());
  CHECK(json["b"]["c"].is_null());
  CHECK_THROWS_AS(json["a"]["c"], Defect);
  CHECK_THROWS_AS(json["a"].string(), Defect);
  CHECK_THROWS_AS(json["a"].get<bool>(), Defect);
  CHECK_THROWS_AS(json["list"].get<int>(), Defect);
  CHECK_THROWS_AS(json["list"][1], Defect);
  CHECK_THROWS_AS(json.at("b"), Defect);
  Json number = 1;
  CHECK_THROWS_AS(number.push_back(2), Defect);
  CHECK_THROWS_AS(number["a"], Defect);
}

TEST_CASE("JSON nested deeper than its reader allows is refused, whatever the depth") {
  CHECK(Json::parse(std::string(32, '[') + std::string(32, ']'), 32));
  CHECK_FALSE(Json::parse(std::string(33, '[') + std::string(33, ']'), 32));
  CHECK_FALSE(Json::parse(std::string(1'000'000, '[')));
  CHECK_FALSE(Json::parse(std::string(1'000'000, '[') + std::string(1'000'000, ']')));
}

TEST_CASE("a member that was found in JSON can be changed in place") {
  auto json = Json::parse(R"({"a":1,"b":2})");
  REQUIRE(json);
  const auto b = json->find("b");
  REQUIRE(b != json->end());
  *b = 3;
  CHECK(json->dump() == R"({"a":1,"b":3})");
  CHECK(json->find("c") == json->end());
  Json number = 1;
  CHECK(number.find("a") == number.end());
}
