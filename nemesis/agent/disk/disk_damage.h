// Direct surgery on files that nobody has open: what a dying disk does.
#pragma once

#include "harness/core/json.h"
#include "harness/core/result.h"
#include "harness/core/rng.h"

namespace riven::agent {

/// Damages the regular files below `root` (a directory's descriptor) whose path from there, "/wal/0.wal",
/// matches the glob params["path"] (all where it is empty; fnmatch, '*' matches '/' too):
///   {"what": "truncate", "bytes": n}  1 to n bytes are cut off each
///   {"what": "flip", "bytes": n}      n bits are flipped in each
/// Empty files stay as they are. The value counts {damaged_files, cut_bytes, flipped_bits}.
Result<Json> damage_files(int root, const Json& params, Rng& rng);

}  // namespace riven::agent
