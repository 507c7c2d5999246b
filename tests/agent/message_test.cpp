// Frames and messages: what goes in comes out, and no bytes from outside do harm.

#include "harness/agent_protocol/agent_message.h"
#include "harness/agent_protocol/packet_rule.h"
#include "harness/core/json_fields.h"
#include "harness/core/rng.h"
#include "tests/catch.h"

namespace riven {
namespace {

std::string payload_of(FrameReader& reader) {
  auto next = reader.next();
  REQUIRE(next.has_value());
  REQUIRE(next->has_value());
  return **next;
}

TEST_CASE("CRC-32C has the value of RFC 3720", "[agent]") {
  CHECK(crc32c(std::string(32, '\0')) == 0x8a9136aaU);
  CHECK(crc32c(std::string(32, '\xff')) == 0x62a8ab43U);
  CHECK(crc32c("") == 0U);
}

TEST_CASE("frames come back whole, whatever the pieces", "[agent]") {
  const std::vector<std::string> payloads = {"", "a", std::string(70'000, 'x'), "RVN\x01 inside"};
  std::string bytes;
  for (const std::string& payload : payloads) bytes += encode_frame(payload);
  for (const size_t piece : {size_t{1}, size_t{7}, size_t{4096}, bytes.size()}) {
    FrameReader reader;
    std::vector<std::string> got;
    for (size_t at = 0; at < bytes.size(); at += piece) {
      reader.feed(std::string_view(bytes).substr(at, piece));
      while (auto next = reader.next()) {
        REQUIRE(next->has_value());
        got.push_back(**next);
      }
    }
    CHECK(got == payloads);
    CHECK(reader.skipped_bytes() == 0);
  }
}

TEST_CASE("garbage before and between frames is skipped and reported once", "[agent]") {
  FrameReader reader;
  reader.feed("Welcome to Debian\n");
  CHECK_FALSE(reader.next().has_value());
  reader.feed(encode_frame("one") + "RVNoise" + encode_frame("two"));
  auto banner = reader.next();
  REQUIRE(banner.has_value());
  CHECK_FALSE(banner->has_value());
  CHECK(payload_of(reader) == "one");
  auto noise = reader.next();
  REQUIRE(noise.has_value());
  REQUIRE_FALSE(noise->has_value());
  CHECK(noise->error().message.find("7 bytes") == 0);
  CHECK(payload_of(reader) == "two");
  CHECK(reader.skipped_bytes() == 25);
}

TEST_CASE("a flipped bit costs its own frame and no other", "[agent]") {
  const std::string first = encode_frame("first"), second = encode_frame("second");
  for (size_t bit = 0; bit < first.size() * 8; ++bit) {
    std::string bytes = first + second;
    bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ (1 << (bit % 8)));
    FrameReader reader;
    reader.feed(bytes);
    std::vector<std::string> got;
    while (auto next = reader.next()) {
      if (*next) got.push_back(**next);
    }
    // A length that grew swallows what follows, until as many bytes have come; then all is sorted out.
    if (got.empty()) {
      reader.feed(std::string(kAgentMaxPayloadBytes, '.'));
      while (auto next = reader.next()) {
        if (*next) got.push_back(**next);
      }
    }
    CHECK(got == std::vector<std::string>{"second"});
  }
}

TEST_CASE("random bytes never give a frame", "[agent]") {
  Rng rng(1);
  for (int round = 0; round < 200; ++round) {
    FrameReader reader;
    std::string bytes;
    for (int i = 0; i < 500; ++i) bytes.push_back("RVN\x01\x00\x02z"[rng.below(7)]);
    reader.feed(bytes);
    while (auto next = reader.next()) CHECK_FALSE(next->has_value());
  }
}

TEST_CASE("requests and replies survive the way", "[agent]") {
  AgentRequest request{7, "prepare", {{"faults", {1, 2}}}};
  const auto again = parse_request(encode(request));
  REQUIRE(again);
  CHECK(again->seq == 7);
  CHECK(again->name == "prepare");
  CHECK(again->body == request.body);
  const auto yes = parse_reply(encode(AgentReply{8, "", {{"x", 1}}}));
  REQUIRE(yes);
  CHECK(yes->error.empty());
  CHECK(integer_of(yes->body, "x") == 1);
  const auto no = parse_reply(encode(AgentReply{9, "no \xff way", Json::object()}));
  REQUIRE(no);
  CHECK(no->error.find("no ") == 0);
}

TEST_CASE("messages that are none are refused", "[agent]") {
  const std::string deep =
      R"({"seq":1,"do":"x","a":)" + std::string(1000, '[') + std::string(1000, ']') + "}";
  for (const std::string& text :
       {std::string(), std::string("{"), std::string("[]"), std::string("{}"),
        std::string(R"({"seq":-1,"do":"x"})"), std::string(R"({"seq":"1","do":"x"})"),
        std::string(R"({"seq":1})"), std::string(R"({"seq":1,"do":2})"), std::string("\xff\xfe"), deep}) {
    CHECK_FALSE(parse_request(text));
  }
  CHECK_FALSE(parse_reply(R"({"seq":1})"));
  CHECK_FALSE(parse_reply(R"({"seq":1,"ok":"yes"})"));
  CHECK(parse_request(R"({"seq":1,"do":"x","a":"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["})"));
}

TEST_CASE("packet rules survive the way and bad ones are named", "[agent]") {
  PacketRule rule{"n1", "fd00::1", PacketRule::Direction::out, PacketRule::Verdict::reject, 2380, 5};
  const auto again = packet_rules_from(to_json({PacketRule{"n0", "10.0.0.1"}, rule}));
  REQUIRE(again);
  REQUIRE(again->size() == 2);
  CHECK((*again)[1].address == "fd00::1");
  CHECK((*again)[1].direction == PacketRule::Direction::out);
  CHECK((*again)[1].verdict == PacketRule::Verdict::reject);
  CHECK((*again)[1].port == 2380);
  CHECK((*again)[1].per_million == 5);
  const Json good = to_json({rule});
  for (const auto& [key, value] : std::vector<std::pair<const char*, Json>>{{"address", "n1"},
                                                                            {"address", 5},
                                                                            {"direction", "up"},
                                                                            {"verdict", "maybe"},
                                                                            {"port", 65'536},
                                                                            {"port", -1},
                                                                            {"per_million", 0},
                                                                            {"per_million", 1'000'001}}) {
    Json bad = good;
    bad["rules"][0][key] = value;
    INFO(key << " " << value.dump());
    const auto refused = packet_rules_from(bad);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().message.find("packet rule 0") == 0);
  }
}

TEST_CASE("owners are names that fit into files and tables", "[agent]") {
  CHECK(is_agent_name("run-2026_A"));
  for (const std::string& bad : {std::string(), std::string("a/b"), std::string(".."), std::string("a b"),
                                 std::string(49, 'a'), std::string("a\0b", 3)}) {
    CHECK_FALSE(is_agent_name(bad));
  }
}

}  // namespace
}  // namespace riven
