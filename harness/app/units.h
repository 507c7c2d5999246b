// Durations and sizes as people type them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace riven {

/// "60s", "500ms", "2m", "1h", "1.5s"; a bare number is seconds. Nanoseconds; nothing for anything else or
/// negative.
std::optional<int64_t> parse_duration_ns(std::string_view text);
/// "500MB", "2GB", "64KiB", "1GiB"; a bare number is bytes. MB is 10^6, MiB is 2^20.
std::optional<uint64_t> parse_size_bytes(std::string_view text);
/// "10" or "2n" (twice the nodes); nothing for anything else or zero.
std::optional<size_t> parse_concurrency(std::string_view text, size_t nodes);
/// "60s", "1.5s", "500ms": parse_duration_ns reads it back exactly.
std::string format_duration(int64_t ns);

}  // namespace riven
