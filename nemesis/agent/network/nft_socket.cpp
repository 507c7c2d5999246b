#include "nemesis/agent/network/nft_socket.h"

#include <netlink/attr.h>
#include <netlink/netlink.h>
#include <netlink/socket.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "nemesis/agent/network/nft_message.h"

namespace riven::agent {
namespace {

std::string text_of(const nlattr* attribute) {
  const auto* text = static_cast<const char*>(nla_data(attribute));
  return {text, strnlen(text, static_cast<size_t>(nla_len(attribute)))};
}

uint64_t read_u64(const nlattr* attribute) {
  std::array<uint8_t, 8> bytes{};
  if (nla_len(attribute) < 8) return 0;
  std::memcpy(bytes.data(), nla_data(attribute), 8);
  uint64_t v = 0;
  for (const uint8_t byte : bytes) v = (v << 8) | byte;
  return v;
}

/// Calls fn(attribute) for each one in [first, first + length).
template <typename Fn>
void for_each_attribute(nlattr* first, int length, Fn&& fn) {
  for (nlattr* at = first; nla_ok(at, length); at = nla_next(at, &length)) fn(at);
}

NftCount count_of(nlmsghdr* header) {
  NftCount count;
  for_each_attribute(
      nlmsg_attrdata(header, sizeof(nfgenmsg)), nlmsg_attrlen(header, sizeof(nfgenmsg)),
      [&](nlattr* attribute) {
        if (nla_type(attribute) == NFTA_RULE_USERDATA) {
          const auto* data = static_cast<const uint8_t*>(nla_data(attribute));
          const int size = nla_len(attribute);
          if (size >= 2 && data[0] == kNftCommentType && data[1] >= 1 && data[1] + 2 <= size) {
            count.comment.assign(reinterpret_cast<const char*>(data) + 2, size_t{data[1]} - 1);
          }
        }
        if (nla_type(attribute) != NFTA_RULE_EXPRESSIONS) return;
        for_each_attribute(
            static_cast<nlattr*>(nla_data(attribute)), nla_len(attribute), [&](nlattr* element) {
              nlattr* name =
                  nla_find(static_cast<nlattr*>(nla_data(element)), nla_len(element), NFTA_EXPR_NAME);
              nlattr* data =
                  nla_find(static_cast<nlattr*>(nla_data(element)), nla_len(element), NFTA_EXPR_DATA);
              if (name == nullptr || data == nullptr || text_of(name) != "counter") return;
              for_each_attribute(static_cast<nlattr*>(nla_data(data)), nla_len(data), [&](nlattr* field) {
                if (nla_type(field) == NFTA_COUNTER_PACKETS) count.packets = read_u64(field);
                if (nla_type(field) == NFTA_COUNTER_BYTES) count.bytes = read_u64(field);
              });
            });
      });
  return count;
}

}  // namespace

Result<std::unique_ptr<NftSocket>> NftSocket::open() {
  nl_sock* socket = nl_socket_alloc();
  RIVEN_CHECK(socket != nullptr, "out of memory");
  const int code = nl_connect(socket, NETLINK_NETFILTER);
  if (code < 0) {
    nl_socket_free(socket);
    return Error{std::string("cannot open a netfilter netlink socket: ") + nl_geterror(code)};
  }
  const int fd = nl_socket_get_fd(socket);
  const int size = 4 << 20;
  if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof size) != 0) {
    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
  }
  const timeval patience{5, 0};
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  return std::unique_ptr<NftSocket>(new NftSocket(socket));
}

NftSocket::~NftSocket() { nl_socket_free(socket_); }

Status NftSocket::commit(NftBatch& batch, bool missing_is_fine) {
  if (batch.messages_ == 0) return ok_status();
  batch.control(NFNL_MSG_BATCH_END);
  uint32_t last_seq = 0;
  for (size_t at = 0; at < batch.bytes_.size();) {
    auto* header = reinterpret_cast<nlmsghdr*>(batch.bytes_.data() + at);
    header->nlmsg_seq = seq_++;
    if (at == batch.last_) {
      header->nlmsg_flags |= NLM_F_ACK;
      last_seq = header->nlmsg_seq;
    }
    at += NLMSG_ALIGN(header->nlmsg_len);
  }
  if (auto sent = to_kernel(batch.bytes_.data(), batch.bytes_.size()); !sent) return sent;
  alignas(nlmsghdr) std::array<char, 32768> buffer;
  while (true) {
    const auto got = from_kernel(buffer.data(), buffer.size());
    if (!got) return got.error();
    int left = *got;
    for (auto* h = reinterpret_cast<nlmsghdr*>(buffer.data()); nlmsg_ok(h, left); h = nlmsg_next(h, &left)) {
      if (h->nlmsg_type != NLMSG_ERROR) continue;
      const int code = static_cast<nlmsgerr*>(nlmsg_data(h))->error;
      // Answers to an earlier batch that was given up are older than this one's first message.
      if (static_cast<int32_t>(h->nlmsg_seq - (last_seq - batch.messages_)) < 0) continue;
      if (code == -ENOENT && missing_is_fine) return ok_status();
      if (code != 0) return Error{std::string("nf_tables refused: ") + std::strerror(-code)};
      if (h->nlmsg_seq == last_seq) return ok_status();
    }
  }
}

