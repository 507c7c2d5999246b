#include "harness/control/ssh_session.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <random>
#include <system_error>
#include <thread>

#include "harness/control/backoff.h"
#include "harness/control/sftp.h"
#include "harness/control/shell_command.h"
#include "harness/control/ssh_connection.h"
#include "harness/control/ssh_handshake.h"

namespace riven {
namespace {

using Kind = SessionError::Kind;
using Clock = std::chrono::steady_clock;
using ConnectionPtr = std::shared_ptr<SshConnection>;
using ChannelPtr = std::unique_ptr<SshChannel>;

constexpr Milliseconds kFirstPause{100};
constexpr Milliseconds kLongestPause{2'000};
constexpr int kMaxTries = 5;

// One argument of the login shell; see shell_command.cpp.
constexpr size_t kMaxSudoLineBytes = 127 * 1024;

uint64_t chance_seed() {
  std::random_device device;
  return uint64_t{device()} << 32 | device();
}

std::string nonce() {
  static const char digits[] = "0123456789abcdefghijklmnopqrstuv";
  Rng rng(chance_seed());
  std::string text;
  for (int i = 0; i < 16; ++i) text += digits[rng.below(32)];
  return text;
}

std::string first_line(const std::string& text) { return text.substr(0, text.find('\n')); }

bool needs_sudo(const SshTarget& target, bool wanted) { return wanted && target.user != "root"; }

// Waits for sudo to let us in; on success `input` is the next that the command reads.
Result<Unit, SessionError> pass_sudo(SshChannel& channel, const SshTarget& target, const SudoLine& sudo,
                                     Deadline deadline) {
  const std::string who = "sudo on " + target_text(target);
  bool answered = false;
  for (;;) {
    auto word = channel.await_error_word(sudo.begun, sudo.prompt, deadline);
    if (!word) {
      channel.kill();
      return word.error();
    }
    if (*word == 0) return Unit{};
    if (!word->has_value()) {
      const std::string said = first_line(channel.error_output());
      return SessionError{Kind::rejected, who + " does not let user " + target.user + " in" +
                                              (said.empty() ? "" : " (" + said + ")") +
                                              ": look at the node's `sudo` setting"};
    }
    if (answered) {
      channel.close();
      return SessionError{Kind::rejected, who + " refuses the password of user " + target.user};
    }
    answered = true;
    if (!channel.write(target.sudo_password + "\n", Milliseconds(milliseconds_until(deadline)))) {
      return SessionError{Kind::rejected, who + " closed its input before it read the password"};
    }
  }
}

// Starts `line` (a shell line), as root if wanted. `input` follows at once, and its end unless it is a
// stream.
Result<ChannelPtr, SessionError> start_line(SshConnection& connection, const SshTarget& target,
                                            const std::string& line, bool as_root, std::string input,
                                            bool stream, Deadline deadline) {
  ChannelRequest request;
  request.stream = stream;
  request.kill_prefix = "exec ";
  request.announced = 1;
  if (!needs_sudo(target, as_root)) {
    request.line = kAnnouncePid + line;
    request.input = std::move(input);
    request.input_ends = !stream;
    return connection.open(std::move(request), deadline);
  }
  if (target.sudo == Sudo::none) {
    return SessionError{Kind::rejected,
                        "a command on " + target_text(target) + " needs root, but user " + target.user +
                            " is not and no sudo is set: set sudo = \"nopasswd\" or \"password\""};
  }
  const SudoLine sudo = sudo_line(line, target.sudo, nonce());
  if (sudo.line.size() > kMaxSudoLineBytes) {
    return SessionError{Kind::local, "a command's arguments are too long for sudo: use stdin or upload"};
  }
  request.line = kAnnouncePid + sudo.line;
  // kill reads no input, so the password may stand there unasked.
  request.kill_prefix += target.sudo == Sudo::password ? "sudo -S -k -p '' -- " : "sudo -n -- ";
  request.announced = 2;
  if (target.sudo == Sudo::password) request.kill_input = target.sudo_password + "\n";
  request.input_ends = false;
  auto channel = connection.open(std::move(request), deadline);
  if (!channel) return channel;
  if (auto passed = pass_sudo(**channel, target, sudo, deadline); !passed) return passed.error();
  if (!input.empty()) {
    // The command may end without reading it, so this is no error; its end tells.
    (void)(*channel)->write(input, Milliseconds(milliseconds_until(deadline)));
  }
  if (!stream) (*channel)->end_input();
  return channel;
}

class MemorySource final : public UploadSource {
 public:
  explicit MemorySource(const std::string& content) : content_(content) {}
  Result<size_t> read_at(uint64_t offset, char* buffer, size_t size) override {
    if (offset >= content_.size()) return size_t{0};
    return content_.copy(buffer, size, offset);
  }

 private:
  const std::string& content_;
};

class OwnedDescriptor {
 public:
  explicit OwnedDescriptor(int descriptor) : descriptor_(descriptor) {}
  ~OwnedDescriptor() {
    if (descriptor_ >= 0) close(descriptor_);
  }
  OwnedDescriptor(const OwnedDescriptor&) = delete;
  OwnedDescriptor& operator=(const OwnedDescriptor&) = delete;
  int get() const { return descriptor_; }

 private:
  int descriptor_;
};

class FileSource final : public UploadSource {
 public:
  FileSource(int descriptor, const std::string& path) : descriptor_(descriptor), path_(path) {}
  Result<size_t> read_at(uint64_t offset, char* buffer, size_t size) override {
    size_t filled = 0;
    while (filled < size) {
      const ssize_t count =
          pread(descriptor_, buffer + filled, size - filled, static_cast<off_t>(offset + filled));
      if (count == 0) break;
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) return Error{"cannot read " + path_ + ": " + std::generic_category().message(errno)};
      filled += static_cast<size_t>(count);
    }
    return filled;
  }

 private:
  int descriptor_;
  const std::string& path_;
};

SessionError local_error(const std::string& what, const std::string& path) {
  return {Kind::local, "cannot " + what + " " + path + ": " + std::generic_category().message(errno)};
}

class PersistentSession final : public SshSession {
 public:
  explicit PersistentSession(SshTarget target)
      : target_(std::move(target)),
        backoff_seed_(chance_seed()),
        retries_(20, Milliseconds(2'000), Clock::now()) {}

  // Until the first success, as long as the deadline allows.
  Result<Unit, SessionError> connect_first() {
    const Deadline deadline = Clock::now() + target_.connect_deadline;
    Backoff backoff(kFirstPause, kLongestPause, backoff_seed_);
    for (;;) {
      auto got = connection(deadline);
      if (got) return Unit{};
      const Milliseconds pause = backoff.next();
      if (got.error().kind != Kind::unreachable || Clock::now() + pause >= deadline) return got.error();
      std::this_thread::sleep_for(pause);
    }
  }

  Result<CommandOutput, SessionError> run(const Command& command) override {
    auto line = shell_line(command);
    if (!line)
      return SessionError{Kind::local, "a command for " + target_text(target_) + ": " + line.error().message};
    return with_retries<CommandOutput>(
        command.deadline,
        [&](SshConnection& connection, Deadline deadline) -> Result<CommandOutput, SessionError> {
          auto channel = start_line(connection, target_, *line, command.sudo, command.stdin_data,
                                    /*stream=*/false, deadline);
          if (!channel) return channel.error();
          auto output = (*channel)->await_end(deadline);
          if (!output) (*channel)->kill();
          return output;
        });
  }

  Result<Unit, SessionError> upload(const std::string& local_path, const std::string& remote_path,
                                    unsigned mode, Milliseconds deadline) override {
    const OwnedDescriptor file(open(local_path.c_str(), O_RDONLY | O_CLOEXEC));
    if (file.get() < 0) return local_error("read", local_path);
    FileSource source(file.get(), local_path);
    return transfer(deadline, [&](SftpClient& sftp) { return sftp.upload(source, remote_path, mode); });
  }

  Result<Unit, SessionError> upload_bytes(const std::string& content, const std::string& remote_path,
                                          unsigned mode, Milliseconds deadline) override {
    MemorySource source(content);
    return transfer(deadline, [&](SftpClient& sftp) { return sftp.upload(source, remote_path, mode); });
  }

  Result<Unit, SessionError> download(const std::string& remote_path, const std::string& local_path,
                                      Milliseconds deadline) override {
    std::string temporary = local_path + ".riven-XXXXXX";
    const OwnedDescriptor file(mkostemp(temporary.data(), O_CLOEXEC));
    if (file.get() < 0) return local_error("write beside", local_path);
    auto result = transfer(deadline, [&](SftpClient& sftp) {
      (void)!ftruncate(file.get(), 0);  // what an earlier try left
      return sftp.download(remote_path, file.get());
    });
    if (result && (fchmod(file.get(), 0644) != 0 || rename(temporary.c_str(), local_path.c_str()) != 0)) {
      result = local_error("write", local_path);
    }
    if (!result) unlink(temporary.c_str());
    return result;
  }

  std::string local_address() const override {
    const std::lock_guard lock(mutex_);
    return current_ == nullptr ? "" : current_->local_address();
  }

 private:
  // The connection that is shared, made anew if it died. One thread connects, the others wait for its result.
  Result<ConnectionPtr, SessionError> connection(Deadline deadline) {
    std::unique_lock lock(mutex_);
    if (current_ != nullptr && current_->usable()) return current_;
    if (connecting_) {
      const uint64_t attempt = attempts_;
      if (!connected_.wait_until(lock, deadline, [&] { return attempts_ != attempt; })) {
        return SessionError{Kind::unreachable, "cannot reach " + target_text(target_) + " by SSH in time"};
      }
      if (current_ != nullptr && current_->usable()) return current_;
      return last_error_;
    }
    connecting_ = true;
    ConnectionPtr old = std::move(current_);
    lock.unlock();
    old.reset();  // its commands, if any, hold it
    auto made = SshConnection::connect(target_, std::min(deadline, Clock::now() + target_.connect_deadline));
    lock.lock();
    connecting_ = false;
    ++attempts_;
    connected_.notify_all();
    if (!made) {
      last_error_ = made.error();
      return made.error();
    }
    current_ = *made;
    return current_;
  }

  template <typename T>
  Result<T, SessionError> with_retries(
      Milliseconds patience, const std::function<Result<T, SessionError>(SshConnection&, Deadline)>& work) {
    const Deadline deadline = Clock::now() + patience;
    Backoff backoff(kFirstPause, kLongestPause, backoff_seed_);
    for (int tries = 1;; ++tries) {
      auto shared = connection(deadline);
      auto result = shared ? work(**shared, deadline) : Result<T, SessionError>(shared.error());
      if (result) return result;
      const Kind kind = result.error().kind;
      // Anything else may have happened already, or would happen again.
      if ((kind != Kind::unreachable && kind != Kind::not_started) || tries == kMaxTries) return result;
      const Milliseconds pause = backoff.next();
      if (Clock::now() + pause >= deadline || !may_retry()) return result;
      std::this_thread::sleep_for(pause);
    }
  }

  bool may_retry() {
    const std::lock_guard lock(mutex_);
    return retries_.take(Clock::now());
  }

  Result<Unit, SessionError> transfer(Milliseconds patience,
                                      const std::function<Result<Unit, SessionError>(SftpClient&)>& work) {
    return with_retries<Unit>(
        patience, [&](SshConnection& connection, Deadline deadline) -> Result<Unit, SessionError> {
          auto channel = start_sftp(connection, deadline);
          if (!channel) return channel.error();
          SftpClient sftp(**channel, target_text(target_), deadline);
          if (auto started = sftp.start(); !started) return started;
          return work(sftp);
        });
  }

  // As root through sudo where that is set up, else the server's own subsystem as the login user.
  Result<ChannelPtr, SessionError> start_sftp(SshConnection& connection, Deadline deadline) {
    if (needs_sudo(target_, true) && target_.sudo != Sudo::none) {
      static const std::string line =
          "for s in /usr/lib/openssh /usr/libexec/openssh /usr/lib/ssh /usr/libexec /usr/lib; do "
          "[ -x $s/sftp-server ] && exec $s/sftp-server; done; echo no sftp-server found >&2; exit 127";
      return start_line(connection, target_, line, true, "", /*stream=*/true, deadline);
    }
    ChannelRequest request;
    request.line = "sftp";
    request.subsystem = true;
    request.stream = true;
    request.input_ends = false;
    auto channel = connection.open(std::move(request), deadline);
    if (!channel) return channel;
    if (auto started = (*channel)->await_start(deadline); !started) return started.error();
    return channel;
  }

  const SshTarget target_;
  const uint64_t backoff_seed_;
  mutable std::mutex mutex_;
  std::condition_variable connected_;
  ConnectionPtr current_;
  bool connecting_ = false;
  uint64_t attempts_ = 0;
  SessionError last_error_{Kind::unreachable, ""};
  TokenBucket retries_;
};

}  // namespace

Result<std::unique_ptr<SshSession>, SessionError> connect_ssh(const SshTarget& target) {
  auto session = std::make_unique<PersistentSession>(target);
  if (auto connected = session->connect_first(); !connected) return connected.error();
  return std::unique_ptr<SshSession>(std::move(session));
}

Result<std::unique_ptr<ByteStream>, SessionError> start_ssh(const SshTarget& target,
                                                            const std::vector<std::string>& argv, bool sudo,
                                                            Milliseconds deadline) {
  const Deadline until = Clock::now() + deadline;
  Command command;
  command.argv = argv;
  auto line = shell_line(command);
  if (!line)
    return SessionError{Kind::local, "a command for " + target_text(target) + ": " + line.error().message};
  auto connection = SshConnection::connect(target, std::min(until, Clock::now() + target.connect_deadline));
  if (!connection) return connection.error();
  auto channel = start_line(**connection, target, *line, sudo, "", /*stream=*/true, until);
  if (!channel) return channel.error();
  if (auto started = (*channel)->await_start(until); !started) return started.error();
  (*channel)->keep_open(*connection);
  return std::unique_ptr<ByteStream>(std::move(*channel));
}

}  // namespace riven
