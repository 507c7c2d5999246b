// TCP connections with a deadline.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "harness/core/result.h"

namespace riven {

using Deadline = std::chrono::steady_clock::time_point;

/// Whole milliseconds until `deadline`, rounded up, at least 0: for poll().
int milliseconds_until(Deadline deadline);

/// Connects to `host` (a literal or a name; each of its addresses is tried in the resolver's order) and
/// returns the descriptor: non-blocking, close-on-exec, without Nagle's delay, probed by TCP keep-alive so
/// that a peer that is gone is noticed within 25 s. The caller owns it. Never takes longer than `deadline`,
/// name resolution included.
Result<int> tcp_connect(const std::string& host, uint16_t port, Deadline deadline);

/// The addresses of `host` as literals, in the resolver's order, each once.
Result<std::vector<std::string>> resolve_addresses(const std::string& host, Deadline deadline);

/// The local address of a connected socket as a literal; empty on error.
std::string socket_local_address(int descriptor);

}  // namespace riven
