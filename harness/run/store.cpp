#include "harness/run/store.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <system_error>

namespace riven {

namespace fs = std::filesystem;

namespace {

Error failed(const std::string& what, const std::string& path, const std::error_code& why) {
  return {"cannot " + what + " " + path + ": " + why.message()};
}

/// Replaces the link in one step, so that a reader always finds one.
Status point(const fs::path& link, const fs::path& target) {
  std::error_code error;
  const fs::path fresh = link.string() + ".new-" + std::to_string(::getpid());
  fs::remove(fresh, error);
  fs::create_directory_symlink(target, fresh, error);
  if (!error) fs::rename(fresh, link, error);
  if (error) return failed("point the link", link.string(), error);
  return ok_status();
}

std::string utc(int64_t unix_s) {
  const time_t seconds = unix_s;
  tm parts{};
  ::gmtime_r(&seconds, &parts);
  std::array<char, 32> text{};
  std::strftime(text.data(), text.size(), "%Y%m%dT%H%M%SZ", &parts);
  return text.data();
}

}  // namespace

std::string file_name_of(const std::string& name) {
  std::string safe;
  for (const char c : name) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '_' || (c == '.' && !safe.empty());
    safe += plain ? c : '-';
  }
  constexpr size_t kLongest = 100;
  return safe.empty() ? "run" : safe.substr(0, kLongest);
}

Result<std::string> make_run_directory(const std::string& root, const std::string& test, int64_t unix_s,
                                       uint64_t seed) {
  std::error_code error;
  const fs::path folder = fs::path(root) / file_name_of(test);
  fs::create_directories(folder, error);
  if (error) return failed("make the folder", folder.string(), error);

  const std::string base = utc(unix_s) + "-" + std::to_string(seed);
  std::string name = base;
  constexpr int kTries = 1000;
  for (int i = 2; !fs::create_directory(folder / name, error); ++i) {
    if (error || i > kTries) return failed("make the folder", (folder / name).string(), error);
    name = base + "-" + std::to_string(i);
  }
  for (const char* const part : {"anomalies", "nodes"}) {
    fs::create_directory(folder / name / part, error);
    if (error) return failed("make the folder", (folder / name / part).string(), error);
  }
  if (auto done = point(folder / "latest", name); !done) return done.error();
  if (auto done = point(fs::path(root) / "latest", fs::path(file_name_of(test)) / name); !done)
    return done.error();
  return (folder / name).string();
}

Status store_file(const std::string& path, const std::string& content) {
  // A device or a pipe is written to as it stands: a rename would put a file in its place.
  std::error_code no_such_file;
  const fs::file_status there = fs::status(path, no_such_file);
  const bool in_place = fs::exists(there) && !fs::is_regular_file(there);
  const std::string partial = in_place ? path : path + ".partial";
  const auto because = [&] { return Status(Error{"cannot write " + path + ": " + std::strerror(errno)}); };
  const int fd = ::open(partial.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (fd < 0) return because();
  for (size_t at = 0; at < content.size();) {
    const ssize_t written = ::write(fd, content.data() + at, content.size() - at);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) {
      const Status error = because();
      ::close(fd);
      if (!in_place) ::unlink(partial.c_str());
      return error;
    }
    at += static_cast<size_t>(written);
  }
  const bool synced = in_place || ::fsync(fd) == 0;
  const bool closed = ::close(fd) == 0;
  if (in_place) return closed ? ok_status() : because();
  if (!closed || !synced || ::rename(partial.c_str(), path.c_str()) != 0) {
    const Status error = because();
    ::unlink(partial.c_str());
    return error;
  }
  return ok_status();
}

}  // namespace riven
