// An NFQUEUE queue: packets that nf_tables hands to user space, and the verdicts on them.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>

#include "harness/core/result.h"

struct nl_sock;

namespace riven::agent {

/// Bound to one queue number of the network namespace in which it was opened; a number that someone else has
/// is an error. Packets above `max_packets` waiting pass untouched (fail open). Not thread-safe. When it is
/// closed, the kernel drops what still waits, so release() everything first.
class PacketQueue {
 public:
  struct Packet {
    uint32_t id;
    uint32_t size_bytes;       // of the whole packet
    std::string_view content;  // from the IP header on; at most `copy_bytes`; valid during the call
  };
  static Result<std::unique_ptr<PacketQueue>> open(uint16_t number, uint32_t copy_bytes,
                                                   uint32_t max_packets);
  ~PacketQueue();
  int fd() const;
  /// Calls fn for each packet that is there now, at most some hundreds; does not wait.
  void receive(const std::function<void(const Packet&)>& fn);
  void accept(uint32_t id) { verdict(id, true, {}); }
  /// Lets it go on with other content of the same size.
  void accept_changed(uint32_t id, std::string_view content) { verdict(id, true, content); }
  void drop(uint32_t id) { verdict(id, false, {}); }

 private:
  PacketQueue(nl_sock* socket, uint16_t number) : socket_(socket), number_(number) {}
  void verdict(uint32_t id, bool pass, std::string_view content);
  nl_sock* socket_;
  uint16_t number_;
};

}  // namespace riven::agent
