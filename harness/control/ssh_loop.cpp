#include "harness/control/ssh_loop.h"

#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <string_view>

#include "harness/control/shell_command.h"

namespace riven::ssh_detail {
namespace {

using Phase = Channel::Phase;

constexpr size_t kMaxKeptErrorBytes = 64 * 1024;
// One write call hands libssh at most this much, so that one channel's input does not hold up the others.
constexpr size_t kMaxWriteBytes = 256 * 1024;

Channel& channel_of(void* user) { return *static_cast<Channel*>(user); }

void take_group(Channel& channel) {
  static constexpr std::string_view word = kPidWord;
  const size_t at = channel.err.find(word);
  const size_t end = at == std::string::npos ? at : channel.err.find('\n', at);
  if (end == std::string::npos) return;
  const long number = std::strtol(channel.err.c_str() + at + word.size(), nullptr, 10);
  if (number > 1) channel.groups.push_back(number);
  channel.err.erase(at, end + 1 - at);
}

void overflow(Channel& channel) {
  channel.failure = "it wrote more than 64 MiB of output: let it write to a file and download that";
  channel.close_wanted = channel.kill_wanted = true;
}

// The callbacks run inside libssh calls of the loop's thread, so they only note what they saw.
int on_data(ssh_session, ssh_channel, void* data, uint32_t size, int is_stderr, void* user) {
  Channel& channel = channel_of(user);
  const std::lock_guard lock(channel.loop->mutex);
  const bool dropped = !channel.failure.empty() || channel.close_wanted;
  if (!dropped) {
    std::string& to = is_stderr != 0 ? channel.err : channel.out;
    to.append(static_cast<const char*>(data), size);
    if (is_stderr != 0 && channel.groups.size() < channel.request.announced) take_group(channel);
    if (is_stderr != 0 && channel.request.stream && to.size() > kMaxKeptErrorBytes) {
      to.erase(0, to.size() - kMaxKeptErrorBytes);
    }
    if (to.size() - (is_stderr != 0 ? 0 : channel.out_read) > kMaxUnreadBytes) overflow(channel);
    channel.changed.notify_all();
  }
  return static_cast<int>(size);
}

void on_eof(ssh_session, ssh_channel, void* user) {
  Channel& channel = channel_of(user);
  const std::lock_guard lock(channel.loop->mutex);
  channel.out_ended = true;
  channel.changed.notify_all();
}

void on_close(ssh_session, ssh_channel, void* user) {
  Channel& channel = channel_of(user);
  const std::lock_guard lock(channel.loop->mutex);
  channel.out_ended = true;
  channel.phase = Phase::closed;
  channel.changed.notify_all();
}

void on_exit_status(ssh_session, ssh_channel, int status, void* user) {
  Channel& channel = channel_of(user);
  const std::lock_guard lock(channel.loop->mutex);
  channel.exit_status = status;
}

void on_exit_signal(ssh_session, ssh_channel, const char* signal, int, const char*, const char*, void* user) {
  Channel& channel = channel_of(user);
  const std::lock_guard lock(channel.loop->mutex);
  channel.signal = signal;
}

// A call for one channel may have met the end of the connection, which poll() then shows no more.
bool is_broken(ssh_session session) {
  return ssh_is_connected(session) == 0 || (ssh_get_status(session) & (SSH_CLOSED | SSH_CLOSED_ERROR)) != 0;
}

int on_wake(socket_t descriptor, int, void* user) {
  uint64_t count = 0;
  (void)!read(descriptor, &count, sizeof count);
  *static_cast<bool*>(user) = true;
  return 0;
}

}  // namespace

Loop::Loop() : wake_descriptor(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
  RIVEN_CHECK(wake_descriptor >= 0,
              "no descriptor left for an SSH connection: raise the limit of open files");
}

Loop::~Loop() { close(wake_descriptor); }

void Loop::wake() const {
  const uint64_t one = 1;
  (void)!write(wake_descriptor, &one, sizeof one);
}

void Loop::run() {
  // Signals belong to the threads of the program that uses us.
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, nullptr);

