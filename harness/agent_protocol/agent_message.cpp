#include "harness/agent_protocol/agent_message.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "harness/core/json_fields.h"

namespace riven {
namespace {

constexpr std::array<char, 4> kMagic = {'R', 'V', 'N', static_cast<char>(kAgentProtocolVersion)};
constexpr size_t kHeaderBytes = 12;
constexpr int kMaxDepth = 32;

constexpr std::array<uint32_t, 256> make_crc_table() {
  std::array<uint32_t, 256> table{};
  for (uint32_t i = 0; i < 256; ++i) {
    uint32_t crc = i;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0x82f63b78U : 0U);
    table[i] = crc;
  }
  return table;
}
constexpr auto kCrcTable = make_crc_table();

void put_u32(std::string& out, uint32_t v) {
  for (int shift = 0; shift < 32; shift += 8) out.push_back(static_cast<char>(v >> shift));
}

uint32_t get_u32(const char* at) {
  uint32_t v = 0;
  for (int i = 3; i >= 0; --i) v = (v << 8) | static_cast<uint8_t>(at[i]);
  return v;
}

Result<Json> parse_object(std::string_view payload) {
  std::optional<Json> json = Json::parse(payload, kMaxDepth);
  if (!json) return Error{"message is not JSON, or nested more than 32 deep"};
  if (!json->is_object()) return Error{"message is not a JSON object"};
  if (!(*json)["seq"].is_unsigned()) return Error{"message without a seq"};
  return std::move(*json);
}

}  // namespace

uint32_t crc32c(std::string_view bytes) {
  uint32_t crc = ~0U;
  for (const char c : bytes) crc = (crc >> 8) ^ kCrcTable[(crc ^ static_cast<uint8_t>(c)) & 0xff];
  return ~crc;
}

std::string encode_frame(std::string_view payload) {
  RIVEN_CHECK(payload.size() <= kAgentMaxPayloadBytes, "an agent message was longer than a frame may be");
  std::string out;
  out.reserve(kHeaderBytes + payload.size());
  out.append(kMagic.data(), kMagic.size());
  put_u32(out, static_cast<uint32_t>(payload.size()));
  put_u32(out, crc32c(payload));
  out.append(payload);
  return out;
}

std::optional<Result<std::string>> FrameReader::next() {
  size_t at = 0;  // bytes before it are garbage
  while (true) {
    const std::string_view rest = std::string_view(buffer_).substr(at);
    const size_t magic = rest.find(std::string_view(kMagic.data(), kMagic.size()));
    if (magic == std::string_view::npos) {
      // The tail may be the beginning of a magic: keep it.
      at = buffer_.size() - std::min(rest.size(), kMagic.size() - 1);
      while (at < buffer_.size() &&
             std::memcmp(buffer_.data() + at, kMagic.data(), buffer_.size() - at) != 0) {
        ++at;
      }
      break;
    }
    at += magic;
    if (buffer_.size() - at < kHeaderBytes) break;
    const uint32_t length = get_u32(buffer_.data() + at + 4);
    if (length > kAgentMaxPayloadBytes) {
      ++at;
      continue;
    }
    if (buffer_.size() - at - kHeaderBytes < length) break;
    const std::string_view payload = std::string_view(buffer_).substr(at + kHeaderBytes, length);
    if (crc32c(payload) != get_u32(buffer_.data() + at + 8)) {
      ++at;
      continue;
    }
    if (at > 0 || skipped_ > reported_) return skip(at);
    Result<std::string> found{std::string(payload)};
    buffer_.erase(0, kHeaderBytes + length);
    return found;
  }
  // Garbage is dropped as it comes, but reported when the next frame shows where it ends.
  skipped_ += at;
  buffer_.erase(0, at);
  return std::nullopt;
}

Result<std::string> FrameReader::skip(size_t bytes) {
  skipped_ += bytes;
  buffer_.erase(0, bytes);
  Error error{std::to_string(skipped_ - reported_) + " bytes that are no message were skipped"};
  reported_ = skipped_;
  return error;
}

std::string encode(const AgentRequest& request) {
  Json json = {{"seq", request.seq}, {"do", request.name}};
  for (const auto& [key, value] : request.body.items()) json[key] = value;
  return json.dump();
}

std::string encode(const AgentReply& reply) {
  Json json = {{"seq", reply.seq}, {"ok", reply.error.empty()}};
  if (!reply.error.empty()) json["error"] = reply.error;
  for (const auto& [key, value] : reply.body.items()) json[key] = value;
  return json.dump();
}

Result<AgentRequest> parse_request(std::string_view payload) {
  Result<Json> json = parse_object(payload);
  if (!json) return json.error();
  AgentRequest request;
  request.seq = (*json)["seq"].get<uint64_t>();
  request.name = text_of(*json, "do");
  if (request.name.empty()) return Error{"request without a name"};
  json->erase("seq");
  json->erase("do");
  request.body = std::move(*json);
  return request;
}

Result<AgentReply> parse_reply(std::string_view payload) {
  Result<Json> json = parse_object(payload);
  if (!json) return json.error();
  AgentReply reply;
  reply.seq = (*json)["seq"].get<uint64_t>();
  if (!json->contains("ok") || !(*json)["ok"].is_boolean())
    return Error{"reply that says neither yes nor no"};
  if (!(*json)["ok"].get<bool>()) reply.error = text_of(*json, "error", "refused without a reason");
  for (const char* key : {"seq", "ok", "error"}) json->erase(key);
  reply.body = std::move(*json);
  return reply;
}

bool is_agent_name(std::string_view text) {
  return !text.empty() && text.size() <= 48 && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
  });
}

}  // namespace riven
