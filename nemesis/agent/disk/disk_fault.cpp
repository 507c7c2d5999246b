#include "nemesis/agent/disk/disk_fault.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <map>

#include "harness/core/json_fields.h"
#include "nemesis/agent/core/self_test.h"
#include "nemesis/agent/disk/disk_process.h"
#include "nemesis/agent/disk/disk_rules.h"
#include "nemesis/agent/disk/fuse_channel.h"

namespace riven::agent {
namespace {

/// The layers that this agent mounted, by directory. The agent's one thread's.
std::map<std::string, DiskProcess>& layers() {
  static std::map<std::string, DiskProcess> mounted;
  return mounted;
}

DiskProcess* layer_at(const std::string& directory) {
  const auto found = layers().find(directory);
  return found == layers().end() ? nullptr : &found->second;
}

Result<Json> ask(const std::string& directory, const Json& request) {
  DiskProcess* const layer = layer_at(directory);
  if (layer == nullptr) return Error{"no disk layer lies over " + directory};
  return layer->ask(request);
}

bool is_plain_path(const std::string& path) {
  return path.size() > 1 && path.front() == '/' && path.find("/..") == std::string::npos &&
         path.back() != '/';
}

Status make_directories(const std::string& path) {
  for (size_t slash = path.find('/', 1);; slash = path.find('/', slash + 1)) {
    const std::string part = path.substr(0, slash);
    if (::mkdir(part.c_str(), 0755) != 0 && errno != EEXIST)
      return Error{"cannot make " + part + ": " + std::strerror(errno)};
    if (slash == std::string::npos) return ok_status();
  }
}

class LayerFault final : public Fault {
 public:
  LayerFault(std::string directory, std::string source, PendingChanges::Names names, std::string device)
      : directory_(std::move(directory)),
        source_(std::move(source)),
        names_(names),
        device_(std::move(device)),
        makes_it_(::access(directory_.c_str(), F_OK) != 0) {}

  Json undo_record() const override {
    return {{"directory", directory_}, {"source", source_}, {"made", makes_it_}};
  }
  Result<Json> apply() override {
    if (Status made = make_directories(directory_); !made) return made.error();
    Result<DiskProcess> process = DiskProcess::start(directory_, source_, names_, device_);
    if (!process) return process.error();
    layers().emplace(directory_, std::move(*process));
    return Json{{"directory", directory_}};
  }
  Json observe() override {
    Result<Json> traffic = ask(directory_, {{"do", "traffic"}});
    return traffic ? *traffic : Json{{"error", traffic.error().message}};
  }

 private:
  std::string directory_;
  std::string source_;
  PendingChanges::Names names_;
  std::string device_;
  bool makes_it_;
};

/// Sources of one owner's mounts begin so.
std::string source_prefix(const Context& context) { return "riven:" + context.owner + ":"; }

Result<std::unique_ptr<Fault>> make_layer(const Context& context, const std::string& id, const Json& params) {
  const std::string directory = text_of(params, "directory");
  if (!is_plain_path(directory)) return Error{"a disk layer needs the absolute path of a directory"};
  const std::string names = text_of(params, "names", "journal");
  if (names != "journal" && names != "strict") return Error{"names are journal or strict, not " + names};
  if (layer_at(directory) != nullptr) return Error{"a disk layer lies over " + directory + " already"};
  if (Status can = can_mount_fuse(context.fuse_device); !can) return can.error();
  return std::unique_ptr<Fault>(std::make_unique<LayerFault>(
      directory, source_prefix(context) + id,
      names == "strict" ? PendingChanges::Names::strict : PendingChanges::Names::journal,
      context.fuse_device));
}

/// Detaches every mount whose source is, or begins with, `source`. How many there were.
Result<int64_t> detach(const std::string& source, bool prefix) {
  int64_t detached = 0;
  for (const FuseMount& mount : fuse_mounts()) {
    const bool ours = prefix ? mount.source.rfind(source, 0) == 0 : mount.source == source;
    if (!ours) continue;
    if (Status done = detach_mount(mount.directory); !done) return done.error();
    ++detached;
  }
  return detached;
}

Result<Json> undo_layer(const Context&, const Json& record) {
  const std::string directory = text_of(record, "directory");
  Json proof;
  if (const DiskProcess* const layer = layer_at(directory); layer != nullptr && layer->lives()) {
    Result<Json> traffic = ask(directory, {{"do", "traffic"}});
    if (traffic) proof = *traffic;
  }
  Result<int64_t> detached = detach(text_of(record, "source"), false);
  if (!detached) return detached.error();
  layers().erase(directory);
  // Only when it is empty; a database that is still there keeps its data.
  if (flag_of(record, "made")) ::rmdir(directory.c_str());
  return proof;
}

Result<Json> sweep_layers(const Context& context) {
  Result<int64_t> detached = detach(source_prefix(context), true);
  if (!detached) return detached.error();
  return *detached == 0 ? Json::object() : Json{{"mounts", *detached}};
}

class DiskFault final : public Fault {
 public:
  DiskFault(std::string directory, std::string id, const Json& params)
      : directory_(std::move(directory)), id_(std::move(id)) {
    if (params.contains("crash") && params["crash"].is_object()) {
      crashes_ = true;
      request_ = params["crash"];
      request_["do"] = "crash";
    } else {
      request_ = {{"do", "rules"}, {"id", id_}, {"rules", array_of(params, "rules")}};
    }
  }
  Json undo_record() const override { return {{"directory", directory_}, {"id", id_}}; }
  Result<Json> apply() override {
    Result<Json> done = ask(directory_, request_);
    if (!done || !crashes_) return done;
    Result<Json> traffic = ask(directory_, {{"do", "traffic"}});
    if (!traffic) return traffic;
    done->update(*traffic);
    lost_ = *done;
    return done;
  }
  Json observe() override {
    if (crashes_) return lost_;
    Result<Json> counts = ask(directory_, {{"do", "counts"}, {"id", id_}});
    return counts ? *counts : Json{{"error", counts.error().message}};
  }

