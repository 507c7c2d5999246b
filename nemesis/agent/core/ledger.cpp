#include "nemesis/agent/core/ledger.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <set>
#include <utility>

#include "harness/agent_protocol/agent_message.h"
#include "harness/core/json_fields.h"

namespace riven::agent {
namespace {

constexpr size_t kCrcDigits = 8;

Error failure(const std::string& what, const std::string& path) {
  return Error{what + " " + path + ": " + std::strerror(errno)};
}

std::string line_of(const Json& json) {
  const std::string text = json.dump();
  char crc[kCrcDigits + 1];
  std::snprintf(crc, sizeof crc, "%08x", crc32c(text));
  return std::string(crc) + " " + text + "\n";
}

/// The JSON of an intact line.
std::optional<Json> read_line(std::string_view line) {
  if (line.size() < kCrcDigits + 1 || line[kCrcDigits] != ' ') return {};
  uint32_t crc = 0;
  const auto [end, error] = std::from_chars(line.data(), line.data() + kCrcDigits, crc, 16);
  if (error != std::errc() || end != line.data() + kCrcDigits) return {};
  line.remove_prefix(kCrcDigits + 1);
  if (crc32c(line) != crc) return {};
  return Json::parse(line);
}

Status make_directory(const std::string& path) {
  for (size_t slash = path.find('/', 1);; slash = path.find('/', slash + 1)) {
    const std::string part = path.substr(0, slash);
    if (mkdir(part.c_str(), 0700) != 0 && errno != EEXIST) return failure("cannot make", part);
    if (slash == std::string::npos) return ok_status();
  }
}

void sync_directory(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return;
  fsync(fd);
  close(fd);
}

}  // namespace

Result<Ledger> Ledger::open(const std::string& directory, const std::string& owner) {
  RIVEN_CHECK(is_agent_name(owner), "an owner's name was not checked before its ledger was opened");
  const std::string folder = directory + "/ledger";
  if (Status made = make_directory(folder); !made) return made.error();
  const std::string path = folder + "/" + owner;
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (fd < 0) return failure("cannot open the ledger", path);
  Ledger ledger(fd, path);
  std::string content;
  char chunk[16384];
  ssize_t got = 0;
  while ((got = read(fd, chunk, sizeof chunk)) > 0) content.append(chunk, static_cast<size_t>(got));
  if (got < 0) return failure("cannot read the ledger", path);
  ledger.load(content);
  // What follows a torn line must not become part of it.
  if (!content.empty() && content.back() != '\n') {
    if (Status ended = ledger.append("\n"); !ended) return ended.error();
  }
  sync_directory(folder);
  return ledger;
}

Ledger::Ledger(Ledger&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)),
      path_(std::move(other.path_)),
      live_(std::move(other.live_)),
      damaged_lines_(other.damaged_lines_) {}

Ledger::~Ledger() {
  if (fd_ >= 0) close(fd_);
}

void Ledger::load(std::string_view content) {
  while (!content.empty()) {
    const size_t end = std::min(content.find('\n'), content.size());
    const std::string_view line = content.substr(0, end);
    content.remove_prefix(std::min(end + 1, content.size()));
    if (line.empty()) continue;
    const Json json = read_line(line).value_or(Json());
    const std::string id = text_of(json, "id");
    if (id.empty()) {
      ++damaged_lines_;
    } else if (flag_of(json, "healed")) {
      std::erase_if(live_, [&](const LedgerEntry& entry) { return entry.id == id; });
    } else {
      live_.push_back({id, text_of(json, "kind"), json.contains("undo") ? json["undo"] : Json()});
    }
  }
}

Status Ledger::append(const std::string& lines) {
  for (size_t done = 0; done < lines.size();) {
    const ssize_t put = write(fd_, lines.data() + done, lines.size() - done);
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0) {
      const Error error = failure("cannot write the ledger", path_);
      if (done > 0) (void)!write(fd_, "\n", 1);
      return error;
    }
    done += static_cast<size_t>(put);
  }
  if (fdatasync(fd_) != 0) return failure("cannot sync the ledger", path_);
  return ok_status();
}

Status Ledger::record(const std::vector<LedgerEntry>& entries) {
  std::string lines;
  for (const LedgerEntry& entry : entries) {
    lines += line_of({{"id", entry.id}, {"kind", entry.kind}, {"undo", entry.undo}});
  }
  // Also after an error: part of it may have reached the disk, and to undo too much does no harm.
  live_.insert(live_.end(), entries.begin(), entries.end());
  return append(lines);
}

Status Ledger::erase(const std::vector<std::string>& ids) {
  std::string lines;
  for (const std::string& id : ids) {
    std::erase_if(live_, [&](const LedgerEntry& entry) { return entry.id == id; });
    lines += line_of({{"id", id}, {"healed", true}});
  }
  if (live_.empty()) {
    if (ftruncate(fd_, 0) != 0) return failure("cannot clear the ledger", path_);
    damaged_lines_ = 0;
    if (fdatasync(fd_) != 0) return failure("cannot sync the ledger", path_);
    return ok_status();
  }
  return append(lines);
}

void Ledger::forget() {
  if (live_.empty()) unlink(path_.c_str());
}

std::vector<std::string> ledger_owners(const std::string& directory) {
  std::set<std::string> owners;
  for (const char* folder : {"/ledger", "/lock"}) {
    DIR* dir = opendir((directory + folder).c_str());
    if (dir == nullptr) continue;
    while (const dirent* entry = readdir(dir)) {
      if (is_agent_name(entry->d_name)) owners.insert(entry->d_name);
    }
    closedir(dir);
  }
  return {owners.begin(), owners.end()};
}

}  // namespace riven::agent
