#include "harness/control/local_command.h"

#include <chrono>

#include "tests/catch.h"

using namespace riven;

TEST_CASE("status, both outputs and input of a local program") {
  auto result = run_local({"sh", "-c", "cat; echo err >&2; exit 3"}, "input", Milliseconds(10'000));
  REQUIRE(result);
  CHECK(result->exit_status == 3);
  CHECK(result->out == "input");
  CHECK(result->err == "err\n");
  CHECK_FALSE(result->succeeded());
}

TEST_CASE("large input and both large outputs do not stall each other") {
  const std::string input(3 << 20, 'x');
  auto result = run_local({"sh", "-c", "head -c 3000000 /dev/zero >&2; cat"}, input, Milliseconds(20'000));
  REQUIRE(result);
  CHECK(result->out == input);
  CHECK(result->err.size() == 3'000'000);
}

TEST_CASE("a program that reads nothing does not end us") {
  auto result = run_local({"true"}, std::string(1 << 20, 'x'), Milliseconds(10'000));
  REQUIRE(result);
  CHECK(result->succeeded());
}

TEST_CASE("a signal is named") {
  auto result = run_local({"sh", "-c", "kill -KILL $$"}, "", Milliseconds(10'000));
  REQUIRE(result);
  CHECK(result->signal == "KILL");
}

TEST_CASE("at the deadline the program and its children are ended") {
  const auto start = std::chrono::steady_clock::now();
  auto result = run_local({"sh", "-c", "sleep 60 & wait"}, "", Milliseconds(200));
  REQUIRE_FALSE(result);
  CHECK(result.error().message.find("200 ms") != std::string::npos);
  CHECK(std::chrono::steady_clock::now() - start < std::chrono::seconds(5));
  // Its outputs closed, but it still runs.
  CHECK_FALSE(run_local({"sh", "-c", "exec >&- 2>&-; sleep 60"}, "", Milliseconds(200)));
}

TEST_CASE("a program that does not exist is an error") {
  auto result = run_local({"no-such-program-here"}, "", Milliseconds(1'000));
  REQUIRE_FALSE(result);
  CHECK(result.error().message.find("no-such-program-here") != std::string::npos);
}
