#include "nemesis/agent/network/link_emulator.h"

#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <poll.h>
#include <sched.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstring>
#include <string>

#include "harness/core/clock.h"

namespace riven::agent {
namespace {

/// Doubles and damaged packets held beyond this are not made, so that memory is bounded.
constexpr size_t kMostHeldBytes = 64 << 20;

int open_raw(int family) {
  const int fd = socket(family, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW);
  if (fd < 0) return -1;
  const int one = 1;
  if (family == AF_INET6) setsockopt(fd, IPPROTO_IPV6, IPV6_HDRINCL, &one, sizeof one);
  setsockopt(fd, SOL_SOCKET, SO_MARK, &kEmulatorMark, sizeof kEmulatorMark);
  return fd;
}

size_t header_bytes(std::string_view content) {
  if (content.empty()) return 0;
  const auto first = static_cast<uint8_t>(content[0]);
  return (first >> 4) == 4 ? size_t{4} * (first & 0xf) : sizeof(ip6_hdr);
}

}  // namespace

LinkEmulator::LinkEmulator(std::unique_ptr<PacketQueue> queue, const LinkOptions& options, uint64_t seed)
    : queue_(std::move(queue)), model_(options, seed), wake_fd_(eventfd(0, EFD_CLOEXEC)) {
  if (options.duplicate > 0) {
    raw_v4_ = open_raw(AF_INET);
    raw_v6_ = open_raw(AF_INET6);
  }
  // Signals are the agent's own thread's.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  thread_ = std::thread([this] { run(); });
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

LinkEmulator::~LinkEmulator() {
  stop_ = true;
  const uint64_t one = 1;
  (void)!write(wake_fd_, &one, sizeof one);
  thread_.join();
  queue_.reset();
  for (const int fd : {wake_fd_, raw_v4_, raw_v6_}) {
    if (fd >= 0) close(fd);
  }
}

Json LinkEmulator::counts() const {
  const uint64_t released = released_;
  return {
      {"packets", packets_.load()},       {"lost", lost_.load()},
      {"duplicated", duplicated_.load()}, {"corrupted", corrupted_.load()},
      {"delayed", delayed_.load()},       {"mean_late_us", released == 0 ? 0 : late_ns_ / released / 1000}};
}

void LinkEmulator::run() {
  const sched_param priority{.sched_priority = 20};
  sched_setscheduler(0, SCHED_FIFO | SCHED_RESET_ON_FORK, &priority);
  while (!stop_) {
    release_due();
    const int64_t wait_ns =
        held_.empty() ? kNanosPerSecond
                      : std::clamp<int64_t>(held_.top().release_ns - monotonic_now_ns(), 0, kNanosPerSecond);
    const timespec wait{wait_ns / kNanosPerSecond, wait_ns % kNanosPerSecond};
    pollfd waiting[2] = {{queue_->fd(), POLLIN, 0}, {wake_fd_, POLLIN, 0}};
    if (ppoll(waiting, 2, &wait, nullptr) <= 0 || (waiting[0].revents & POLLIN) == 0) continue;
    queue_->receive([this](const PacketQueue::Packet& packet) { take(packet); });
  }
  // The rules are gone by now: what is held or still waits goes on, at once.
  queue_->receive([this](const PacketQueue::Packet& packet) { queue_->accept(packet.id); });
  for (; !held_.empty(); held_.pop()) let_go(held_.top());
}

void LinkEmulator::let_go(const Held& held) {
  if (held.is_copy) {
    send_again(*held.content);
  } else if (held.content != nullptr) {
    queue_->accept_changed(held.id, *held.content);
  } else {
    queue_->accept(held.id);
  }
}

void LinkEmulator::hold_or_let_go(Held held, int64_t now_ns) {
  if (held.release_ns <= now_ns) {
    let_go(held);
    return;
  }
  if (held.content != nullptr) held_bytes_ += held.content->size();
  held.order = order_++;
  held_.push(std::move(held));
}

void LinkEmulator::release_due() {
  int64_t now_ns = monotonic_now_ns();
  while (!held_.empty() && held_.top().release_ns <= now_ns) {
    late_ns_ += static_cast<uint64_t>(now_ns - held_.top().release_ns);
    ++released_;
    if (held_.top().content != nullptr) held_bytes_ -= held_.top().content->size();
    let_go(held_.top());
    held_.pop();
    now_ns = monotonic_now_ns();
  }
}

void LinkEmulator::take(const PacketQueue::Packet& packet) {
  const int64_t now_ns = monotonic_now_ns();
  const PacketFate fate = model_.next(now_ns, packet.size_bytes);
  ++packets_;
  if (fate.lost) {
    ++lost_;
    queue_->drop(packet.id);
    return;
  }
  const bool has_room = held_bytes_ + 2 * packet.content.size() <= kMostHeldBytes;
  if (fate.duplicated && has_room) {
    hold_or_let_go({fate.copy_release_ns, 0, 0, true, std::make_shared<const std::string>(packet.content)},
                   now_ns);
    ++duplicated_;
  }
  Held held{fate.release_ns, 0, packet.id, false, nullptr};
  const size_t header = header_bytes(packet.content);
  if (fate.corrupted && has_room && header < packet.content.size()) {
    std::string damaged(packet.content);
    const auto [byte, bit] =
        model_.flip(static_cast<uint32_t>(damaged.size()), static_cast<uint32_t>(header));
    damaged[byte] = static_cast<char>(damaged[byte] ^ (1 << bit));
    ++corrupted_;
    held.content = std::make_shared<const std::string>(std::move(damaged));
  }
  if (fate.release_ns > now_ns) ++delayed_;
  hold_or_let_go(std::move(held), now_ns);
}

void LinkEmulator::send_again(std::string_view content) const {
  if (content.size() < sizeof(iphdr)) return;
  if ((static_cast<uint8_t>(content[0]) >> 4) == 4) {
    sockaddr_in to{};
    to.sin_family = AF_INET;
    std::memcpy(&to.sin_addr, content.data() + offsetof(iphdr, daddr), sizeof to.sin_addr);
    sendto(raw_v4_, content.data(), content.size(), MSG_DONTWAIT, reinterpret_cast<sockaddr*>(&to),
           sizeof to);
  } else if (content.size() >= sizeof(ip6_hdr)) {
    sockaddr_in6 to{};
    to.sin6_family = AF_INET6;
    std::memcpy(&to.sin6_addr, content.data() + offsetof(ip6_hdr, ip6_dst), sizeof to.sin6_addr);
    sendto(raw_v6_, content.data(), content.size(), MSG_DONTWAIT, reinterpret_cast<sockaddr*>(&to),
           sizeof to);
  }
}

}  // namespace riven::agent
