#include "harness/agent_protocol/packet_rule.h"

#include <arpa/inet.h>

#include <array>

#include "harness/core/json_fields.h"

namespace riven {

Json to_json(const std::vector<PacketRule>& rules) {
  Json list = Json::array();
  for (const PacketRule& rule : rules) {
    list.push_back({{"peer", rule.peer},
                    {"address", rule.address},
                    {"direction", rule.direction == PacketRule::Direction::in ? "in" : "out"},
                    {"verdict", rule.verdict == PacketRule::Verdict::drop ? "drop" : "reject"},
                    {"port", rule.port},
                    {"per_million", rule.per_million}});
  }
  return {{"rules", std::move(list)}};
}

namespace {

Result<PacketRule> packet_rule_from(const Json& json) {
  PacketRule rule;
  rule.peer = text_of(json, "peer");
  rule.address = text_of(json, "address");
  std::array<uint8_t, 16> binary;
  if (inet_pton(AF_INET, rule.address.c_str(), binary.data()) != 1 &&
      inet_pton(AF_INET6, rule.address.c_str(), binary.data()) != 1) {
    return Error{"'" + rule.address + "' is no IPv4 or IPv6 address"};
  }
  const std::string direction = text_of(json, "direction", "in");
  if (direction != "in" && direction != "out") return Error{"unknown direction '" + direction + "'"};
  rule.direction = direction == "in" ? PacketRule::Direction::in : PacketRule::Direction::out;
  const std::string verdict = text_of(json, "verdict", "drop");
  if (verdict != "drop" && verdict != "reject") return Error{"unknown verdict '" + verdict + "'"};
  rule.verdict = verdict == "drop" ? PacketRule::Verdict::drop : PacketRule::Verdict::reject;
  const int64_t port = integer_of(json, "port", 0);
  if (port < 0 || port > 65535) return Error{"a port is 0 to 65535"};
  rule.port = static_cast<uint16_t>(port);
  const int64_t share = integer_of(json, "per_million", 1'000'000);
  if (share < 1 || share > 1'000'000) return Error{"per_million is 1 to 1000000"};
  rule.per_million = static_cast<uint32_t>(share);
  return rule;
}

}  // namespace

Result<std::vector<PacketRule>> packet_rules_from(const Json& params) {
  std::vector<PacketRule> rules;
  for (const Json& item : array_of(params, "rules")) {
    Result<PacketRule> rule = packet_rule_from(item);
    if (!rule) return Error{"packet rule " + std::to_string(rules.size()) + ": " + rule.error().message};
    rules.push_back(std::move(*rule));
  }
  return rules;
}

}  // namespace riven
