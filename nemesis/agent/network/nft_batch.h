// Changes to nf_tables as netlink messages, built with libnl's core: one batch is one atomic transaction.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

struct nl_msg;

namespace riven::agent {

/// A batch of changes to tables of the `inet` family. Every table name must begin with "riven-": whatever
/// else is on the node is out of its reach by construction.
class NftBatch {
 public:
  enum class Hook : uint8_t { input, output };

  NftBatch();
  void add_table(const std::string& table);
  void delete_table(const std::string& table);
  /// A dormant table's chains see no packets; its rules and counters stay.
  void set_dormant(const std::string& table, bool dormant);
  /// A base chain of type filter, policy accept, at priority -300 (before connection tracking, so that
  /// established connections are covered too).
  void add_chain(const std::string& table, const std::string& chain, Hook hook);

  /// Builds one rule at the end of a chain, expression by expression; the batch gets it when it is destroyed.
  class Rule {
   public:
    Rule(NftBatch& batch, const std::string& table, const std::string& chain, const std::string& comment);
    ~Rule();
    Rule(const Rule&) = delete;
    Rule& operator=(const Rule&) = delete;

    /// The packet's source (or else destination) is `address`, an IPv4 or IPv6 literal.
    Rule& address(std::string_view address, bool source);
    /// The transport protocol is `protocol` (IPPROTO_TCP, ...), or is not.
    Rule& protocol(uint8_t protocol, bool equal = true);
    /// The source (or else destination) port of TCP or UDP; needs a protocol() before it.
    Rule& port(uint16_t port, bool source);
    /// The type of an ICMPv6 message; needs a protocol() before it.
    Rule& icmp_type(uint8_t type);
    /// A TCP segment that resets its connection; needs a protocol() before it.
    Rule& resets();
    /// True for so many of a million packets, at random.
    Rule& chance(uint32_t per_million);
    /// The packet's mark (SO_MARK) is `mark`.
    Rule& mark(uint32_t mark);
    Rule& counter();
    Rule& accept();
    Rule& drop();
    /// To user space (packet_queue.h); passes untouched when nobody listens there. Kernels without nf_tables'
    /// own queue (`native`) have that of iptables.
    Rule& queue(uint16_t number, bool native);
    Rule& reset();        ///< reject with a TCP reset
    Rule& unreachable();  ///< reject with ICMP or ICMPv6 port unreachable

   private:
    Rule& compare(uint32_t op, const void* data, size_t size);
    Rule& load_meta(uint32_t key);
    Rule& load_payload(uint32_t base, uint32_t offset, uint32_t size);
    Rule& verdict(int32_t code);
    Rule& reject(uint32_t type);
    NftBatch& batch_;
    nl_msg* message_;
    void* list_;
  };

 private:
  friend class NftSocket;
  nl_msg* begin(int type, int flags);
  void append(nl_msg* message);  // takes it
  void control(int type);
  std::string bytes_;
  size_t last_ = 0;  // offset of the last real message
  uint32_t messages_ = 0;
};

}  // namespace riven::agent
