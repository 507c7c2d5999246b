// Kinds "snapshot" and "rollback": copies of directories, and directories set back.
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "harness/core/json_fields.h"
#include "nemesis/agent/disk/snapshot_fault.h"
#include "nemesis/agent/disk/tree_copy.h"
#include "tests/agent/namespaces.h"
#include "tests/agent/victims.h"

namespace riven::test {
namespace {

namespace fs = std::filesystem;

void write(const std::string& path, const std::string& text) { std::ofstream(path) << text; }
std::string read(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

TEST_CASE("a tree is copied with links, modes, times and holes, and told from another") {
  TempDirectory from, to;
  fs::create_directories(from.path + "/a/b");
  write(from.path + "/a/b/file", "text");
  fs::create_symlink("a/b/file", from.path + "/link");
  fs::permissions(from.path + "/a/b/file", fs::perms::owner_read);
  write(from.path + "/zeros", std::string(1 << 20, '\0') + "end");
  const auto bytes = agent::copy_tree(from.path, to.path, true);
  REQUIRE(bytes);
  CHECK(*bytes == 4 + (1 << 20) + 3);
  CHECK(read(to.path + "/link") == "text");
  CHECK(read(to.path + "/zeros") == read(from.path + "/zeros"));
  CHECK(fs::status(to.path + "/a/b/file").permissions() == fs::perms::owner_read);
  struct stat holes {};
  REQUIRE(stat((to.path + "/zeros").c_str(), &holes) == 0);
  CHECK(holes.st_blocks * 512 < 1 << 20);
  CHECK(agent::count_differences(from.path, to.path) == 0);
  write(from.path + "/zeros", "changed");
  write(to.path + "/new", "");
  CHECK(agent::count_differences(from.path, to.path) == 2);
  REQUIRE(agent::clear_directory(to.path));
  CHECK(fs::is_empty(to.path));
  CHECK_FALSE(agent::copy_tree(from.path + "/none", to.path, true));
}

TEST_CASE("a database's directory is set back to its snapshot, once nothing runs there", "[agent][root]") {
  const auto world = Namespaces::make(1);
  if (!world) return;
  Victim victim;
  auto agent = world->agent(0);
  REQUIRE(agent);
  TempDirectory data;
  write(data.path + "/log", "one");
  const Json params = {{"directory", data.path}, {"processes", {victim.name()}}};
  const auto taken = (*agent)->apply({"snapshot", params});
  if (!taken) FAIL(taken.error().message);
  const std::string copy = text_of(taken->details[taken->ids.front()], "copy");
  CHECK(read(copy + "/log") == "one");
  write(data.path + "/log", "one two");
  write(data.path + "/other", "");
  Json back = params;
  back["copy"] = copy;
  CHECK_FALSE((*agent)->apply({"rollback", back}));  // it runs
  CHECK(read(data.path + "/log") == "one two");
  const auto killed = (*agent)->apply({"kill", {{"processes", {victim.name()}}}});
  REQUIRE(killed);
  const auto done = (*agent)->apply({"rollback", back});
  if (!done) FAIL(done.error().message);
  CHECK(integer_of(done->details[done->ids.front()], "stale") == 2);
  CHECK(read(data.path + "/log") == "one");
  CHECK_FALSE(fs::exists(data.path + "/other"));
  back["copy"] = data.path;
  CHECK_FALSE((*agent)->apply({"rollback", back}));  // no copy of ours
  for (int i = 0; i < 2; ++i) {
    REQUIRE((*agent)->heal(taken->ids));
    CHECK_FALSE(fs::exists(copy));
  }
  CHECK(read(data.path + "/log") == "one");
}

}  // namespace
}  // namespace riven::test
