#include "harness/app/cluster_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include "harness/control/docker_cluster.h"

namespace riven {

Result<ClusterLock> ClusterLock::take(const ClusterSpec& spec) {
  const std::string folder = std::filesystem::path(cluster_state_directory()).parent_path() / "in-use";
  std::error_code ignored;
  std::filesystem::create_directories(folder, ignored);
  ClusterLock lock;
  for (const NodeSpec& node : spec.nodes) {
    std::string name = node.address + "_" + std::to_string(node.ssh.port);
    std::replace(name.begin(), name.end(), '/', '_');
    const std::string file = folder + "/" + name;
    const int fd = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) return Error{"cannot open " + file + ": " + std::strerror(errno)};
    lock.descriptors_.push_back(fd);
    if (::flock(fd, LOCK_EX | LOCK_NB) != 0)
      return Error{"another run tests on " + node.name + " (" + node.address +
                   "): wait until it is over, or test on nodes of your own"};
  }
  return lock;
}

ClusterLock::~ClusterLock() {
  for (const int fd : descriptors_) ::close(fd);
}

}  // namespace riven