 private:
  std::string directory_;
  std::string id_;
  Json request_;
  Json lost_;
  bool crashes_ = false;
};

Result<std::unique_ptr<Fault>> make_disk(const Context&, const std::string& id, const Json& params) {
  const std::string directory = text_of(params, "directory");
  if (layer_at(directory) == nullptr) {
    return Error{"no disk layer lies over " + directory +
                 ": it is put there before the database starts (riven run --faults disk)"};
  }
  if (!params.contains("crash")) {
    if (Result<std::vector<DiskRule>> rules = disk_rules_from(params); !rules) return rules.error();
  }
  return std::unique_ptr<Fault>(std::make_unique<DiskFault>(directory, id, params));
}

/// Without the layer of this very process there is nothing to undo: a layer whose agent is gone has dropped
/// all rules by itself.
Result<Json> undo_disk(const Context&, const Json& record) {
  const std::string directory = text_of(record, "directory");
  const DiskProcess* const layer = layer_at(directory);
  if (layer == nullptr || !layer->lives()) return Json();
  return ask(directory, {{"do", "clear"}, {"id", text_of(record, "id")}});
}

/// Whether a file can be made in `directory` and written.
bool can_write(const std::string& directory) {
  const std::string path = directory + "/file";
  const int fd = ::open(path.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
  const bool written = fd >= 0 && ::write(fd, "x", 1) == 1 && ::fsync(fd) == 0;
  if (fd >= 0) ::close(fd);
  ::unlink(path.c_str());
  return written;
}

/// A layer over an empty directory of the agent's, and a disk there that fails every write.
Status probe(const Context& context) {
  if (Status can = can_mount_fuse(context.fuse_device); !can) return can;
  const std::string directory = context.state_directory + "/self-test-" + context.owner;
  const Json rule = {{"what", "error"}, {"error", "EIO"}, {"ops", Json::array({"write"})}};
  const auto failing_disk = [&](const Json&) {
    return self_test(
        disk_kind(), context, {{"directory", directory}, {"rules", Json::array({rule})}},
        [&](const Json&) {
          return can_write(directory) ? Status(Error{"a write went through on a failing disk"}) : ok_status();
        },
        [&] {
          return can_write(directory) ? ok_status()
                                      : Status(Error{"a write fails on a disk that was restored"});
        });
  };
  return self_test(disk_layer_kind(), context, {{"directory", directory}}, failing_disk, [&] {
    return ::access(directory.c_str(), F_OK) != 0
               ? ok_status()
               : Status(Error{"the layer that it was tried on is still at " + directory});
  });
}

}  // namespace

FaultKind disk_layer_kind() { return {"disk-layer", make_layer, undo_layer, sweep_layers, probe}; }
FaultKind disk_kind() { return {"disk", make_disk, undo_disk, nullptr, probe}; }

}  // namespace riven::agent
