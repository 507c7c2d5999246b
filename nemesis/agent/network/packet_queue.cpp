#include "nemesis/agent/network/packet_queue.h"

#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_queue.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/socket.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace riven::agent {
namespace {

constexpr int kReceiveBufferBytes = 32 << 20;
constexpr int kBurst = 256;

nl_msg* make_message(int type, int flags, uint16_t number) {
  nl_msg* message = nlmsg_alloc_size(72 * 1024);
  RIVEN_CHECK(message != nullptr, "out of memory");
  nlmsghdr* header =
      nlmsg_put(message, 0, 0, (NFNL_SUBSYS_QUEUE << 8) | type, sizeof(nfgenmsg), NLM_F_REQUEST | flags);
  auto* body = static_cast<nfgenmsg*>(nlmsg_data(header));
  body->nfgen_family = AF_UNSPEC;
  body->version = NFNETLINK_V0;
  body->res_id = htons(number);
  return message;
}

/// Sends and frees.
bool send_message(int fd, nl_msg* message) {
  const nlmsghdr* header = nlmsg_hdr(message);
  sockaddr_nl kernel{};
  kernel.nl_family = AF_NETLINK;
  const bool sent =
      sendto(fd, header, header->nlmsg_len, 0, reinterpret_cast<sockaddr*>(&kernel), sizeof kernel) >= 0;
  nlmsg_free(message);
  return sent;
}

/// Sends a configuration and waits for the kernel's answer.
Status configure(int fd, nl_msg* message) {
  nlmsg_hdr(message)->nlmsg_flags |= NLM_F_ACK;
  if (!send_message(fd, message)) return Error{std::string("packet queue: ") + std::strerror(errno)};
  alignas(nlmsghdr) std::array<char, 8192> buffer;
  while (true) {
    const ssize_t got = recv(fd, buffer.data(), buffer.size(), 0);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return Error{std::string("packet queue gave no answer: ") + std::strerror(errno)};
    int left = static_cast<int>(got);
    for (auto* h = reinterpret_cast<nlmsghdr*>(buffer.data()); nlmsg_ok(h, left); h = nlmsg_next(h, &left)) {
      if (h->nlmsg_type != NLMSG_ERROR) continue;
      const int code = static_cast<nlmsgerr*>(nlmsg_data(h))->error;
      if (code != 0) return Error{std::string("packet queue refused: ") + std::strerror(-code)};
      return ok_status();
    }
  }
}

nl_msg* make_command(uint8_t command, uint16_t number) {
  nl_msg* message = make_message(NFQNL_MSG_CONFIG, 0, number);
  const nfqnl_msg_config_cmd body{command, 0, 0};
  nla_put(message, NFQA_CFG_CMD, sizeof body, &body);
  return message;
}

}  // namespace

Result<std::unique_ptr<PacketQueue>> PacketQueue::open(uint16_t number, uint32_t copy_bytes,
                                                       uint32_t max_packets) {
  nl_sock* socket = nl_socket_alloc();
  RIVEN_CHECK(socket != nullptr, "out of memory");
  auto queue = std::unique_ptr<PacketQueue>(new PacketQueue(socket, number));
  if (const int code = nl_connect(socket, NETLINK_NETFILTER); code < 0) {
    return Error{std::string("cannot open a netfilter netlink socket: ") + nl_geterror(code)};
  }
  const int fd = nl_socket_get_fd(socket);
  const timeval patience{2, 0};
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &kReceiveBufferBytes, sizeof kReceiveBufferBytes) != 0) {
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &kReceiveBufferBytes, sizeof kReceiveBufferBytes);
  }
  const int one = 1;
  setsockopt(fd, SOL_NETLINK, NETLINK_NO_ENOBUFS, &one, sizeof one);
  if (Status bound = configure(fd, make_command(NFQNL_CFG_CMD_BIND, number)); !bound) return bound.error();
  nl_msg* message = make_message(NFQNL_MSG_CONFIG, 0, number);
  nfqnl_msg_config_params params{};
  params.copy_range = htonl(copy_bytes);
  params.copy_mode = NFQNL_COPY_PACKET;
  nla_put(message, NFQA_CFG_PARAMS, sizeof params, &params);
  nla_put_u32(message, NFQA_CFG_QUEUE_MAXLEN, htonl(max_packets));
  nla_put_u32(message, NFQA_CFG_FLAGS, htonl(NFQA_CFG_F_FAIL_OPEN));
  nla_put_u32(message, NFQA_CFG_MASK, htonl(NFQA_CFG_F_FAIL_OPEN));
  if (Status set = configure(fd, message); !set) return set.error();
  return queue;
}