Status NftSocket::to_kernel(const void* bytes, size_t size) {
  sockaddr_nl kernel{};
  kernel.nl_family = AF_NETLINK;
  if (sendto(nl_socket_get_fd(socket_), bytes, size, 0, reinterpret_cast<sockaddr*>(&kernel), sizeof kernel) <
      0)
    return Error{std::string("nf_tables: ") + std::strerror(errno)};
  return ok_status();
}

Result<int> NftSocket::from_kernel(void* buffer, size_t size) {
  while (true) {
    const ssize_t got = recv(nl_socket_get_fd(socket_), buffer, size, 0);
    if (got >= 0) return static_cast<int>(got);
    if (errno != EINTR) return Error{std::string("nf_tables gave no answer: ") + std::strerror(errno)};
  }
}

template <typename Fn>
Status NftSocket::dump(nl_msg* request, Fn&& each) {
  nlmsghdr* header = nlmsg_hdr(request);
  const uint32_t seq = seq_++;
  header->nlmsg_seq = seq;
  const Status sent = to_kernel(header, header->nlmsg_len);
  nlmsg_free(request);
  if (!sent) return sent;
  alignas(nlmsghdr) std::array<char, 65536> buffer;
  while (true) {
    const auto got = from_kernel(buffer.data(), buffer.size());
    if (!got) return got.error();
    int left = *got;
    for (auto* h = reinterpret_cast<nlmsghdr*>(buffer.data()); nlmsg_ok(h, left); h = nlmsg_next(h, &left)) {
      if (h->nlmsg_seq != seq) continue;
      if (h->nlmsg_type == NLMSG_DONE) return ok_status();
      if (h->nlmsg_type == NLMSG_ERROR) {
        const int code = static_cast<nlmsgerr*>(nlmsg_data(h))->error;
        if (code == 0 || code == -ENOENT) return ok_status();
        return Error{std::string("nf_tables refused: ") + std::strerror(-code)};
      }
      each(h);
    }
  }
}

Result<std::vector<NftCount>> NftSocket::counts(const std::string& table) {
  nl_msg* request = make_nft_message(nft_type(NFT_MSG_GETRULE), NLM_F_DUMP, NFPROTO_INET, 0);
  nla_put_string(request, NFTA_RULE_TABLE, table.c_str());
  std::vector<NftCount> counts;
  Status dumped = dump(request, [&](nlmsghdr* header) {
    nlattr* name = nlmsg_find_attr(header, sizeof(nfgenmsg), NFTA_RULE_TABLE);
    if (name == nullptr || text_of(name) != table) return;  // kernels before 4.10 do not filter
    const NftCount count = count_of(header);
    if (count.comment.empty()) return;
    const auto same = std::find_if(counts.begin(), counts.end(),
                                   [&](const NftCount& have) { return have.comment == count.comment; });
    if (same == counts.end()) {
      counts.push_back(count);
    } else {
      same->packets += count.packets;
      same->bytes += count.bytes;
    }
  });
  if (!dumped) return dumped.error();
  return counts;
}

Result<std::vector<std::string>> NftSocket::tables(const std::string& prefix) {
  std::vector<std::string> names;
  Status dumped =
      dump(make_nft_message(nft_type(NFT_MSG_GETTABLE), NLM_F_DUMP, NFPROTO_INET, 0), [&](nlmsghdr* header) {
        nlattr* name = nlmsg_find_attr(header, sizeof(nfgenmsg), NFTA_TABLE_NAME);
        if (name != nullptr && text_of(name).rfind(prefix, 0) == 0) names.push_back(text_of(name));
      });
  if (!dumped) return dumped.error();
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace riven::agent
