// The formats of other isolation checkers.
#include <cstring>

#include "harness/history/reader.h"
#include "tests/byte_order.h"
#include "tests/catch.h"
#include "tests/history/scratch.h"

using namespace riven;
using namespace riven::test;

namespace {

/// "process type value" of each entry.
std::vector<std::string> lines(const History& h) {
  std::vector<std::string> out;
  for (size_t i = 0; i < h.size(); ++i)
    out.push_back(std::to_string(h.process(i)) + " " + std::string(to_text(h.type(i))) + " " +
                  to_edn(h.op(i).value));
  return out;
}

using Lines = std::vector<std::string>;

using test::big;
using test::little;

std::string dbcop_event(bool write, uint64_t key, uint64_t value, bool success) {
  return std::string(1, write ? '\1' : '\0') + little(key) + little(value) +
         std::string(1, success ? '\1' : '\0');
}

std::string dbcop_example() {
  std::string text;
  for (uint64_t n = 1; n <= 5; ++n) text += little(n);
  for (const char* const s : {"info", "start", ""}) text += little(std::strlen(s)) + s;
  text += little(2);  // sessions
  text += little(2);  // transactions of the first
  text += little(2) + dbcop_event(true, 7, 1, true) + dbcop_event(false, 8, 0, true) + '\1';
  text += little(1) + dbcop_event(true, 7, 2, true) + '\0';
  text += little(1);
  text += little(2) + dbcop_event(false, 7, 1, true) + dbcop_event(true, 9, 3, false) + '\1';
  return text;
}

}  // namespace

TEST_CASE("Plume's text: sessions become processes, zero is the initial version") {
  const std::string text = "w(1,5,0,10)\nr(2,0,0,10)\nr(1,5,7,11)\nw(2,6,0,12)\nw(3,9,7,-1)\n";
  const auto read = read_history_bytes(text, "p");
  REQUIRE(read);
  CHECK(read->format == Format::plume);
  CHECK(read->metadata["no_realtime"] == true);
  CHECK(lines(read->history) == Lines{"0 invoke [[:w 1 5] [:r 2 nil]]", "1 invoke [[:r 1 nil]]",
                                      "0 ok [[:w 1 5] [:r 2 nil]]", "1 ok [[:r 1 5]]", "0 invoke [[:w 2 6]]",
                                      "1 invoke [[:w 3 9]]", "0 ok [[:w 2 6]]", "1 fail [[:w 3 9]]"});
  CHECK(read->history.pair(0) == 2);
  CHECK(says(read_history_bytes("w(1,5,0,10)\nw(1,x,0,10)\n", "p").error().message, {"p: line 2"}));
  CHECK(says(read_history_bytes("w(1,5,0,10)\nw(1,6,1,10)\n", "p").error().message, {"unique"}));
  const auto cut = read_history_bytes("w(1,5,0,10)\nw(1,6,0,1", "p");
  REQUIRE(cut);
  CHECK(cut->history.size() == 2);
  CHECK(cut->warnings.size() == 1);
  CHECK(cut->extent == Extent::parts);  // another session may have read what is missing
}

TEST_CASE("Plume's text: a read of 0 stays 0 where 0 is written, too") {
  const auto read = read_history_bytes("w(4,0,0,0)\nr(4,0,1,1)\nr(5,0,1,1)\nw(6,0,1,-1)\nr(6,0,1,2)\n", "p");
  REQUIRE(read);
  CHECK(read->metadata["initial_written"] == true);
  CHECK(says(read->warnings.at(0), {"0 is the initial value and is written"}));
  CHECK(!read->history.has_times());
  CHECK(lines(read->history) == Lines{"0 invoke [[:w 4 0]]", "1 invoke [[:r 4 nil] [:r 5 nil]]",
                                      "0 ok [[:w 4 0]]", "1 ok [[:r 4 0] [:r 5 nil]]", "1 invoke [[:w 6 0]]",
                                      "1 fail [[:w 6 0]]", "1 invoke [[:r 6 nil]]", "1 ok [[:r 6 nil]]"});
  const auto plain = read_history_bytes("w(4,1,0,0)\nr(4,0,1,1)\n", "p");
  REQUIRE(plain);
  CHECK(!plain->metadata.contains("initial_written"));
  CHECK(plain->warnings.empty());
}

