// One SSH connection that several threads share: a thread of its own moves the bytes of all its channels.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "harness/control/byte_stream.h"
#include "harness/control/ssh_session.h"
#include "harness/control/tcp_connect.h"
#include "harness/core/result.h"

namespace riven {

/// What a channel runs: a line for the login shell, or a subsystem ("sftp").
struct ChannelRequest {
  std::string line;
  bool subsystem = false;
  std::string input;       ///< sent as soon as it runs
  bool input_ends = true;  ///< whether end of file follows `input`
  bool stream = false;     ///< of standard error only the last 64 KiB are kept
  /// Stands before the kill_line that ends the program at its deadline, and that line's input.
  std::string kill_prefix;
  std::string kill_input;
  /// How many process groups `line` announces on standard error (shell_command.h); 0: it cannot be killed.
  size_t announced = 0;
};

namespace ssh_detail {
struct Channel;
struct Loop;
}  // namespace ssh_detail

class SshConnection;

/// A program (or subsystem) on one channel. The ByteStream contract holds; besides, the whole end can be
/// awaited.
class SshChannel final : public ByteStream {
 public:
  SshChannel(std::shared_ptr<ssh_detail::Loop> loop, std::shared_ptr<ssh_detail::Channel> channel);
  ~SshChannel() override;
  SshChannel(const SshChannel&) = delete;
  SshChannel& operator=(const SshChannel&) = delete;

  Result<size_t, StreamError> read(char* buffer, size_t size, Milliseconds deadline) override;
  Result<Unit, StreamError> write(std::string_view bytes, Milliseconds deadline) override;
  void end_input() override;
  void close() override;
  std::string error_output() const override;
  std::string end() const override;

  /// Waits until the server confirmed that the program was started. not_started, interrupted.
  Result<Unit, SessionError> await_start(Deadline deadline);
  /// Waits until standard error holds one of two words (empty: not looked for), forgets everything up to its
  /// end, and says which (0, 1). When the program ended first: nullopt.
  Result<std::optional<int>, SessionError> await_error_word(const std::string& first,
                                                            const std::string& second, Deadline deadline);
  /// Waits until the program ended and both its outputs were read to their ends; gives all unread output.
  Result<CommandOutput, SessionError> await_end(Deadline deadline);
  /// Ends the program's process group by SIGKILL (best effort) and closes.
  void kill();
  /// Keeps `connection` open until this channel is destroyed.
  void keep_open(std::shared_ptr<SshConnection> connection) { connection_ = std::move(connection); }

 private:
  SessionError lost(const std::string& why) const;  // with the loop's lock held

  std::shared_ptr<SshConnection> connection_;
  std::shared_ptr<ssh_detail::Loop> loop_;
  std::shared_ptr<ssh_detail::Channel> channel_;
};

/// Thread-safe. Channels may outlive it: they end with an error.
class SshConnection {
 public:
  /// OpenSSH allows 10 sessions a connection (MaxSessions); two are left for those whose end is not confirmed
  /// yet.
  static constexpr int kMaxChannels = 8;

  static Result<std::shared_ptr<SshConnection>, SessionError> connect(const SshTarget& target,
                                                                      Deadline deadline);
  ~SshConnection();
  SshConnection(const SshConnection&) = delete;
  SshConnection& operator=(const SshConnection&) = delete;

  /// Starts `request` on a new channel and returns at once, unless it must wait for one of the 8 to become
  /// free (not_started when that takes too long or the connection is dead).
  Result<std::unique_ptr<SshChannel>, SessionError> open(ChannelRequest request, Deadline deadline);

  /// Usable for further channels: not dead, and no channel was refused.
  bool usable() const;
  const std::string& local_address() const { return local_address_; }

 private:
  explicit SshConnection(std::shared_ptr<ssh_detail::Loop> loop);
  std::shared_ptr<ssh_detail::Loop> loop_;
  std::string local_address_;
};

}  // namespace riven
