// The log of what a power cut takes, against its specification, with random operations on real files.
#include "nemesis/agent/disk/disk_store.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "tests/agent/disk_spec.h"
#include "tests/catch.h"

namespace riven::agent {
namespace {

namespace fs = std::filesystem;

/// Plays random operations on a scratch directory and on the specification alike.
class Player {
 public:
  Player(uint64_t seed, PendingChanges::Names names, PendingChanges::Limits limits = {})
      : rng_(seed), strict_(names == PendingChanges::Names::strict), store_(names, limits) {
    char name[] = "/tmp/riven-disk-XXXXXX";
    path_ = ::mkdtemp(name);
    root_ = ::open(path_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  }
  ~Player() {
    for (const auto& [id, fd] : open_) ::close(fd);
    ::close(root_);
    fs::remove_all(path_);
  }
  Player(const Player&) = delete;
  Player& operator=(const Player&) = delete;

  void play(int steps) {
    for (int i = 0; i < steps; ++i) one();
  }
  Loss crash(LossKind kind) { return store_.crash(kind, rng_); }
  const DiskSpec& spec() const { return spec_; }
  const PendingChanges& pending() const { return store_.pending(); }

  SpecContent found() const {
    SpecContent files;
    for (const auto& each : fs::recursive_directory_iterator(path_)) {
      const std::string path = each.path().string().substr(path_.size());
      if (each.is_directory()) {
        files[path + "/"] = "";
        continue;
      }
      std::ifstream in(each.path(), std::ios::binary);
      files[path] = std::string(std::istreambuf_iterator<char>(in), {});
    }
    return files;
  }

 private:
  std::string random_path(const char* names) {
    static const char* const kDirectories[] = {"/", "/", "/d/", "/e/"};
    return kDirectories[rng_.below(4)] + std::string(1, names[rng_.below(3)]);
  }
  static std::string parent(const std::string& path) { return path.substr(0, path.rfind('/') + 1); }
  bool has_parent(const std::string& path) const {
    return parent(path) == "/" || spec_.tree().contains(parent(path));
  }
  int directory(const std::string& path) {
    const std::string relative = parent(path) == "/" ? "." : parent(path).substr(1);
    return ::openat(root_, relative.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC);
  }
  static std::string leaf(const std::string& path) { return path.substr(path.rfind('/') + 1); }

  /// An open file of the specification's, by chance; 0: none.
  int any_file() {
    if (open_.empty()) return 0;
    return std::next(open_.begin(), static_cast<std::ptrdiff_t>(rng_.below(open_.size())))->first;
  }

  void one() {
    const uint64_t what = rng_.below(20);
    if (what < 6) return write();
    if (what < 8) return create();
    if (what < 9) return resize();
    if (what < 11) return rename();
    if (what < 13) return unlink();
    if (what < 14) return make_directory();
    if (what < 15) return remove_directory();
    if (what < 16) return link();
    if (what < 17) return allocate();
    if (what < 19) return sync_file();
    if (rng_.chance(0.3)) {
      store_.sync_directory();
      spec_.sync_names();
    }
  }

  void write() {
    const int id = any_file();
    if (id == 0) return;
    const size_t offset = rng_.below(2500), length = 1 + rng_.below(1500);
    const std::string bytes(length, static_cast<char>('a' + rng_.below(26)));
    REQUIRE(store_.write(open_[id], bytes.data(), length, offset) == static_cast<ssize_t>(length));
    spec_.step(spec_.tree());
    std::string& content = spec_.content(id);
    if (content.size() < offset + length) content.resize(offset + length, '\0');
    content.replace(offset, length, bytes);
  }
  void resize() {
    const int id = any_file();
    if (id == 0) return;
    const size_t size = rng_.below(3000);
    REQUIRE(store_.resize(open_[id], size) == 0);
    spec_.step(spec_.tree());
    spec_.content(id).resize(size, '\0');
  }
  void allocate() {
    const int id = any_file();
    if (id == 0) return;
    const size_t offset = rng_.below(2000), length = 1 + rng_.below(2000);
    REQUIRE(store_.allocate(open_[id], 0, offset, length) == 0);
    spec_.step(spec_.tree());
    std::string& content = spec_.content(id);
    content.resize(std::max(content.size(), offset + length), '\0');
  }
  void sync_file() {
    const int id = any_file();
    if (id == 0) return;
    store_.sync_file(open_[id]);
    spec_.sync_file(id, !strict_);
  }
  void create() {
    const std::string path = random_path("xyz");
    if (!has_parent(path) || spec_.tree().contains(path)) return;
    const int parent_fd = directory(path);
    const int fd = store_.create(parent_fd, leaf(path), O_RDWR, 0644, {::getuid(), ::getgid()});
    ::close(parent_fd);
    REQUIRE(fd >= 0);
    SpecTree tree = spec_.tree();
    const int id = spec_.make_inode();
    tree[path] = id;
    open_[id] = fd;
    spec_.step(tree);
  }
  void unlink() {
    const std::string path = random_path("xyz");
    if (!spec_.tree().contains(path)) return;
    const int parent_fd = directory(path);
    REQUIRE(store_.remove(parent_fd, leaf(path), false) == 0);
    ::close(parent_fd);
    SpecTree tree = spec_.tree();
    tree.erase(path);
    spec_.step(tree);
  }
  void link() {
    const std::string from = random_path("xyz"), to = random_path("xyz");
    if (!spec_.tree().contains(from) || spec_.tree().contains(to) || !has_parent(to)) return;
    const int parent_fd = directory(from), target_fd = directory(to);
    const int path = ::openat(parent_fd, leaf(from).c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC);
    REQUIRE(store_.link(path, target_fd, leaf(to)) == 0);
    for (const int fd : {parent_fd, target_fd, path}) ::close(fd);
    SpecTree tree = spec_.tree();
    tree[to] = tree[from];
    spec_.step(tree);
  }
  void rename() {
    const std::string from = random_path("xyz"), to = random_path("xyz");
    if (!spec_.tree().contains(from) || !has_parent(to)) return;
    const int parent_fd = directory(from), target_fd = directory(to);
    REQUIRE(store_.rename(parent_fd, leaf(from), target_fd, leaf(to), 0) == 0);
    for (const int fd : {parent_fd, target_fd}) ::close(fd);
    SpecTree tree = spec_.tree();
    // POSIX: two names of one file, and nothing happens.
    if (tree.contains(to) && tree[to] == tree[from]) return;
    tree[to] = tree[from];
    tree.erase(from);
    spec_.step(tree);
  }
  void make_directory() {
    const std::string path = rng_.chance(0.5) ? "/d" : "/e";
    if (spec_.tree().contains(path + "/")) return;
    REQUIRE(store_.make_directory(root_, leaf(path), 0755, {::getuid(), ::getgid()}) == 0);
    SpecTree tree = spec_.tree();
    tree[path + "/"] = 0;
    spec_.step(tree);
  }
  void remove_directory() {
    const std::string path = rng_.chance(0.5) ? "/d" : "/e";
    if (!spec_.tree().contains(path + "/")) return;
    SpecTree tree = spec_.tree();
    tree.erase(path + "/");
    const auto inside = tree.lower_bound(path + "/");
    const bool empty = inside == tree.end() || inside->first.rfind(path + "/", 0) != 0;
    const int done = store_.remove(root_, leaf(path), true);
    REQUIRE((done == 0) == empty);
    if (empty) spec_.step(tree);
  }

  Rng rng_;
  bool strict_;
  std::string path_;
  int root_;
  DiskStore store_;
  DiskSpec spec_;
  std::map<int, int> open_;  // the specification's inodes and their descriptors
};

constexpr int kSequences = 150;

TEST_CASE("everything that was not synced is lost, nothing that was", "[agent][disk]") {
  uint64_t lost_bytes = 0, lost_names = 0;
  for (const auto names : {PendingChanges::Names::journal, PendingChanges::Names::strict}) {
    for (uint64_t seed = 1; seed <= kSequences; ++seed) {
      Player player(seed, names);
      player.play(60);
      CAPTURE(seed, names == PendingChanges::Names::strict);
      CHECK(player.found() == player.spec().state(player.spec().now(), player.spec().now()));
      const Loss loss = player.crash(LossKind::all);
      CHECK(loss.errors == 0);
      CHECK(player.found() == player.spec().state(0, 0));
      CHECK(player.pending().pending_bytes() == 0);
      lost_bytes += loss.bytes;
      lost_names += loss.names;
    }
  }
  CHECK(lost_bytes > 100'000);
  CHECK(lost_names > 500);
}

/// The step whose names were found; nothing: no step's.
std::vector<size_t> steps_with(const DiskSpec& spec, const SpecContent& found) {
  std::vector<size_t> steps;
  for (size_t step = spec.names_synced(); step <= spec.now(); ++step) {
    const SpecTree& tree = spec.trees()[step];
    const bool same = tree.size() == found.size() &&
                      std::equal(tree.begin(), tree.end(), found.begin(),
                                 [](const auto& a, const auto& b) { return a.first == b.first; });
    if (same) steps.push_back(step);
  }
  return steps;
}

TEST_CASE("whatever order the disk wrote in, names are a prefix and data is old, new or zero",
          "[agent][disk]") {
  uint64_t kept = 0;
  for (const LossKind kind : {LossKind::torn, LossKind::reordered, LossKind::files}) {
    for (uint64_t seed = 1; seed <= kSequences; ++seed) {
      Player player(seed, PendingChanges::Names::journal);
      player.play(60);
      CAPTURE(seed, static_cast<int>(kind));
      const Loss loss = player.crash(kind);
      kept += loss.kept_bytes;
      CHECK(loss.errors == 0);
      const SpecContent found = player.found();
      const std::vector<size_t> steps = steps_with(player.spec(), found);
      const bool allowed = std::any_of(steps.begin(), steps.end(), [&](size_t step) {
        const SpecTree& tree = player.spec().trees()[step];
        return std::all_of(tree.begin(), tree.end(), [&](const auto& each) {
          return player.spec().allows(each.second, found.at(each.first));
        });
      });
      CHECK(allowed);
    }
  }
  CHECK(kept > 100'000);
}

TEST_CASE("a torn power cut is one moment, but for one write", "[agent][disk]") {
  size_t earlier = 0;
  for (uint64_t seed = 1; seed <= kSequences; ++seed) {
    Player player(seed, PendingChanges::Names::journal);
    player.play(60);
    CAPTURE(seed);
    player.crash(LossKind::torn);
    const SpecContent found = player.found();
    bool one_moment = false;
    for (size_t step = 0; step <= player.spec().now() && !one_moment; ++step) {
      const SpecContent then = player.spec().state(step, step);
      size_t differ = then.size() == found.size() ? 0 : 2;
      for (const auto& [path, content] : then) {
        const auto here = found.find(path);
        differ += here == found.end() ? 2 : here->second == content ? 0 : 1;
      }
      // The file of the torn write may have several names.
      one_moment = differ <= 1 || (differ <= 3 && then.size() == found.size());
      if (one_moment && step < player.spec().now()) ++earlier;
    }
    CHECK(one_moment);
  }
  CHECK(earlier > kSequences / 4);
}

TEST_CASE("a file survives as a whole or not at all where the disk is asked for that", "[agent][disk]") {
  for (uint64_t seed = 1; seed <= kSequences; ++seed) {
    Player player(seed, PendingChanges::Names::journal);
    player.play(60);
    CAPTURE(seed);
    player.crash(LossKind::files);
    const SpecContent found = player.found();
    const std::vector<size_t> steps = steps_with(player.spec(), found);
    const bool whole = std::any_of(steps.begin(), steps.end(), [&](size_t step) {
      const SpecContent old_data = player.spec().state(step, 0);
      const SpecContent new_data = player.spec().state(step, player.spec().now());
      return std::all_of(found.begin(), found.end(), [&](const auto& each) {
        return each.second == old_data.at(each.first) || each.second == new_data.at(each.first);
      });
    });
    CHECK(whole);
  }
}

TEST_CASE("what exceeds the log counts as written back", "[agent][disk]") {
  PendingChanges::Limits limits;
  limits.most_bytes = 4096;
  limits.most_names = 5;
  limits.most_files = 6;
  for (uint64_t seed = 1; seed <= 40; ++seed) {
    Player player(seed, PendingChanges::Names::journal, limits);
    player.play(80);
    CAPTURE(seed);
    CHECK(player.pending().pending_bytes() <= 4096);
    CHECK(player.pending().pending_names() <= 5);
    CHECK(player.crash(LossKind::all).errors == 0);
    CHECK_FALSE(steps_with(player.spec(), player.found()).empty());
  }
}

}  // namespace
}  // namespace riven::agent
