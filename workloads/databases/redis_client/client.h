// Clients of Redis for the workload register.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "harness/api/client.h"

namespace riven::redis {

struct ClientOptions {
  std::string address;
  uint16_t port = 6379;
};

/// Functions: read [k nil] -> [k v]; write [k v]; cas [k [from to]] by a script, which Redis runs alone (fail
/// without an error: the value was another). Outcomes: no connection is not_sent; an error that Redis gives
/// before it does anything (sort_error) is certain; no answer is unknown for what writes.
std::unique_ptr<Client> make_client(const ClientOptions& options);

/// What an error reply ("LOADING Redis is loading ...") says of a command that writes, by its first word:
/// rejected (LOADING, BUSY, OOM, MISCONF, READONLY, MASTERDOWN, CLUSTERDOWN, TRYAGAIN, NOREPLICAS, ERR,
/// WRONGTYPE, NOAUTH, NOPERM, NOSCRIPT), unknown for any other.
Outcome sort_error(std::string_view reply);

/// Waits for a PONG. An error is why there is none.
std::optional<std::string> ping(const ClientOptions& options, int64_t deadline_ns);
/// A field of INFO server ("redis_version"); empty when it does not tell.
std::string server_info(const ClientOptions& options, std::string_view field, int64_t deadline_ns);

}  // namespace riven::redis
