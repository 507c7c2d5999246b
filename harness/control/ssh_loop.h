// The inside of an SshConnection: its channels and the loop of its thread. Only ssh_*.cpp include it.
#pragma once

#include <libssh/callbacks.h>
#include <libssh/libssh.h>

#include <condition_variable>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "harness/control/ssh_connection.h"
#include "harness/control/ssh_handshake.h"

namespace riven::ssh_detail {

/// Unread output above this fails the channel.
constexpr size_t kMaxUnreadBytes = size_t{64} << 20;
/// Input that waits to be sent above this makes writers wait.
constexpr size_t kMaxUnsentBytes = size_t{1} << 20;

struct Channel {
  enum class Phase : uint8_t { queued, opening, requesting, running, closed, failed };

  // Guarded by Loop::mutex.
  ChannelRequest request;
  std::string input;  // to be sent, without its first `sent` bytes
  size_t sent = 0;
  bool input_ends = false;
  bool close_wanted = false;
  bool kill_wanted = false;  // with close_wanted
  std::vector<long> groups;  // process groups, as announced
  Phase phase = Phase::queued;
  bool may_have_begun = false;
  std::string out;
  size_t out_read = 0;
  std::string err;
  bool out_ended = false;
  std::optional<int> exit_status;
  std::string signal;
  std::string failure;
  std::condition_variable changed;

  // The loop's thread alone.
  ssh_channel handle = nullptr;
  ssh_channel_callbacks_struct callbacks{};
  bool end_sent = false;
  bool close_sent = false;
  Loop* loop = nullptr;

  size_t unsent() const { return input.size() - sent; }
  bool over() const { return phase == Phase::closed || phase == Phase::failed || !failure.empty(); }
  bool has_end() const { return exit_status.has_value() || !signal.empty(); }
};

/// Shared by the connection, its channels and the thread.
struct Loop {
  SshTarget target;
  mutable std::mutex mutex;
  std::condition_variable slot_free;
  std::list<std::shared_ptr<Channel>> channels;  // those that hold a slot, in the order of opening
  bool stop = false;
  bool dead = false;
  bool refused = false;  // a channel was refused: too many sessions there
  std::string death;
  int wake_descriptor = -1;
  SshHandle session;  // the loop's thread alone, once that runs
  std::thread thread;

  Loop();
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;
  void wake() const;
  /// With the lock held: kills the channel's process group by a command on a channel of its own, if it
  /// announced its number.
  void kill(Channel& channel);
  void run();

 private:
  // All of them by the loop's thread, without the lock.
  bool step_all();
  bool step(Channel& channel);
  bool begin(Channel& channel);
  bool step_opening(Channel& channel);
  bool step_requesting(Channel& channel);
  bool step_running(Channel& channel);
  void release(Channel& channel);
  void fail(Channel& channel, const std::string& why);
  void die(const std::string& why);

  bool woken_ = false;
};

}  // namespace riven::ssh_detail
