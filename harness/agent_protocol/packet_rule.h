// The params of packet faults.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "harness/core/json.h"
#include "harness/core/result.h"

namespace riven {

/// The params of kind "packets": what a node does to packets of others, as nf_tables rules. A partition is a
/// batch of these, one for each node that loses packets.
struct PacketRule {
  enum class Verdict : uint8_t { drop, reject };  ///< reject: TCP reset, else ICMP port unreachable
  enum class Direction : uint8_t {
    in,
    out
  };                    ///< from the peer (the usual way), or to it (for peers without an agent)
  std::string peer;     ///< name for the counters
  std::string address;  ///< IPv4 or IPv6 literal
  Direction direction = Direction::in;
  Verdict verdict = Verdict::drop;
  uint16_t port = 0;                 ///< 0: everything; else only TCP and UDP with this destination port
  uint32_t per_million = 1'000'000;  ///< how many of the packets, at random
};

Json to_json(const std::vector<PacketRule>& rules);
/// Errors: an address that is none, an unknown word, a number out of range; named with the rule's number.
Result<std::vector<PacketRule>> packet_rules_from(const Json& params);

}  // namespace riven
