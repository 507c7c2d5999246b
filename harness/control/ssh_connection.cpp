#include "harness/control/ssh_connection.h"

#include <algorithm>
#include <cstring>

#include "harness/control/ssh_loop.h"

namespace riven {
namespace {

using Clock = std::chrono::steady_clock;
using Kind = SessionError::Kind;
using ssh_detail::Channel;
using ssh_detail::Loop;

}  // namespace

SshChannel::SshChannel(std::shared_ptr<Loop> loop, std::shared_ptr<Channel> channel)
    : loop_(std::move(loop)), channel_(std::move(channel)) {}

SshChannel::~SshChannel() { close(); }

Result<size_t, StreamError> SshChannel::read(char* buffer, size_t size, Milliseconds deadline) {
  RIVEN_CHECK(size > 0, "a read of nothing looks like the end");
  std::unique_lock lock(loop_->mutex);
  Channel& channel = *channel_;
  const auto ready = [&] {
    return channel.out.size() > channel.out_read || channel.out_ended || channel.over() ||
           channel.close_wanted;
  };
  if (!channel.changed.wait_until(lock, Clock::now() + deadline, ready)) {
    return StreamError{StreamError::Kind::timed_out,
                       "nothing came from " + target_text(loop_->target) + " in time"};
  }
  const size_t count = std::min(size, channel.out.size() - channel.out_read);
  if (count > 0 && !channel.close_wanted) {
    std::memcpy(buffer, channel.out.data() + channel.out_read, count);
    channel.out_read += count;
    if (channel.out_read == channel.out.size()) {
      channel.out.clear();
      channel.out_read = 0;
    }
    return count;
  }
  if (channel.failure.empty() && !channel.close_wanted) return size_t{0};
  return StreamError{StreamError::Kind::broken,
                     "the stream from " + target_text(loop_->target) + " broke off: " +
                         (channel.failure.empty() ? "it was closed on our side" : channel.failure)};
}

Result<Unit, StreamError> SshChannel::write(std::string_view bytes, Milliseconds deadline) {
  std::unique_lock lock(loop_->mutex);
  Channel& channel = *channel_;
  const auto ready = [&] {
    return channel.unsent() <= ssh_detail::kMaxUnsentBytes || channel.over() || channel.close_wanted;
  };
  if (!channel.changed.wait_until(lock, Clock::now() + deadline, ready)) {
    return StreamError{StreamError::Kind::timed_out, target_text(loop_->target) + " takes no more bytes"};
  }
  if (channel.over() || channel.close_wanted || channel.input_ends) {
    return StreamError{StreamError::Kind::broken,
                       "the stream to " + target_text(loop_->target) + " is closed" +
                           (channel.failure.empty() ? std::string() : ": " + channel.failure)};
  }
  channel.input.append(bytes);
  lock.unlock();
  loop_->wake();
  return Unit{};
}

void SshChannel::end_input() {
  {
    const std::lock_guard lock(loop_->mutex);
    channel_->input_ends = true;
  }
  loop_->wake();
}

void SshChannel::close() {
  {
    const std::lock_guard lock(loop_->mutex);
    channel_->close_wanted = true;
    channel_->changed.notify_all();
  }
  loop_->wake();
}

void SshChannel::kill() {
  {
    const std::lock_guard lock(loop_->mutex);
    channel_->kill_wanted = true;
    channel_->close_wanted = true;
    channel_->changed.notify_all();
  }
  loop_->wake();
}

std::string SshChannel::error_output() const {
  const std::lock_guard lock(loop_->mutex);
  return channel_->err;
}

std::string SshChannel::end() const {
  const std::lock_guard lock(loop_->mutex);
  if (!channel_->signal.empty()) return "signal " + channel_->signal;
  return channel_->exit_status ? "exit status " + std::to_string(*channel_->exit_status) : "";
}

SessionError SshChannel::lost(const std::string& why) const {
  return {channel_->may_have_begun ? Kind::interrupted : Kind::not_started,
          "a command on " + target_text(loop_->target) +
              (channel_->may_have_begun ? " was interrupted: " : " was not started: ") + why};
}

Result<Unit, SessionError> SshChannel::await_start(Deadline deadline) {
  std::unique_lock lock(loop_->mutex);
  Channel& channel = *channel_;
  const auto ready = [&] { return channel.over() || channel.phase == Channel::Phase::running; };
  if (!channel.changed.wait_until(lock, deadline, ready)) return lost("the server did not answer in time");
  if (!channel.failure.empty()) return lost(channel.failure);
  return Unit{};
}

Result<std::optional<int>, SessionError> SshChannel::await_error_word(const std::string& first,
                                                                      const std::string& second,
                                                                      Deadline deadline) {
  std::unique_lock lock(loop_->mutex);
  Channel& channel = *channel_;
  std::optional<int> seen;
  const auto ready = [&] {
    size_t end = std::string::npos;
    for (int which = 0; which < 2 && !seen; ++which) {
      const std::string& word = which == 0 ? first : second;
      const size_t at = word.empty() ? std::string::npos : channel.err.find(word);
      if (at == std::string::npos) continue;
      seen = which;
      end = at + word.size();
    }
    if (seen) channel.err.erase(0, end);
    return seen.has_value() || channel.over();
  };
  if (!channel.changed.wait_until(lock, deadline, ready)) return lost("sudo did not answer in time");
  if (!seen && !channel.failure.empty()) return lost(channel.failure);
  return seen;
}

Result<CommandOutput, SessionError> SshChannel::await_end(Deadline deadline) {
  std::unique_lock lock(loop_->mutex);
  Channel& channel = *channel_;
  if (!channel.changed.wait_until(lock, deadline, [&] { return channel.over(); })) {
    if (channel.has_end()) {
      return lost("it ended by itself, but something it left behind still holds its output: redirect that");
    }
    return lost("its deadline passed");
  }
  if (!channel.failure.empty()) return lost(channel.failure);
  if (!channel.has_end()) return lost("the server closed the channel without saying how it ended");
  CommandOutput output;
  output.exit_status = channel.exit_status.value_or(0);
  output.signal = channel.signal;
  output.out = channel.out.substr(channel.out_read);
  output.err = std::move(channel.err);
  return output;
}

SshConnection::SshConnection(std::shared_ptr<Loop> loop) : loop_(std::move(loop)) {}

Result<std::shared_ptr<SshConnection>, SessionError> SshConnection::connect(const SshTarget& target,
                                                                            Deadline deadline) {
  auto session = ssh_handshake(target, deadline);
  if (!session) return session.error();
  auto loop = std::make_shared<Loop>();
  loop->target = target;
  std::string local_address = socket_local_address(ssh_get_fd(session->get()));
  loop->session = std::move(*session);
  loop->thread = std::thread([loop] { loop->run(); });
  std::shared_ptr<SshConnection> connection(new SshConnection(std::move(loop)));
  connection->local_address_ = std::move(local_address);
  return connection;
}

SshConnection::~SshConnection() {
  {
    const std::lock_guard lock(loop_->mutex);
    loop_->stop = true;
  }
  loop_->wake();
  loop_->thread.join();
}

Result<std::unique_ptr<SshChannel>, SessionError> SshConnection::open(ChannelRequest request,
                                                                      Deadline deadline) {
  auto channel = std::make_shared<Channel>();
  channel->loop = loop_.get();
  channel->input = std::move(request.input);
  channel->input_ends = request.input_ends;
  channel->request = std::move(request);
  {
    std::unique_lock lock(loop_->mutex);
    const auto ready = [&] { return loop_->dead || loop_->channels.size() < kMaxChannels; };
    if (!loop_->slot_free.wait_until(lock, deadline, ready)) {
      return SessionError{Kind::not_started,
                          "a command on " + target_text(loop_->target) +
                              " was not started: all 8 channels were busy until its deadline"};
    }
    if (loop_->dead) {
      return SessionError{Kind::not_started,
                          "a command on " + target_text(loop_->target) +
                              " was not started: the connection was lost: " + loop_->death};
    }
    loop_->channels.push_back(channel);
  }
  loop_->wake();
  return std::make_unique<SshChannel>(loop_, std::move(channel));
}

bool SshConnection::usable() const {
  const std::lock_guard lock(loop_->mutex);
  return !loop_->dead && !loop_->refused;
}

}  // namespace riven
