// Breaking off what a connection waits for, from another thread.
#pragma once

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <mutex>

namespace riven::sql {

/// A socket that any thread may shut down while its library uses and closes it. It keeps a descriptor of its
/// own: the library's number may be another connection's by then. Thread-safe.
class CancelSocket {
 public:
  CancelSocket() = default;
  ~CancelSocket() { forget(); }
  CancelSocket(const CancelSocket&) = delete;
  CancelSocket& operator=(const CancelSocket&) = delete;

  /// From now on cancel() is for this socket.
  void watch(int fd) {
    forget();
    const std::lock_guard lock(mutex_);
    own_ = ::fcntl(fd, F_DUPFD_CLOEXEC, 0);
  }
  void forget() noexcept {
    const std::lock_guard lock(mutex_);
    if (own_ >= 0) ::close(own_);
    own_ = -1;
  }
  void cancel() noexcept {
    const std::lock_guard lock(mutex_);
    if (own_ >= 0) ::shutdown(own_, SHUT_RDWR);
  }

 private:
  std::mutex mutex_;
  int own_ = -1;
};

}  // namespace riven::sql
