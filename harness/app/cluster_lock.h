// One test at a time on nodes that outlive it.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "harness/control/cluster.h"
#include "harness/core/result.h"

namespace riven {

/// Held by a run for as long as it uses nodes that it did not make: two tests on one database would each
/// read what the other wrote. Covers the runs of one user on this machine, by locked files in the folder of
/// the clusters' state; the kernel lets go of them whatever ends the process.
class ClusterLock {
 public:
  /// An error that names the node when another process has it.
  static Result<ClusterLock> take(const ClusterSpec& spec);
  ClusterLock() = default;
  ClusterLock(ClusterLock&& other) noexcept : descriptors_(std::exchange(other.descriptors_, {})) {}
  ClusterLock& operator=(ClusterLock&& other) noexcept {
    std::swap(descriptors_, other.descriptors_);
    return *this;
  }
  ~ClusterLock();

 private:
  std::vector<int> descriptors_;
};

}  // namespace riven
