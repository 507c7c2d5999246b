// Operations on registers: reads, writes and compare-and-set over independent keys.
#pragma once

#include <cstdint>

#include "harness/generator/generator.h"

namespace riven {

struct RegisterGeneratorOptions {
  int64_t ops_per_key =
      200;  ///< a key ends after 90% to 100% of it (by key), so that keys do not stay aligned
  size_t threads_per_key = 0;  ///< clients that share a key; 0: ten
  int64_t keys = -1;           ///< how many keys; negative: without end
  double read_share = 0.5;     ///< the rest is writes and, if `cas`, as many compare-and-sets
  bool cas = true;
  int64_t values = 0;  ///< 0: each written value is unique to its key (1, 2, 3, ...); n: values 0..n-1
  double rate_hz = 0;  ///< operations a second over all clients; 0: as fast as they go
  size_t processes_per_key =
      20;  ///< a key ends when more would be needed (each crash costs the checker); 0: no limit
};

/// Operations `read` nil, `write` v, `cas` [from to], each with value [key v]. `from` is the value that the
/// register most plausibly holds: the last one that an ok operation of this key wrote or saw, so that a fair
/// share of the compare-and-sets succeeds; now and then it is an older one. For clients; wrap it no further.
GeneratorPtr register_generator(const RegisterGeneratorOptions& options);

}  // namespace riven
