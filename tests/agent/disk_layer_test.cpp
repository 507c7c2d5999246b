// The disk layer as a mounted file system, used as programs use one.
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>

#include "harness/core/clock.h"
#include "harness/core/json_fields.h"
#include "nemesis/agent/disk/disk_fault.h"
#include "nemesis/agent/disk/disk_process.h"
#include "nemesis/agent/disk/fuse_channel.h"
#include "tests/catch.h"

namespace riven::agent {
namespace {

namespace fs = std::filesystem;

/// A layer over a scratch directory; nothing where this machine cannot.
class Mounted {
 public:
  static std::optional<Mounted> make() {
    if (Status can = can_mount_fuse(); !can) {
      WARN("skipped: " << can.error().message);
      return std::nullopt;
    }
    char name[] = "/tmp/riven-layer-XXXXXX";
    const std::string path = ::mkdtemp(name);
    Result<DiskProcess> process =
        DiskProcess::start(path, "riven:test:" + path, PendingChanges::Names::journal);
    if (!process) FAIL(process.error().message);
    return Mounted(path, std::move(*process));
  }
  Mounted(Mounted&&) = default;
  Mounted& operator=(Mounted&&) = delete;
  ~Mounted() {
    if (path.empty()) return;
    (void)detach_mount(path);
    std::error_code error;
    fs::remove_all(path, error);
  }
  Json ask(const Json& request) {
    Result<Json> reply = process.ask(request);
    if (!reply) FAIL(reply.error().message);
    return *reply;
  }
  void rules(const Json& rule) { ask({{"do", "rules"}, {"id", "f"}, {"rules", Json::array({rule})}}); }
  Json clear() { return ask({{"do", "clear"}, {"id", "f"}}); }
  Json crash() { return ask({{"do", "crash"}, {"loss", "all"}, {"seed", 1}}); }
  std::string operator/(const std::string& name) const { return path + "/" + name; }

  std::string path;
  DiskProcess process;

 private:
  Mounted(std::string where, DiskProcess what) : path(std::move(where)), process(std::move(what)) {}
};

int put(const std::string& path, const std::string& bytes, bool sync, int flags = 0) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | flags, 0640);
  if (fd < 0) return errno;
  int error = ::write(fd, bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()) ? 0 : errno;
  if (error == 0 && sync && ::fsync(fd) != 0) error = errno;
  ::close(fd);
  return error;
}

std::string get(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::stringstream content;
  content << in.rdbuf();
  return in ? content.str() : "(" + std::string(std::strerror(errno)) + ")";
}

