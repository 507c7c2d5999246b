// What controller and agent say to each other: checksummed frames that carry small JSON messages.
//
//   frame   := "RVN", version (1 byte), payload length (u32, little endian), CRC-32C (u32), payload
//   request := {"seq": n, "do": name, ...}
//   reply   := {"seq": n, "ok": true, ...} or {"seq": n, "ok": false, "error": text}
//
// Every request has exactly one reply of the same seq. Any request renews the lease. Requests:
//   hello    -> version, boot_id, pid, mono_ns, repaired: what this agent had to clean up when it started
//   ping     -> mono_ns
//   prepare  faults: [{kind, params}] -> ids: everything checked, in the ledger and synced, nothing applied
//   commit   ids, at_ns (agent's CLOCK_MONOTONIC; 0 or past: now) -> first_ns, last_ns, details by id
//   observe  -> faults: [{id, kind, proof}] of all faults in force
//   heal     ids -> healed: [{id, kind, proof}], first_ns, last_ns; an id that is not in force is no error
//   heal_all everyone -> the same; everyone: other owners' faults too
//   probe    -> facts about the node and, for each kind of fault, whether it can work here and why not
//   quit     -> heals all, answers, ends
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "harness/core/json.h"
#include "harness/core/result.h"

namespace riven {

/// Why a fault ended before anyone asked for it: nobody renewed the agent's lease.
inline constexpr const char* kLeaseRanOut = "the lease ran out";

inline constexpr uint8_t kAgentProtocolVersion = 1;
/// No payload is longer: a length above it is garbage.
inline constexpr size_t kAgentMaxPayloadBytes = size_t{1} << 20;

/// CRC-32C (Castagnoli), as in RFC 3720; of the ledger's lines too.
uint32_t crc32c(std::string_view bytes);

/// One frame around `payload`, which must not be longer than kAgentMaxPayloadBytes.
std::string encode_frame(std::string_view payload);

/// Takes bytes as they come and gives back payloads. Bytes that are no frame (a login banner, a flipped bit)
/// are skipped up to the next intact frame and reported once for each stretch. Never holds more than one
/// frame's maximum beyond what was fed last. Not thread-safe.
class FrameReader {
 public:
  void feed(std::string_view bytes) { buffer_.append(bytes); }
  /// The next payload; an error: garbage was skipped (go on calling); nullopt: more bytes are needed.
  std::optional<Result<std::string>> next();
  /// Bytes skipped so far.
  uint64_t skipped_bytes() const { return skipped_; }

 private:
  Result<std::string> skip(size_t bytes);
  std::string buffer_;
  uint64_t skipped_ = 0;
  uint64_t reported_ = 0;
};

/// A fault to be applied: its kind picks the agent's handler, which alone knows what `params` means.
struct FaultSpec {
  std::string kind;
  Json params = Json::object();
};

struct AgentRequest {
  uint64_t seq = 0;
  std::string name;
  Json body = Json::object();  ///< an object; "seq" and "do" are added when it is encoded
};

struct AgentReply {
  uint64_t seq = 0;
  std::string error;           ///< empty: it was done
  Json body = Json::object();  ///< an object
};

std::string encode(const AgentRequest& request);
std::string encode(const AgentReply& reply);
/// Errors: not JSON, nested too deeply (32), no object, a missing or mistyped seq or name.
Result<AgentRequest> parse_request(std::string_view payload);
Result<AgentReply> parse_reply(std::string_view payload);

/// Owners and fault ids become names of files and tables: 1 to 48 of a-z, A-Z, 0-9, '-' and '_'.
bool is_agent_name(std::string_view text);

}  // namespace riven
