// What the docker command line prints and takes, as values: everything about containers that needs no engine.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "harness/control/cluster.h"
#include "harness/control/container_needs.h"
#include "harness/core/result.h"

namespace riven {

/// Addresses [first, last].
struct Ipv4Range {
  uint32_t first = 0;
  uint32_t last = 0;
  friend bool operator==(const Ipv4Range&, const Ipv4Range&) = default;
};

/// "198.18.4.0/24"; a bare address is a /32. Nullopt: something else (IPv6 too).
std::optional<Ipv4Range> parse_ipv4_range(std::string_view text);
std::string ipv4_text(uint32_t address);

/// The IPv4 subnets in the output of `docker network inspect ...`.
Result<std::vector<Ipv4Range>> subnets_of_networks(const std::string& inspect_json);
/// The IPv4 destinations in the output of `ip -4 route show`; blackhole routes take nothing.
std::vector<Ipv4Range> ranges_of_routes(const std::string& routes);

/// The network address of a /24 within 198.18.0.0/15 (RFC 2544, for tests of networks) that touches none of
/// `used`: the first free one from the `start`-th (modulo 512). Nullopt: all are taken.
std::optional<uint32_t> choose_subnet(const std::vector<Ipv4Range>& used, uint32_t start);

/// Whether `docker network create` failed because someone else took the subnet in the meantime.
bool is_subnet_overlap(std::string_view error);

/// A container in the output of `docker inspect ...`.
struct ContainerState {
  std::string name;  ///< label riven.node
  std::string state;
  std::string address;
  std::string address6;
};
Result<std::vector<ContainerState>> parse_containers(const std::string& inspect_json);

/// A container's id and the number of its first process, as `docker inspect --format "{{.Id}}
/// {{.State.Pid}}"` prints them.
struct ContainerInit {
  std::string id;
  int64_t pid = 0;  ///< 0: it does not run
};
Result<ContainerInit> parse_container_init(const std::string& text);

/// Whether the IPv6 routes of a process (/proc/PID/net/ipv6_route) have one that leads anywhere.
bool has_ipv6_default_route(const std::string& routes);

/// The words of `docker create` for a node with these needs. With agents on the host the container gets a
/// part of the engine's default capabilities and nothing for any fault but its limits.
std::vector<std::string> container_options(const ContainerNeeds& needs, AgentPlace agents);

/// A file in an archive.
struct ArchiveFile {
  std::string path;  ///< below the root, without a leading slash, at most 99 bytes
  std::string content;
  unsigned mode = 0644;
};
/// A ustar archive (POSIX.1-1988) of `files`, owned by root: for `docker cp -`.
std::string tar_archive(const std::vector<ArchiveFile>& files);

}  // namespace riven
