// The docker command line, and the one thing about networks that takes several of its commands: finding a
// free one.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "harness/control/docker_output.h"
#include "harness/control/node.h"
#include "harness/control/tcp_connect.h"
#include "harness/core/result.h"

namespace riven {

/// For commands that only ask.
inline constexpr Milliseconds kDockerQueryDeadline{20'000};

/// Runs `docker words...` and returns its standard output. An error, with the engine's reason, when it fails.
Result<std::string> run_docker(std::vector<std::string> words, Milliseconds deadline,
                               const std::string& input = "");

/// Whether containers run on this machine, so that its routes matter to them.
bool docker_engine_is_local();

/// Whether agents on this host can enter this engine's containers: the engine is local and this process is
/// root.
Status can_run_on_host();

/// A container's first process, which is one of this machine's: its control group says so. The number may
/// pass on to another process afterwards. Errors say why there is none.
Result<ContainerInit> find_container_init(const std::string& container);

/// Takes the IPv6 routes away that lead out of the network of a container with this first process, which may
/// not do that itself (older engines make one even in internal networks, at every start). As root. An error
/// when one stays.
Status remove_ipv6_routes_out(int64_t pid);

std::vector<std::string> words_of(const std::string& text);
std::string first_line(const std::string& text);

struct DockerNetwork {
  uint32_t base = 0;      ///< the first address of its /24
  std::string subnet6;    ///< empty when there is no IPv6
  std::string ipv6_note;  ///< why not
};

/// Makes an internal network with a /24 of 198.18.0.0/15 that nothing here uses, and a fresh IPv6 /64 where
/// the engine can. Others may do the same at the same time. On an error there is no such network.
Result<DockerNetwork> make_docker_network(const std::string& name, const std::string& label,
                                          Deadline deadline);

}  // namespace riven
