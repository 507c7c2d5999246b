#include "nemesis/agent/disk/fuse_channel.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <sstream>
#include <utility>

#include "nemesis/agent/core/proc_file.h"

namespace riven::agent {
namespace {

/// /proc/mounts writes blanks and backslashes as \ooo.
std::string unescaped(const std::string& text) {
  std::string plain;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 3 < text.size()) {
      plain += static_cast<char>(std::strtol(text.substr(i + 1, 3).c_str(), nullptr, 8));
      i += 3;
    } else {
      plain += text[i];
    }
  }
  return plain;
}

}  // namespace

Result<FuseChannel> FuseChannel::mount(const std::string& device, const std::string& directory,
                                       const std::string& source) {
  if (Status can = can_mount_fuse(device); !can) return can.error();
  const int fd = ::open(device.c_str(), O_RDWR | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return Error{std::string("cannot open /dev/fuse: ") + std::strerror(errno)};
  FuseChannel channel(fd);
  const std::string options =
      "fd=" + std::to_string(fd) + ",rootmode=40000,user_id=0,group_id=0,allow_other,default_permissions";
  if (::mount(source.c_str(), directory.c_str(), kFuseType, MS_NOSUID | MS_NODEV, options.c_str()) != 0) {
    return Error{"cannot mount at " + directory + ": " + std::strerror(errno) +
                 (errno == EPERM || errno == EACCES ? " (does AppArmor or a sandbox forbid mounts?)" : "")};
  }
  return channel;
}

FuseChannel::~FuseChannel() {
  if (fd_ >= 0) ::close(fd_);
}

int FuseChannel::release() { return std::exchange(fd_, -1); }

FuseChannel::Next FuseChannel::read(FuseRequest& request) {
  constexpr size_t kHeadersBytes = 4096;
  buffer_.resize(kFuseMaxWriteBytes + kHeadersBytes);
  while (true) {
    const ssize_t got = ::read(fd_, buffer_.data(), buffer_.size());
    // ENOENT: the request was interrupted before it could be read.
    if (got < 0 && (errno == EINTR || errno == ENOENT)) continue;
    if (got < 0) return errno == EAGAIN ? Next::nothing : Next::ended;
    if (static_cast<size_t>(got) < sizeof request.head) return Next::ended;
    std::memcpy(&request.head, buffer_.data(), sizeof request.head);
    request.body = std::string_view(buffer_.data(), static_cast<size_t>(got)).substr(sizeof request.head);
    return Next::request;
  }
}

void FuseChannel::reply(uint64_t unique, std::string_view payload) {
  fuse_out_header head{};
  head.len = static_cast<uint32_t>(sizeof head + payload.size());
  head.unique = unique;
  iovec parts[] = {{&head, sizeof head}, {const_cast<char*>(payload.data()), payload.size()}};
  // An error is the kernel's word that nobody waits for the answer any more.
  (void)!::writev(fd_, parts, payload.empty() ? 1 : 2);
}

void FuseChannel::refuse(uint64_t unique, int error) {
  fuse_out_header head{};
  head.len = sizeof head;
  head.error = -error;
  head.unique = unique;
  (void)!::write(fd_, &head, sizeof head);
}

std::vector<FuseMount> fuse_mounts() {
  std::vector<FuseMount> mounts;
  std::istringstream lines(read_proc_file("/proc/self/mounts"));
  std::string line;
  while (std::getline(lines, line)) {
    std::istringstream words(line);
    std::string source, directory, type;
    if (words >> source >> directory >> type && type == kFuseType)
      mounts.push_back({unescaped(directory), unescaped(source)});
  }
  std::reverse(mounts.begin(), mounts.end());
  return mounts;
}

Status detach_mount(const std::string& directory) {
  if (::umount2(directory.c_str(), MNT_DETACH) == 0 || errno == EINVAL || errno == ENOENT) return ok_status();
  return Error{"cannot unmount " + directory + ": " + std::strerror(errno)};
}

Status can_mount_fuse(const std::string& device) {
  if (device.empty()) return Error{"there is no /dev/fuse on the controller's machine"};
  if (::access(device.c_str(), R_OK | W_OK) != 0)
    return Error{"there is no /dev/fuse here (a cluster of containers gets it with --faults disk)"};
  constexpr unsigned kSysAdmin = 21;
  const std::string status = read_proc_file("/proc/self/status");
  const size_t at = status.find("CapEff:");
  const uint64_t effective =
      at == std::string::npos ? 0 : std::strtoull(status.c_str() + at + 7, nullptr, 16);
  if ((effective >> kSysAdmin & 1) == 0)
    return Error{"mounting needs CAP_SYS_ADMIN (a cluster of containers gets it with --faults disk)"};
  return ok_status();
}

}  // namespace riven::agent