TEST_CASE("the layer is a file system as programs know it", "[agent][disk][root]") {
  auto disk = Mounted::make();
  if (!disk) return;
  const std::string big(300'000, 'x');
  CHECK(put(*disk / "a", big, true) == 0);
  CHECK(get(*disk / "a") == big);
  CHECK(fs::file_size(*disk / "a") == big.size());
  CHECK((fs::status(*disk / "a").permissions() & fs::perms::mask) == static_cast<fs::perms>(0640));
  fs::create_directories(*disk / "deep/er");
  fs::rename(*disk / "a", *disk / "deep/er/b");
  fs::create_hard_link(*disk / "deep/er/b", *disk / "c");
  CHECK(fs::hard_link_count(*disk / "c") == 2);
  fs::create_symlink("c", *disk / "s");
  CHECK(fs::read_symlink(*disk / "s") == "c");
  CHECK(get(*disk / "s") == big);
  fs::resize_file(*disk / "c", 10);
  CHECK(get(*disk / "deep/er/b") == "xxxxxxxxxx");
  for (int i = 0; i < 300; ++i)
    CHECK(put(*disk / ("deep/file-with-a-long-name-" + std::to_string(i)), "1", false) == 0);
  CHECK(std::distance(fs::directory_iterator(*disk / "deep"), fs::directory_iterator()) == 301);
  CHECK(put(*disk / "c", "+more", false, O_APPEND) == 0);
  CHECK(get(*disk / "c") == "xxxxxxxxxx+more");
  const int fd = ::open((*disk / "c").c_str(), O_RDWR | O_CLOEXEC);
  void* const shared = ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  REQUIRE(shared != MAP_FAILED);
  std::memcpy(shared, "MAPPED", 6);
  CHECK(::msync(shared, 4096, MS_SYNC) == 0);
  ::munmap(shared, 4096);
  CHECK(get(*disk / "deep/er/b") == "MAPPEDxxxx+more");
  CHECK(::posix_fallocate(fd, 0, 8192) == 0);
  CHECK(fs::file_size(*disk / "c") == 8192);
  fs::remove(*disk / "c");
  fs::remove_all(*disk / "deep");
  CHECK(::pwrite(fd, "still", 5, 0) == 5);
  ::close(fd);
  CHECK_FALSE(fs::exists(*disk / "c"));
  CHECK(integer_of(disk->ask({{"do", "traffic"}}), "writes") > 300);
}

TEST_CASE("the power fails: what was synced is there, the rest is not", "[agent][disk][root]") {
  auto disk = Mounted::make();
  if (!disk) return;
  REQUIRE(put(*disk / "log", "first.", true) == 0);
  REQUIRE(put(*disk / "log", "second.", false, O_APPEND) == 0);
  REQUIRE(put(*disk / "durable", "x", false, O_DSYNC) == 0);
  REQUIRE(put(*disk / "young", "never synced", false) == 0);
  fs::rename(*disk / "durable", *disk / "renamed");
  CHECK(get(*disk / "log") == "first.second.");
  const Json lost = disk->crash();
  CHECK(integer_of(lost, "lost_bytes") == 19);
  CHECK(integer_of(lost, "lost_names") == 2);
  CHECK(integer_of(lost, "errors") == 0);
  CHECK(get(*disk / "log") == "first.");
  CHECK(get(*disk / "durable") == "x");
  CHECK_FALSE(fs::exists(*disk / "young"));
  CHECK_FALSE(fs::exists(*disk / "renamed"));
  // The layer goes on, and what it brought back is durable.
  REQUIRE(put(*disk / "log", "third.", true, O_APPEND) == 0);
  CHECK(integer_of(disk->crash(), "lost_bytes") == 0);
  CHECK(get(*disk / "log") == "first.third.");
}

TEST_CASE("disks refuse and dawdle as told, and stop when told", "[agent][disk][root]") {
  auto disk = Mounted::make();
  if (!disk) return;
  REQUIRE(put(*disk / "a.wal", "12345", true) == 0);
  disk->rules({{"what", "error"}, {"ops", {"sync"}}, {"path", "*.wal"}});
  CHECK(put(*disk / "a.wal", "x", true) == EIO);
  CHECK(put(*disk / "a.db", "x", true) == 0);
  CHECK(integer_of(disk->clear(), "refused") == 1);
  CHECK(put(*disk / "a.wal", "x", true) == 0);

  disk->rules({{"what", "full"}});
  CHECK(put(*disk / "new", "x", false) == ENOSPC);
  CHECK(put(*disk / "a.wal", "xx", true) == 0);
  CHECK(put(*disk / "a.wal", "xxxxxxxxx", true) == ENOSPC);
  struct statvfs space {};
  CHECK(::statvfs(disk->path.c_str(), &space) == 0);
  CHECK(space.f_bavail == 0);
  CHECK(integer_of(disk->clear(), "refused") == 2);

  disk->rules({{"what", "read-only"}});
  CHECK(put(*disk / "a.wal", "x", true) == EROFS);
  CHECK(get(*disk / "a.db") == "x");
  disk->clear();

  disk->rules({{"what", "slow"}, {"ops", {"sync"}}, {"delay_us", 200'000}});
  const int64_t began_ns = monotonic_now_ns();
  CHECK(put(*disk / "a.db", "y", false) == 0);
  CHECK(monotonic_now_ns() - began_ns < 200 * kNanosPerMilli);
  CHECK(put(*disk / "a.db", "y", true) == 0);
  CHECK(monotonic_now_ns() - began_ns >= 200 * kNanosPerMilli);
  CHECK(integer_of(disk->clear(), "delayed") == 1);

  disk->rules({{"what", "error"}, {"error", "EIO"}, {"ops", {"write"}}, {"per_million", 300'000}});
  int refused = 0;
  for (int i = 0; i < 400; ++i) refused += put(*disk / "b", "z", false) == EIO ? 1 : 0;
  CHECK(refused > 80);
  CHECK(refused < 160);
  CHECK(integer_of(disk->clear(), "refused") == refused);
  CHECK_FALSE(disk->process.ask({{"do", "rules"}, {"id", "f"}, {"rules", {{{"what", "gone"}}}}}));
}

TEST_CASE("files are cut and flipped where asked for", "[agent][disk][root]") {
  auto disk = Mounted::make();
  if (!disk) return;
  REQUIRE(put(*disk / "a.wal", std::string(1000, 'a'), true) == 0);
  REQUIRE(put(*disk / "a.db", std::string(1000, 'a'), true) == 0);
  Json crash = {{"do", "crash"}, {"loss", "all"}, {"seed", 7}};
  crash["damage"] = {{"what", "truncate"}, {"path", "*.wal"}, {"bytes", 100}};
  CHECK(integer_of(disk->ask(crash), "damaged_files") == 1);
  CHECK(fs::file_size(*disk / "a.wal") < 1000);
  CHECK(fs::file_size(*disk / "a.wal") >= 900);
  crash["damage"] = {{"what", "flip"}, {"path", "/a.db"}, {"bytes", 1}};
  CHECK(integer_of(disk->ask(crash), "flipped_bits") == 1);
  const std::string flipped = get(*disk / "a.db");
  CHECK(std::count(flipped.begin(), flipped.end(), 'a') == 999);
}

TEST_CASE("when its agent is gone the layer passes everything on, and ends with its last file",
          "[agent][disk][root]") {
  auto disk = Mounted::make();
  if (!disk) return;
  disk->rules({{"what", "read-only"}});
  CHECK(put(*disk / "a", "x", true) == EROFS);
  { const DiskProcess gone = std::move(disk->process); }
  const int64_t until_ns = monotonic_now_ns() + 5 * kNanosPerSecond;
  while (put(*disk / "a", "x", true) != 0 && monotonic_now_ns() < until_ns) ::usleep(1000);
  CHECK(get(*disk / "a") == "x");

  const int fd = ::open((*disk / "a").c_str(), O_RDWR | O_CLOEXEC);
  REQUIRE(detach_mount(disk->path));
  for (const FuseMount& mount : fuse_mounts()) CHECK(mount.directory != disk->path);
  CHECK(::pwrite(fd, "y", 1, 1) == 1);
  CHECK(get(*disk / "a") == "xy");  // the bare file: all was written through
  ::close(fd);
}

TEST_CASE("the agent's kinds: a layer, a fault in it, and nothing left after the undo",
          "[agent][disk][root]") {
  if (!can_mount_fuse()) return;
  char name[] = "/tmp/riven-kind-XXXXXX";
  const std::string path = std::string(::mkdtemp(name)) + "/made/data";
  Context context;
  context.owner = "disk-test";
  const FaultKind layer = disk_layer_kind(), kind = disk_kind();
  const Json params = {{"directory", path}, {"rules", {{{"what", "full"}}}}};
  CHECK_FALSE(kind.make(context, "f2", params));
  CHECK_FALSE(layer.make(context, "f1", {{"directory", "relative"}}));
  auto under = layer.make(context, "f1", {{"directory", path}});
  REQUIRE(under);
  const Json record = (*under)->undo_record();
  REQUIRE((*under)->apply());
  CHECK_FALSE(layer.make(context, "f3", {{"directory", path}}));
  auto fault = kind.make(context, "f2", params);
  REQUIRE(fault);
  REQUIRE((*fault)->apply());
  CHECK(put(path + "/a", "x", false) == ENOSPC);
  CHECK(integer_of((*fault)->observe(), "refused") == 1);
  const auto undone = kind.undo(context, (*fault)->undo_record());
  REQUIRE(undone);
  CHECK(integer_of(*undone, "refused") == 1);
  CHECK(put(path + "/a", "x", false) == 0);
  CHECK(kind.undo(context, (*fault)->undo_record()));

  // An agent that died: the next one knows the mount by its source alone.
  const auto swept = layer.sweep(context);
  REQUIRE(swept);
  CHECK(integer_of(*swept, "mounts") == 1);
  CHECK(layer.sweep(context)->empty());
  CHECK(layer.undo(context, record));
  CHECK(layer.undo(context, record));
  CHECK(get(path + "/a") == "x");
  fs::remove(path + "/a");
  CHECK(layer.undo(context, record));
  CHECK_FALSE(fs::exists(path));
  fs::remove_all(name);
}

}  // namespace
}  // namespace riven::agent
