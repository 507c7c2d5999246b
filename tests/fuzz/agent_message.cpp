// The agent's frames and messages from any bytes: errors, never a crash; what parses can be written again.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "harness/control/agent_message.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace riven;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  FrameReader reader;
  // Once as it came, in two pieces, and once as the payload of a good frame behind garbage.
  reader.feed(bytes.substr(0, size / 2));
  while (reader.next()) {
  }
  reader.feed(bytes.substr(size / 2));
  if (size <= kAgentMaxPayloadBytes) reader.feed(encode_frame(bytes));
  while (auto payload = reader.next()) {
    if (!*payload) continue;
    if (const auto request = parse_request(**payload)) {
      (void)packet_rules_from(request->body);
      if (!parse_request(encode(*request))) std::abort();
    }
    if (const auto reply = parse_reply(**payload)) {
      if (!parse_reply(encode(*reply))) std::abort();
    }
  }
  return 0;
}
