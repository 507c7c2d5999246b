// `riven check --memory`: a history whose values do not fit, by the program itself.
#include <sys/wait.h>

#include <cstdlib>

#include "tests/catch.h"
#include "tests/history/scratch.h"
#include "tests/sanitized.h"

using namespace riven;
using namespace riven::test;

namespace {

/// Five clients append to and read lists of up to 2,000 elements; the last two lose an update.
std::string long_lists() {
  std::string out;
  const auto event = [&](int process, const char* type, const std::string& value) {
    out += R"({"process":)" + std::to_string(process) + R"(,"type":")" + type + R"(","f":"txn","value":[)" +
           value + "]}\n";
  };
  std::string list;
  for (int i = 0; i < 6000; ++i) {
    const std::string key = std::to_string(i / 2000), element = std::to_string(1'000'000 + i);
    if (i % 2000 == 0) list.clear();
    const std::string append = R"(["append",)" + key + "," + element + "]";
    event(i % 5, "invoke", append + R"(,["r",)" + key + ",null]");
    list += (list.empty() ? "" : ",") + element;
    event(i % 5, "ok", append + R"(,["r",)" + key + ",[" + list + "]]");
  }
  for (const char* const type : {"invoke", "ok"})
    for (const int process : {0, 1})
      event(process, type,
            std::string(R"(["r",9,)") + (type[0] == 'o' ? "[]" : "null") + R"(],["append",9,)" +
                std::to_string(process) + "]");
  event(2, "invoke", R"(["r",9,null])");
  event(2, "ok", R"(["r",9,[0,1]])");
  return out;
}

int exit_code_of(const std::string& command) {
  const int status = std::system(command.c_str());
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

}  // namespace

TEST_CASE("riven check --memory spills what does not fit, and leaves the same files") {
  if (kSanitized) return;  // a sanitizer's own memory is counted, too
  const Scratch scratch;
  spew(scratch.file("history.jsonl"), long_lists());
  const auto check = [&](const std::string& more, const std::string& before = "") {
    return exit_code_of(before + " " RIVEN_PATH " check --quiet " + scratch.file("history.jsonl") + " " +
                        more + " 2>" + scratch.file("stderr"));
  };
  REQUIRE(check("--memory 1GB --artifacts " + scratch.file("all")) == 1);
  REQUIRE(check("--memory 48MB --artifacts " + scratch.file("spilled")) == 1);
  CHECK(slurp(scratch.file("stderr")).empty());
  for (const char* const name : {"isolation.dot", "isolation.json", "isolation.txt", "minimal.jsonl"}) {
    INFO(name);
    const std::string bytes = slurp(scratch.file("all") + "/" + name);
    CHECK(!bytes.empty());
    CHECK(bytes == slurp(scratch.file("spilled") + "/" + name));
  }
  CHECK(exit_code_of(RIVEN_PATH " check --quiet " + scratch.file("all") + "/minimal.jsonl") == 1);
  // Where nothing can be spilled only a history that fits is judged.
  CHECK(check("--memory 1GB", "TMPDIR=/nonexistent") == 1);
  CHECK(check("--memory 48MB", "TMPDIR=/nonexistent") == 64);
  CHECK(says(slurp(scratch.file("stderr")), {"TMPDIR", "--memory"}));
}