PacketQueue::~PacketQueue() { nl_socket_free(socket_); }

int PacketQueue::fd() const { return nl_socket_get_fd(socket_); }

void PacketQueue::receive(const std::function<void(const Packet&)>& fn) {
  alignas(nlmsghdr) static thread_local std::array<char, 128 * 1024> buffer;
  for (int i = 0; i < kBurst; ++i) {
    const ssize_t got = recv(fd(), buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (got <= 0) return;
    int left = static_cast<int>(got);
    for (auto* h = reinterpret_cast<nlmsghdr*>(buffer.data()); nlmsg_ok(h, left); h = nlmsg_next(h, &left)) {
      if (h->nlmsg_type != ((NFNL_SUBSYS_QUEUE << 8) | NFQNL_MSG_PACKET)) continue;
      nlattr* head = nlmsg_find_attr(h, sizeof(nfgenmsg), NFQA_PACKET_HDR);
      nlattr* content = nlmsg_find_attr(h, sizeof(nfgenmsg), NFQA_PAYLOAD);
      nlattr* whole = nlmsg_find_attr(h, sizeof(nfgenmsg), NFQA_CAP_LEN);
      if (head == nullptr) continue;
      Packet packet{};
      packet.id = ntohl(static_cast<nfqnl_msg_packet_hdr*>(nla_data(head))->packet_id);
      if (content != nullptr) {
        packet.content = {static_cast<char*>(nla_data(content)), static_cast<size_t>(nla_len(content))};
      }
      packet.size_bytes =
          whole != nullptr ? ntohl(nla_get_u32(whole)) : static_cast<uint32_t>(packet.content.size());
      fn(packet);
    }
  }
}

void PacketQueue::verdict(uint32_t id, bool pass, std::string_view content) {
  // Built by hand on the stack: this runs for every packet.
  alignas(nlmsghdr) std::array<char, 128> head{};
  auto* header = reinterpret_cast<nlmsghdr*>(head.data());
  header->nlmsg_type = (NFNL_SUBSYS_QUEUE << 8) | NFQNL_MSG_VERDICT;
  header->nlmsg_flags = NLM_F_REQUEST;
  auto* body = reinterpret_cast<nfgenmsg*>(head.data() + NLMSG_HDRLEN);
  body->nfgen_family = AF_UNSPEC;
  body->version = NFNETLINK_V0;
  body->res_id = htons(number_);
  size_t at = NLMSG_HDRLEN + NLMSG_ALIGN(sizeof(nfgenmsg));
  auto* attribute = reinterpret_cast<nlattr*>(head.data() + at);
  const nfqnl_msg_verdict_hdr told{htonl(pass ? NF_ACCEPT : NF_DROP), htonl(id)};
  attribute->nla_type = NFQA_VERDICT_HDR;
  attribute->nla_len = static_cast<uint16_t>(NLA_HDRLEN + sizeof told);
  std::memcpy(head.data() + at + NLA_HDRLEN, &told, sizeof told);
  at += static_cast<size_t>(NLA_ALIGN(NLA_HDRLEN + sizeof told));
  std::array<iovec, 2> parts{};
  size_t count = 1;
  size_t total = at;
  if (!content.empty()) {
    auto* payload = reinterpret_cast<nlattr*>(head.data() + at);
    payload->nla_type = NFQA_PAYLOAD;
    payload->nla_len = static_cast<uint16_t>(NLA_HDRLEN + content.size());
    at += NLA_HDRLEN;
    parts[1] = {const_cast<char*>(content.data()), content.size()};
    total = at + content.size();
    count = 2;
  }
  parts[0] = {head.data(), at};
  header->nlmsg_len = static_cast<uint32_t>(total);
  sockaddr_nl kernel{};
  kernel.nl_family = AF_NETLINK;
  msghdr message{};
  message.msg_name = &kernel;
  message.msg_namelen = sizeof kernel;
  message.msg_iov = parts.data();
  message.msg_iovlen = count;
  sendmsg(fd(), &message, 0);
}

}  // namespace riven::agent
