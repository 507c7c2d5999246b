// Directories copied as a whole: files, folders and links with their owners, modes and times.
#pragma once

#include <cstdint>
#include <string>

#include "harness/core/result.h"

namespace riven::agent {

/// Copies what is in `from` into the empty directory `to`. Stretches of zeros become holes. With `durable`
/// every file and folder is synced. Bytes of the files' lengths. Errors name the path.
Result<int64_t> copy_tree(const std::string& from, const std::string& to, bool durable);

/// Removes what is in `directory`, not itself: it may be a mount point.
Status clear_directory(const std::string& directory);

/// Files that are in one of two trees alone, or differ by length or time of change.
int64_t count_differences(const std::string& one, const std::string& other);

}  // namespace riven::agent
