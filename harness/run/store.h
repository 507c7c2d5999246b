// The folder that a run leaves: results/<test>/<time>-<seed>/.
#pragma once

#include <cstdint>
#include <string>

#include "harness/core/result.h"

namespace riven {

/// Makes `root`/`test`/<UTC time>-<seed>/ and its subfolders anomalies/ and nodes/, and points `root`/latest
/// and `root`/`test`/latest at it. Returns its path. Two runs in the same second with the same seed get
/// different folders.
Result<std::string> make_run_directory(const std::string& root, const std::string& test, int64_t unix_s,
                                       uint64_t seed);

/// The characters of `name` that are safe in a file name; others become '-'.
std::string file_name_of(const std::string& name);

/// Writes a whole file; it appears whole or not at all, and is on the disk when this returns.
Status store_file(const std::string& path, const std::string& content);

}  // namespace riven