TEST_CASE("AWDIT's test text") {
  const auto read = read_history_bytes("w 1 5\nr 2 0\n---\nr 1 5\n=====\nw 3 0\n-\nr 3 0\n", "a");
  REQUIRE(read);
  CHECK(read->format == Format::awdit);
  CHECK(lines(read->history) == Lines{"0 invoke [[:w 1 5] [:r 2 nil]]", "1 invoke [[:w 3 0]]",
                                      "0 ok [[:w 1 5] [:r 2 nil]]", "1 ok [[:w 3 0]]",
                                      "0 invoke [[:r 1 nil]]", "1 invoke [[:r 3 nil]]", "0 ok [[:r 1 5]]",
                                      "1 ok [[:r 3 0]]"});
  CHECK(says(read_history_bytes("w 1 5\nx 2\n", "a").error().message, {"a: line 2"}));
}

TEST_CASE("DBCop's bincode") {
  const std::string bytes = dbcop_example();
  const auto read = read_history_bytes(bytes, "d");
  REQUIRE(read);
  CHECK(read->format == Format::dbcop);
  CHECK(read->warnings.empty());
  CHECK(lines(read->history) == Lines{"0 invoke [[:w 7 1] [:r 8 nil]]", "1 invoke [[:r 7 nil]]",
                                      "0 ok [[:w 7 1] [:r 8 nil]]", "1 ok [[:r 7 1]]", "0 invoke [[:w 7 2]]",
                                      "0 fail [[:w 7 2]]"});
  for (size_t cut = 0; cut < bytes.size(); ++cut)
    CHECK(!read_history_bytes(bytes.substr(0, cut), "d", {.format = Format::dbcop}));
  // Counts that the bytes cannot hold are refused before anything is set aside for them.
  std::string liar = bytes;
  liar.replace(40 + 8 + 4 + 8 + 5 + 8, 8, little(1ULL << 60));
  CHECK(!read_history_bytes(liar, "d", {.format = Format::dbcop}));
}

TEST_CASE("Cobra's logs: a directory, a file a session") {
  const Scratch scratch;
  const auto write = [](uint64_t id, uint64_t key) { return "W" + big(id) + big(key) + big(0); };
  const auto read_of = [](uint64_t id, uint64_t key) { return "R" + big(1) + big(id) + big(key) + big(0); };
  spew(scratch.file("T2.log"), "S" + big(1) + write(100, 5) + read_of(0xbebeebee, 6) + "C" + big(1) + "S" +
                                   big(2) + write(101, 5) + "A" + big(2));
  spew(scratch.file("T10.log"), "S" + big(3) + read_of(100, 5) + read_of(0x23332333, 5) + "C" + big(3) + "S" +
                                    big(4) + write(102, 6) + std::string("W\0\0", 3));
  const auto read = read_history(scratch.file(""));
  REQUIRE(read);
  CHECK(read->format == Format::cobra);
  CHECK(lines(read->history) == Lines{"0 invoke [[:w 5 100] [:r 6 nil]]", "1 invoke [[:r 5 nil]]",
                                      "0 ok [[:w 5 100] [:r 6 nil]]", "1 ok [[:r 5 100]]",
                                      "0 invoke [[:w 5 101]]", "1 invoke [[:w 6 102]]", "0 fail [[:w 5 101]]",
                                      "1 info [[:w 6 102]]"});
  CHECK(read->warnings.size() == 2);
  spew(scratch.file("T3.log"), "Q");
  CHECK(says(read_history(scratch.file("")).error().message, {"T3.log", "byte 0"}));
  CHECK(!read_history_bytes("S", "x", {.format = Format::cobra}));
}
