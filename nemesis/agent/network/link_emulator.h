// The thread that holds back, drops and damages the packets of one queue.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <queue>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "harness/core/json.h"
#include "nemesis/agent/network/link_model.h"
#include "nemesis/agent/network/packet_queue.h"

namespace riven::agent {

/// Packets that the emulator sends itself (duplicates) carry this mark; the rules let them pass.
inline constexpr uint32_t kEmulatorMark = 0x52564e45;

/// Runs from construction to destruction, in real time where the node allows it. Memory is bounded by the
/// queue's length and, for doubles and damaged packets, by 64 MB. The destructor lets everything go that is
/// held.
class LinkEmulator {
 public:
  LinkEmulator(std::unique_ptr<PacketQueue> queue, const LinkOptions& options, uint64_t seed);
  ~LinkEmulator();
  LinkEmulator(const LinkEmulator&) = delete;
  LinkEmulator& operator=(const LinkEmulator&) = delete;
  /// Thread-safe.
  Json counts() const;

 private:
  struct Held {
    int64_t release_ns;
    uint64_t order;  // first come, first served at equal times
    uint32_t id;
    bool is_copy;                                // the emulator's own: `content` is sent again
    std::shared_ptr<const std::string> content;  // of a copy or of a packet that was damaged
    bool operator<(const Held& other) const {
      return release_ns != other.release_ns ? release_ns > other.release_ns : order > other.order;
    }
  };
  void run();
  void take(const PacketQueue::Packet& packet);
  void release_due();
  void let_go(const Held& held);
  void hold_or_let_go(Held held, int64_t now_ns);
  void send_again(std::string_view content) const;

  std::unique_ptr<PacketQueue> queue_;
  LinkModel model_;
  std::priority_queue<Held> held_;
  uint64_t order_ = 0;
  size_t held_bytes_ = 0;
  int wake_fd_ = -1;
  int raw_v4_ = -1;
  int raw_v6_ = -1;
  std::atomic<bool> stop_ = false;
  std::atomic<uint64_t> packets_ = 0, lost_ = 0, duplicated_ = 0, corrupted_ = 0, delayed_ = 0, released_ = 0,
                        late_ns_ = 0;
  std::thread thread_;
};

}  // namespace riven::agent