  ssh_event event = ssh_event_new();
  RIVEN_CHECK(event != nullptr, "out of memory for an SSH connection");
  ssh_event_add_session(event, session.get());
  ssh_event_add_fd(event, wake_descriptor, POLLIN, on_wake, &woken_);
  ssh_counter_struct socket_counter{};
  ssh_counter_struct packets{};
  ssh_set_counters(session.get(), &socket_counter, &packets);
  for (;;) {
    // A libssh call for one channel may take in packets for another, or the wake-up: only when a whole pass
    // saw neither is it safe to sleep.
    bool moved = true;
    while (moved) {
      const uint64_t before = packets.in_packets;
      woken_ = false;
      moved = step_all();
      moved = moved || woken_ || packets.in_packets != before;
    }
    {
      const std::lock_guard lock(mutex);
      if (stop) break;
    }
    if (is_broken(session.get()) || ssh_event_dopoll(event, -1) == SSH_ERROR) {
      die(ssh_get_error(session.get()));
      break;
    }
  }
  die("the connection was closed on our side");
  ssh_event_remove_fd(event, wake_descriptor);
  ssh_event_remove_session(event, session.get());
  ssh_event_free(event);
  session.reset();
}

void Loop::kill(Channel& channel) {
  if (channel.groups.empty() || dead) return;
  auto killer = std::make_shared<Channel>();
  killer->loop = this;
  killer->request.line = channel.request.kill_prefix + kill_line(channel.groups);
  killer->input = channel.request.kill_input;
  killer->input_ends = true;
  channels.push_back(std::move(killer));
}

bool Loop::step_all() {
  std::vector<std::shared_ptr<Channel>> now;
  {
    const std::lock_guard lock(mutex);
    now.assign(channels.begin(), channels.end());
  }
  bool moved = false;
  for (const auto& channel : now) moved = step(*channel) || moved;
  return moved;
}

bool Loop::step(Channel& channel) {
  Phase phase = Phase::queued;
  {
    const std::lock_guard lock(mutex);
    phase = channel.phase;
  }
  switch (phase) {
    case Phase::queued:
      return begin(channel);
    case Phase::opening:
      return step_opening(channel);
    case Phase::requesting:
      return step_requesting(channel);
    case Phase::running:
      return step_running(channel);
    case Phase::closed:
    case Phase::failed:
      release(channel);
      return true;
  }
  return false;
}

bool Loop::begin(Channel& channel) {
  channel.handle = ssh_channel_new(session.get());
  if (channel.handle == nullptr) {
    fail(channel, "no channel could be made");
    return true;
  }
  channel.callbacks.userdata = &channel;
  channel.callbacks.channel_data_function = on_data;
  channel.callbacks.channel_eof_function = on_eof;
  channel.callbacks.channel_close_function = on_close;
  channel.callbacks.channel_exit_status_function = on_exit_status;
  channel.callbacks.channel_exit_signal_function = on_exit_signal;
  ssh_callbacks_init(&channel.callbacks);
  ssh_set_channel_callbacks(channel.handle, &channel.callbacks);
  {
    const std::lock_guard lock(mutex);
    channel.phase = Phase::opening;
  }
  (void)step_opening(channel);
  return true;
}

bool Loop::step_opening(Channel& channel) {
  const int rc = ssh_channel_open_session(channel.handle);
  if (rc == SSH_AGAIN) return false;
  if (rc != SSH_OK) {
    {
      const std::lock_guard lock(mutex);
      refused = true;
    }
    fail(channel, std::string("the server opens no further channel: ") + ssh_get_error(session.get()));
    return true;
  }
  {
    const std::lock_guard lock(mutex);
    if (channel.close_wanted) {
      channel.phase = Phase::running;  // so that it is closed
      return true;
    }
    channel.phase = Phase::requesting;
    channel.may_have_begun = true;
  }
  (void)step_requesting(channel);
  return true;
}

