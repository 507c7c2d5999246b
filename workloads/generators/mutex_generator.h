// Operations on locks: acquire and release.
#pragma once

#include <cstdint>

#include "harness/generator/generator.h"

namespace riven {

struct MutexGeneratorOptions {
  double rate_hz = 0;          ///< operations a second over all clients; 0: as fast as they go
  int64_t keys = 1;            ///< locks used one after the other by each group; negative: without end
  int64_t ops_per_key = 0;     ///< 0: no limit
  size_t threads_per_key = 0;  ///< clients that share a lock; 0: all
};

/// Operations `acquire` and `release`, value [key nil]. A process that acquired (ok) releases next, until a
/// release is ok; else it acquires. A process whose operation is unknown is gone, and its successor begins by
/// acquiring. finish(): those who hold release.
GeneratorPtr mutex_generator(const MutexGeneratorOptions& options);

}  // namespace riven
