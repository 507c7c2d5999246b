// The kernel's end of a FUSE file system: mount, requests, replies. The protocol is linux/fuse.h's, spoken
// directly: the agent is one static program.
#pragma once

#include <linux/fuse.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "harness/core/result.h"

namespace riven::agent {

/// What `mount` gives a file system of ours in /proc/mounts.
inline constexpr const char* kFuseType = "fuse.riven";
inline constexpr uint32_t kFuseMaxWriteBytes = 128 * 1024;

/// A request; `body` lives until the next one is read.
struct FuseRequest {
  fuse_in_header head{};
  std::string_view body;
};

/// The structure at the beginning of a request's body; zeros where the body is too short.
template <typename T>
T fuse_body(const FuseRequest& request) {
  T out{};
  std::memcpy(&out, request.body.data(), std::min(sizeof out, request.body.size()));
  return out;
}
/// What follows a T in the body: names, each ended by a zero.
template <typename T>
std::string_view fuse_after(const FuseRequest& request) {
  return request.body.size() > sizeof(T) ? request.body.substr(sizeof(T)) : std::string_view();
}
template <typename T>
std::string_view fuse_bytes(const T& out) {
  return {reinterpret_cast<const char*>(&out), sizeof out};
}

/// An open /dev/fuse. Move-only; closing it ends the file system.
class FuseChannel {
 public:
  /// Mounts at `directory`, `source` being shown as what is mounted. Needs CAP_SYS_ADMIN and `device`
  /// (/dev/fuse, or another way to it); errors say which is missing.
  static Result<FuseChannel> mount(const std::string& device, const std::string& directory,
                                   const std::string& source);
  /// Around a descriptor of a mount that was made before; given over.
  explicit FuseChannel(int fd) : fd_(fd) {}
  FuseChannel(FuseChannel&& other) noexcept : fd_(other.fd_), buffer_(std::move(other.buffer_)) {
    other.fd_ = -1;
  }
  FuseChannel& operator=(FuseChannel&&) = delete;
  ~FuseChannel();

  enum class Next : uint8_t { request, nothing, ended };
  /// Does not wait. ended: the file system is unmounted and nobody holds a file of it.
  Next read(FuseRequest& request);
  void reply(uint64_t unique, std::string_view payload);
  /// `error`: an errno, above 0 (0 for success without payload).
  void refuse(uint64_t unique, int error);
  int fd() const { return fd_; }
  /// The descriptor, which the caller closes.
  int release();

 private:
  int fd_;
  std::vector<char> buffer_;
};

/// Directories below which something of type kFuseType is mounted in this mount namespace, with its source;
/// the last mounted first.
struct FuseMount {
  std::string directory;
  std::string source;
};
std::vector<FuseMount> fuse_mounts();
/// Takes a mount out of sight; who has files of it open keeps them.
Status detach_mount(const std::string& directory);

/// Whether FUSE mounts can be made here by `device`: the error says what is missing.
Status can_mount_fuse(const std::string& device = "/dev/fuse");

}  // namespace riven::agent
