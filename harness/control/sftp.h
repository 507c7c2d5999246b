// File transfer over a byte stream: SFTP version 3 (draft-ietf-secsh-filexfer-02), as OpenSSH speaks it.
// libssh's own SFTP blocks without a deadline, sends one block a round trip and cannot run under sudo, hence
// this one.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "harness/control/byte_stream.h"
#include "harness/control/tcp_connect.h"
#include "harness/core/result.h"

namespace riven {

/// Where an upload's bytes come from. Not thread-safe.
class UploadSource {
 public:
  virtual ~UploadSource() = default;
  /// Fills `buffer` from `offset`; fewer bytes than `size` only at the end.
  virtual Result<size_t> read_at(uint64_t offset, char* buffer, size_t size) = 0;
};

/// One transfer at a time over `stream`, whose far end is an SFTP server. Not thread-safe. After an error of
/// the stream (interrupted) it is of no further use. Errors: remote, local, interrupted.
class SftpClient {
 public:
  /// `place` names the node in messages.
  SftpClient(ByteStream& stream, std::string place, Deadline deadline)
      : stream_(stream), place_(std::move(place)), deadline_(deadline) {}

  /// Agrees on the version; first of all.
  Result<Unit, SessionError> start();
  /// Writes `source` to a temporary file beside `path`, sets `mode` (permission bits) and renames it to
  /// `path`.
  Result<Unit, SessionError> upload(UploadSource& source, const std::string& path, unsigned mode);
  /// Appends the whole of `path` to the open local file `descriptor`, which must be empty.
  Result<Unit, SessionError> download(const std::string& path, int descriptor);

 private:
  struct Reply {
    uint8_t type = 0;
    uint32_t id = 0;
    std::string body;  // behind the id
  };
  Result<Unit, SessionError> send(uint8_t type, uint32_t id, std::string_view body);
  Result<Reply, SessionError> receive();
  Result<Unit, SessionError> fill(size_t bytes);
  Result<Reply, SessionError> ask(uint8_t type, std::string_view body);
  Result<Unit, SessionError> expect_ok(const Result<Reply, SessionError>& reply, const std::string& doing);
  Result<std::string, SessionError> open(const std::string& path, uint32_t flags);
  Result<Unit, SessionError> write_all(UploadSource& source, const std::string& handle,
                                       const std::string& path);
  Result<Unit, SessionError> read_all(const std::string& handle, const std::string& path, int descriptor);
  Result<Unit, SessionError> rename(const std::string& from, const std::string& to);
  SessionError refused(const Reply& reply, const std::string& doing) const;
  SessionError garbled() const;

  ByteStream& stream_;
  std::string place_;
  Deadline deadline_;
  std::string buffer_;  // received, not yet used
  uint32_t next_id_ = 1;
  bool posix_rename_ = false;
};

}  // namespace riven
