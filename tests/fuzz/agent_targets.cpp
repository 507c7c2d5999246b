// The agent's frames and messages from any bytes: errors, never a crash; what parses can be written again.
#include "harness/agent_protocol/agent_message.h"
#include "harness/agent_protocol/packet_rule.h"
#include "harness/core/check.h"
#include "tests/fuzz/targets.h"

namespace riven::fuzz {

void fuzz_agent_message(std::string_view bytes) {
  FrameReader reader;
  // Once as it came, in two pieces, and once as the payload of a good frame behind garbage.
  reader.feed(bytes.substr(0, bytes.size() / 2));
  while (reader.next()) {
  }
  reader.feed(bytes.substr(bytes.size() / 2));
  if (bytes.size() <= kAgentMaxPayloadBytes) reader.feed(encode_frame(bytes));
  while (auto payload = reader.next()) {
    if (!*payload) continue;
    if (const auto request = parse_request(**payload)) {
      static_cast<void>(packet_rules_from(request->body));
      RIVEN_CHECK(parse_request(encode(*request)).has_value(),
                  "a request changed on the way out and in again");
    }
    if (const auto reply = parse_reply(**payload))
      RIVEN_CHECK(parse_reply(encode(*reply)).has_value(), "a reply changed on the way out and in again");
  }
}

}  // namespace riven::fuzz
