// Words of older versions, which scripts may use: understood, and shown nowhere.
#include <array>
#include <cstdio>
#include <string>

#include "tests/catch.h"

namespace {

/// What the program prints, on both streams.
std::string output_of(const std::string& arguments) {
  FILE* const pipe = popen((RIVEN_PATH " " + arguments + " 2>&1").c_str(), "r");
  REQUIRE(pipe != nullptr);
  std::string text;
  std::array<char, 4096> buffer{};
  size_t got = 0;
  while ((got = std::fread(buffer.data(), 1, buffer.size(), pipe)) > 0) text.append(buffer.data(), got);
  pclose(pipe);
  return text;
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("options of older versions are understood") {
  const std::string unknown_database = "no database is called 'none'";
  for (const char* const options :
       {"", "--debian-suite trixie", "--suite trixie", "--agent host", "--agent beside",
        "--skip-unsupported-faults", "--leave-out-faults", "--faults fd-limit", "--faults descriptors",
        "--faults descriptors --fault-opt descriptors.spare=3"}) {
    CAPTURE(options);
    CHECK(contains(output_of("run --db none " + std::string(options)), unknown_database));
  }
  CHECK_FALSE(contains(output_of("run --db none --agent nowhere"), unknown_database));
  CHECK(contains(output_of("run --db none --faults kill --fault-opt descriptors.spare=3"), unknown_database));
  for (const char* const fault : {"fd-limit", "descriptors"}) {
    const std::string said = output_of("fault " + std::string(fault) + " n1 --for never");
    CHECK(contains(said, "--for takes a time"));
  }
}

TEST_CASE("no help shows a word of an older version") {
  for (const char* const command : {"run", "cluster up", "fault", "fault fd-limit", "doctor"}) {
    CAPTURE(command);
    const std::string help = output_of(std::string(command) + " --help");
    CHECK(contains(help, "Usage:"));
    for (const char* const old : {"--suite", "leave-out", "beside", "descriptors", "stop-stop"})
      CHECK_FALSE(contains(help, old));
  }
  CHECK_FALSE(contains(output_of("list"), "descriptors`"));
}
