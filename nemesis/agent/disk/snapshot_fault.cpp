#include "nemesis/agent/disk/snapshot_fault.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <utility>

#include "harness/core/json_fields.h"
#include "nemesis/agent/core/self_test.h"
#include "nemesis/agent/disk/tree_copy.h"
#include "nemesis/agent/process/process_fault.h"
#include "nemesis/agent/process/process_table.h"

namespace riven::agent {
namespace {

/// Copies of one owner's begin so.
std::string copy_prefix(const Context& context) {
  return context.state_directory + "/snapshot-" + context.owner + ".";
}

bool is_plain_path(const std::string& path) {
  return path.size() > 1 && path.front() == '/' && path.find("/..") == std::string::npos &&
         path.back() != '/';
}

Status is_directory(const std::string& path) {
  struct stat found {};
  if (!is_plain_path(path)) return Error{"the absolute path of a directory is needed, not '" + path + "'"};
  if (::stat(path.c_str(), &found) != 0 || !S_ISDIR(found.st_mode))
    return Error{"there is no directory " + path};
  return ok_status();
}

class Snapshot final : public Fault {
 public:
  Snapshot(std::string directory, std::string copy, std::vector<std::string> processes)
      : directory_(std::move(directory)), copy_(std::move(copy)), processes_(std::move(processes)) {}

  Json undo_record() const override { return {{"copy", copy_}, {"processes", processes_}}; }

  Result<Json> apply() override {
    if (::mkdir(copy_.c_str(), 0700) != 0) return Error{"cannot make " + copy_ + ": " + std::strerror(errno)};
    const std::lock_guard<std::mutex> lock(stop_turns().mutex);
    if (!processes_.empty() && !freeze(processes_, {}).whole)
      return thawed(Error{"the processes could not all be stopped within 2 s"});
    const Result<int64_t> bytes = copy_tree(directory_, copy_, false);
    if (!bytes) return thawed(bytes.error());
    return thawed(Json{{"copy", copy_}, {"bytes", *bytes}});
  }

  Json observe() override { return {{"stale", count_differences(directory_, copy_)}}; }

 private:
  /// Another fault may need them stopped.
  Result<Json> thawed(Result<Json> done) const {
    if (stop_turns().pauses == 0 && !processes_.empty()) thaw(processes_);
    return done;
  }

  std::string directory_;
  std::string copy_;
  std::vector<std::string> processes_;
};

Result<std::unique_ptr<Fault>> make_snapshot(const Context& context, const std::string& id,
                                             const Json& params) {
  const std::string directory = text_of(params, "directory");
  if (Status is = is_directory(directory); !is) return is.error();
  return std::unique_ptr<Fault>(
      std::make_unique<Snapshot>(directory, copy_prefix(context) + id, texts_of(params, "processes")));
}

Result<Json> undo_snapshot(const Context& context, const Json& record) {
  const std::string copy = text_of(record, "copy");
  if (copy.rfind(context.state_directory + "/snapshot-", 0) != 0 || !is_plain_path(copy)) return Json();
  // An agent that died over it left them standing.
  if (const std::vector<std::string> processes = texts_of(record, "processes"); !processes.empty()) {
    const std::lock_guard<std::mutex> lock(stop_turns().mutex);
    if (stop_turns().pauses == 0) thaw(processes);
  }
  std::error_code error;
  std::filesystem::remove_all(copy, error);
  return error ? Result<Json>(Error{"cannot remove " + copy + ": " + error.message()}) : Json();
}

Result<Json> sweep_snapshots(const Context& context) {
  int64_t removed = 0;
  std::error_code error;
  for (std::filesystem::directory_iterator at(context.state_directory, error), end; !error && at != end;
       at.increment(error)) {
    if (at->path().string().rfind(copy_prefix(context), 0) != 0) continue;
    Result<Json> undone = undo_snapshot(context, {{"copy", at->path().string()}});
    if (!undone) return undone;
    ++removed;
  }
  return removed == 0 ? Json::object() : Json{{"copies", removed}};
}

class Rollback final : public Fault {
 public:
  Rollback(std::string directory, std::string copy, std::vector<std::string> processes)
      : directory_(std::move(directory)), copy_(std::move(copy)), processes_(std::move(processes)) {}

  Json undo_record() const override { return Json::object(); }

  Result<Json> apply() override {
    if (!processes_.empty() && !process_trees(processes_).empty())
      return Error{"the database must not run while its data is replaced"};
    const int64_t stale = count_differences(directory_, copy_);
    if (Status cleared = clear_directory(directory_); !cleared) return cleared.error();
    const Result<int64_t> bytes = copy_tree(copy_, directory_, true);
    if (!bytes) return bytes.error();
    done_ = {{"stale", stale}, {"bytes", *bytes}};
    return done_;
  }

  Json observe() override { return done_; }

 private:
  std::string directory_;
  std::string copy_;
  std::vector<std::string> processes_;
  Json done_;
};

Result<std::unique_ptr<Fault>> make_rollback(const Context& context, const std::string&, const Json& params) {
  const std::string directory = text_of(params, "directory"), copy = text_of(params, "copy");
  if (copy.rfind(context.state_directory + "/snapshot-", 0) != 0) return Error{copy + " is no copy of ours"};
  for (const std::string& path : {directory, copy}) {
    if (Status is = is_directory(path); !is) return is.error();
  }
  return std::unique_ptr<Fault>(std::make_unique<Rollback>(directory, copy, texts_of(params, "processes")));
}

Result<Json> undo_rollback(const Context&, const Json&) { return Json(); }

std::string content_of(const std::string& path) {
  std::ifstream file(path);
  std::string content;
  std::getline(file, content);
  return content;
}

/// A directory of the agent's is copied, changed and set back.
Status probe(const Context& context) {
  if (::geteuid() != 0) return Error{"other users' files are copied by root alone"};
  const std::string directory = context.state_directory + "/self-test-snapshot-" + context.owner;
  const std::string file = directory + "/file", copy = copy_prefix(context) + "self-test";
  std::error_code ignored;
  std::filesystem::create_directory(directory, ignored);
  std::ofstream(file) << "before\n";
  Status works = Error{"a directory could not be set back"};
  Snapshot snapshot(directory, copy, {});
  if (const auto copied = snapshot.apply(); !copied) {
    works = copied.error();
  } else {
    std::ofstream(file) << "after that\n";
    const auto back = Rollback(directory, copy, {}).apply();
    if (!back) works = back.error();
    if (back && integer_of(*back, "stale") == 1 && content_of(file) == "before") works = ok_status();
  }
  const auto undone = undo_snapshot(context, snapshot.undo_record());
  std::filesystem::remove_all(directory, ignored);
  return works && !undone ? Status(undone.error()) : works;
}

}  // namespace

FaultKind snapshot_kind() { return {"snapshot", make_snapshot, undo_snapshot, sweep_snapshots, probe}; }
FaultKind rollback_kind() { return {"rollback", make_rollback, undo_rollback, nullptr, probe}; }

}  // namespace riven::agent
