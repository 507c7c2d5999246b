#include "harness/control/process_mark.h"

#include <sys/wait.h>
#include <unistd.h>

#include "tests/catch.h"

using namespace riven;

TEST_CASE("a living process is not gone, an ended one is") {
  const std::string mine = process_mark();
  REQUIRE_FALSE(mine.empty());
  CHECK_FALSE(process_is_gone(mine));

  int pipe_ends[2];
  REQUIRE(::pipe(pipe_ends) == 0);
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    const std::string mark = process_mark();
    ::_exit(::write(pipe_ends[1], mark.data(), mark.size()) == static_cast<ssize_t>(mark.size()) ? 0 : 1);
  }
  char text[256] = {};
  REQUIRE(::read(pipe_ends[0], text, sizeof text - 1) > 0);
  int status = 0;
  siginfo_t info = {};
  REQUIRE(::waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOWAIT) == 0);
  CHECK(process_is_gone(text));  // not yet waited for: a zombie
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(process_is_gone(text));
  ::close(pipe_ends[0]);
  ::close(pipe_ends[1]);
}

TEST_CASE("a process with the same number that began at another time is another one") {
  const std::string mine = process_mark();
  CHECK(process_is_gone(mine + "0"));
}

TEST_CASE("a mark of another boot, another namespace or none is nobody's business") {
  const std::string mine = process_mark();
  std::string other_boot = mine;
  other_boot[0] = other_boot[0] == '0' ? '1' : '0';
  CHECK_FALSE(process_is_gone(other_boot));
  const size_t space = mine.find(':') + 1;
  CHECK_FALSE(process_is_gone(mine.substr(0, space) + "1" + mine.substr(mine.find(':', space))));
  for (const char* text : {"", ":", "1:2:3:4", "boot"}) CHECK_FALSE(process_is_gone(text));
  const std::string where = mine.substr(0, mine.find(':', space) + 1);
  for (const char* text : {"", ":", "12", "12:", ":34", "x:y", "../1:2"})
    CHECK_FALSE(process_is_gone(where + text));
}
