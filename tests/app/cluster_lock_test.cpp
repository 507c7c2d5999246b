#include "harness/app/cluster_lock.h"

#include <stdlib.h>

#include <filesystem>

#include "tests/catch.h"

using namespace riven;

TEST_CASE("one test at a time on the same nodes") {
  char folder[] = "/tmp/riven-cluster-lock-XXXXXX";
  ::setenv("RIVEN_STATE_DIR", ::mkdtemp(folder), 1);
  const auto cluster = [](const std::vector<std::string>& addresses) {
    ClusterSpec spec;
    for (const std::string& address : addresses) {
      NodeSpec node;
      node.name = "n" + std::to_string(spec.nodes.size() + 1);
      node.address = address;
      spec.nodes.push_back(node);
    }
    return spec;
  };
  {
    const auto first = ClusterLock::take(cluster({"198.18.0.2", "fd00::3"}));
    REQUIRE(first);
    const auto shares_a_node = ClusterLock::take(cluster({"198.18.0.9", "fd00::3"}));
    REQUIRE_FALSE(shares_a_node);
    CHECK(shares_a_node.error().message.find("n2 (fd00::3)") != std::string::npos);
    CHECK(ClusterLock::take(cluster({"198.18.0.9"})));
  }
  CHECK(ClusterLock::take(cluster({"198.18.0.2"})));
  std::filesystem::remove_all(folder);
  ::unsetenv("RIVEN_STATE_DIR");
}
