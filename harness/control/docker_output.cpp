#include "harness/control/docker_output.h"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <sstream>

#include "harness/core/json.h"

namespace riven {
namespace {

constexpr uint32_t kPoolFirst = 198u << 24 | 18u << 16;
constexpr uint32_t kPoolSubnets = 512;

Result<Json> parse_array(const std::string& text, const char* what) {
  std::optional<Json> parsed = Json::parse(text);
  if (!parsed || !parsed->is_array()) return Error{std::string("cannot read the output of ") + what};
  return std::move(*parsed);
}

std::string text_of(const Json& object, const char* key) {
  if (!object.is_object()) return "";
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

const Json& child(const Json& object, const char* key) {
  static const Json nothing;
  if (!object.is_object()) return nothing;
  const auto found = object.find(key);
  return found == object.end() ? nothing : *found;
}

}  // namespace

std::optional<Ipv4Range> parse_ipv4_range(std::string_view text) {
  uint32_t address = 0;
  const char* at = text.data();
  const char* const end = text.data() + text.size();
  for (int i = 0; i < 4; ++i) {
    if (i > 0 && (at == end || *at++ != '.')) return std::nullopt;
    uint32_t part = 0;
    const auto [next, error] = std::from_chars(at, end, part);
    if (error != std::errc() || part > 255) return std::nullopt;
    address = address << 8 | part;
    at = next;
  }
  unsigned length = 32;
  if (at != end) {
    if (*at++ != '/') return std::nullopt;
    const auto [next, error] = std::from_chars(at, end, length);
    if (error != std::errc() || next != end || length > 32) return std::nullopt;
  }
  const uint32_t host_bits = length == 0 ? UINT32_MAX : length == 32 ? 0 : UINT32_MAX >> length;
  return Ipv4Range{address & ~host_bits, address | host_bits};
}

std::string ipv4_text(uint32_t address) {
  char text[16];
  std::snprintf(text, sizeof text, "%u.%u.%u.%u", address >> 24, address >> 16 & 255, address >> 8 & 255,
                address & 255);
  return text;
}

Result<std::vector<Ipv4Range>> subnets_of_networks(const std::string& inspect_json) {
  auto networks = parse_array(inspect_json, "docker network inspect");
  if (!networks) return networks.error();
  std::vector<Ipv4Range> ranges;
  for (const Json& network : *networks) {
    for (const Json& config : child(child(network, "IPAM"), "Config")) {
      if (const auto range = parse_ipv4_range(text_of(config, "Subnet"))) ranges.push_back(*range);
    }
  }
  return ranges;
}

std::vector<Ipv4Range> ranges_of_routes(const std::string& routes) {
  std::vector<Ipv4Range> ranges;
  std::istringstream lines(routes);
  for (std::string line; std::getline(lines, line);) {
    if (const auto range = parse_ipv4_range(line.substr(0, line.find(' ')))) ranges.push_back(*range);
  }
  return ranges;
}

std::optional<uint32_t> choose_subnet(const std::vector<Ipv4Range>& used, uint32_t start) {
  for (uint32_t i = 0; i < kPoolSubnets; ++i) {
    const uint32_t first = kPoolFirst + ((start + i) % kPoolSubnets << 8);
    const bool taken = std::any_of(used.begin(), used.end(), [first](const Ipv4Range& range) {
      return range.first <= first + 255 && range.last >= first;
    });
    if (!taken) return first;
  }
  return std::nullopt;
}

bool is_subnet_overlap(std::string_view error) { return error.find("overlaps") != std::string_view::npos; }

Result<std::vector<ContainerState>> parse_containers(const std::string& inspect_json) {
  auto containers = parse_array(inspect_json, "docker inspect");
  if (!containers) return containers.error();
  std::vector<ContainerState> states;
  for (const Json& container : *containers) {
    ContainerState state;
    state.name = text_of(child(child(container, "Config"), "Labels"), "riven.node");
    state.state = text_of(child(container, "State"), "Status");
    for (const Json& network : child(child(container, "NetworkSettings"), "Networks")) {
      state.address = text_of(network, "IPAddress");
      state.address6 = text_of(network, "GlobalIPv6Address");
    }
    states.push_back(std::move(state));
  }
  return states;
}

Result<ContainerInit> parse_container_init(const std::string& text) {
  std::istringstream words(text);
  ContainerInit init;
  std::string more;
  const bool read = words >> init.id >> init.pid && !(words >> more);
  const bool is_id =
      init.id.size() == 64 && init.id.find_first_not_of("0123456789abcdef") == std::string::npos;
  if (!read || !is_id || init.pid < 0) return Error{"cannot read the output of docker inspect"};
  return init;
}

bool has_ipv6_default_route(const std::string& routes) {
  // proc(5), /proc/net/ipv6_route: destination, its length, source, its length, next hop, metric, references,
  // uses, flags, interface. The kernel's own route of last resort has the flag RTF_REJECT.
  constexpr uint64_t kReject = 0x0200;
  std::istringstream lines(routes);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string destination, length, skipped, flags;
    words >> destination >> length;
    for (int i = 0; i < 6; ++i) words >> skipped;
    if (!(words >> flags) || length != "00" || destination.find_first_not_of('0') != std::string::npos)
      continue;
    if ((std::strtoull(flags.c_str(), nullptr, 16) & kReject) == 0) return true;
  }
  return false;
}

namespace {

std::vector<std::string> options_for_inside(const ContainerNeeds& needs) {
  std::vector<std::string> options{"--cap-drop", "ALL"};
  // What sshd, sudo, package scripts and database start scripts need, and NET_ADMIN for partitions and links.
  std::vector<std::string> added{"AUDIT_WRITE", "CHOWN",  "DAC_OVERRIDE", "FOWNER",
                                 "FSETID",      "KILL",   "NET_ADMIN",    "NET_BIND_SERVICE",
                                 "SETGID",      "SETUID", "SYS_CHROOT"};
  added.insert(added.end(), needs.capabilities.begin(), needs.capabilities.end());
  for (const std::string& capability : added) options.insert(options.end(), {"--cap-add", capability});
  for (const std::string& device : needs.devices) options.insert(options.end(), {"--device", device});
  // Docker's AppArmor profile forbids mounts even with the capability.
  if (needs.mounts) options.insert(options.end(), {"--security-opt", "apparmor=unconfined"});
  return options;
}

/// The engine's own default less what nothing there needs: the same as above without NET_ADMIN.
std::vector<std::string> options_for_host_agent() {
  std::vector<std::string> options;
  for (const char* capability : {"MKNOD", "NET_RAW", "SETFCAP", "SETPCAP"})
    options.insert(options.end(), {"--cap-drop", capability});
  return options;
}

}  // namespace

std::vector<std::string> container_options(const ContainerNeeds& needs, AgentPlace agents) {
  std::vector<std::string> options =
      agents == AgentPlace::host ? options_for_host_agent() : options_for_inside(needs);
  // Bounds what a process of ours may take there; no swap, so that the limit is one.
  if (needs.memory_limit_mib > 0) {
    const std::string limit = std::to_string(needs.memory_limit_mib) + "m";
    options.insert(options.end(), {"--memory", limit, "--memory-swap", limit});
  }
  // A container whose processes were killed restarts; one that was stopped on purpose does not. The agent
  // looks for the word in the environment before it dares.
  if (needs.restarts) options.insert(options.end(), {"--restart", "on-failure", "--env", "RIVEN_RESTARTS=1"});
  return options;
}

std::string tar_archive(const std::vector<ArchiveFile>& files) {
  constexpr size_t kBlock = 512;
  std::string archive;
  for (const ArchiveFile& file : files) {
    RIVEN_CHECK(file.path.size() < 100, "a path too long for a ustar header");
    std::string header(kBlock, '\0');
    const auto put = [&header](size_t at, const std::string& text) { header.replace(at, text.size(), text); };
    const auto octal = [](uint64_t value, int width) {
      char text[24];
      std::snprintf(text, sizeof text, "%0*llo", width, static_cast<unsigned long long>(value));
      return std::string(text);
    };
    put(0, file.path);
    put(100, octal(file.mode, 7));
    put(108, octal(0, 7));                     // user
    put(116, octal(0, 7));                     // group
    put(124, octal(file.content.size(), 11));  // size
    put(136, octal(0, 11));                    // time
    put(148, std::string(8, ' '));             // the sum is taken with blanks in its place
    put(156, "0");
    put(257, std::string("ustar\0"
                         "00",
                         8));
    put(265, "root");
    put(297, "root");
    unsigned sum = 0;
    for (const char c : header) sum += static_cast<unsigned char>(c);
    put(148, octal(sum, 6) + '\0');
    archive += header + file.content;
    archive.append((kBlock - file.content.size() % kBlock) % kBlock, '\0');
  }
  archive.append(2 * kBlock, '\0');
  return archive;
}

}  // namespace riven