bool Loop::step_requesting(Channel& channel) {
  const int rc = channel.request.subsystem
                     ? ssh_channel_request_subsystem(channel.handle, channel.request.line.c_str())
                     : ssh_channel_request_exec(channel.handle, channel.request.line.c_str());
  if (rc == SSH_AGAIN) return false;
  const std::string why = rc == SSH_OK ? "" : ssh_get_error(session.get());
  const bool alive = !is_broken(session.get());
  {
    const std::lock_guard lock(mutex);
    if (rc == SSH_OK) {
      if (channel.phase == Phase::requesting) channel.phase = Phase::running;
      channel.changed.notify_all();
      return true;
    }
    if (alive) channel.may_have_begun = false;  // the server said no
  }
  fail(channel, "the server did not start it: " + why);
  return true;
}

bool Loop::step_running(Channel& channel) {
  std::string chunk;
  bool end_input = false;
  bool want_close = false;
  bool want_kill = false;
  {
    const std::lock_guard lock(mutex);
    want_close = channel.close_wanted;
    want_kill = channel.kill_wanted;
    chunk = channel.input.substr(channel.sent, kMaxWriteBytes);
    end_input = channel.input_ends && chunk.empty();
  }
  if (want_close) {
    if (channel.close_sent) return false;
    if (want_kill) {
      const std::lock_guard lock(mutex);
      kill(channel);
    }
    ssh_channel_close(channel.handle);
    channel.close_sent = true;
    return true;
  }
  if (!chunk.empty()) {
    const int written = ssh_channel_write(channel.handle, chunk.data(), static_cast<uint32_t>(chunk.size()));
    const std::lock_guard lock(mutex);
    if (written < 0) {
      // It no longer reads; what it said and how it ended may still arrive.
      channel.sent = channel.input.size();
    } else {
      channel.sent += static_cast<size_t>(written);
    }
    if (channel.unsent() == 0) {
      channel.input.clear();
      channel.sent = 0;
    } else if (channel.sent > kMaxUnsentBytes) {
      channel.input.erase(0, channel.sent);
      channel.sent = 0;
    }
    if (written != 0) channel.changed.notify_all();
    return written != 0;
  }
  if (end_input && !channel.end_sent) {
    ssh_channel_send_eof(channel.handle);
    channel.end_sent = true;
    return true;
  }
  return false;
}

void Loop::release(Channel& channel) {
  if (channel.handle != nullptr) {
    ssh_remove_channel_callbacks(channel.handle, &channel.callbacks);
    ssh_channel_free(channel.handle);
    channel.handle = nullptr;
  }
  const std::lock_guard lock(mutex);
  channels.remove_if([&](const auto& each) { return each.get() == &channel; });
  slot_free.notify_one();
}

void Loop::fail(Channel& channel, const std::string& why) {
  const std::lock_guard lock(mutex);
  if (channel.phase == Phase::closed) return;
  channel.phase = Phase::failed;
  if (channel.failure.empty()) channel.failure = why;
  channel.changed.notify_all();
}

void Loop::die(const std::string& why) {
  const std::lock_guard lock(mutex);
  if (!dead) death = why.empty() ? "the connection was lost" : why;
  dead = true;
  for (const auto& channel : channels) {
    if (channel->phase != Phase::closed && channel->phase != Phase::failed) {
      // A program whose end and whole output were seen has ended, whatever became of the connection then.
      const bool whole = channel->has_end() && channel->out_ended;
      channel->phase = whole ? Phase::closed : Phase::failed;
      channel->out_ended = true;
      if (!whole && channel->failure.empty()) channel->failure = "the connection was lost: " + death;
    }
    channel->handle = nullptr;  // freed with the session
    channel->changed.notify_all();
  }
  channels.clear();
  slot_free.notify_all();
}

}  // namespace riven::ssh_detail
