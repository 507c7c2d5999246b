#include "harness/control/docker_output.h"

#include <algorithm>

#include "harness/control/local_command.h"
#include "tests/catch.h"

using namespace riven;

namespace {

Ipv4Range range(const char* text) {
  const auto parsed = parse_ipv4_range(text);
  REQUIRE(parsed);
  return *parsed;
}

std::string chosen(const std::vector<Ipv4Range>& used, uint32_t start) {
  const auto subnet = choose_subnet(used, start);
  return subnet ? ipv4_text(*subnet) : "none";
}

}  // namespace

TEST_CASE("ranges of addresses") {
  CHECK(range("198.18.4.0/24").first == range("198.18.4.0").first);
  CHECK(ipv4_text(range("198.18.4.7/24").first) == "198.18.4.0");
  CHECK(ipv4_text(range("198.18.4.7/24").last) == "198.18.4.255");
  CHECK(ipv4_text(range("198.18.0.0/15").last) == "198.19.255.255");
  CHECK(range("0.0.0.0/0") == Ipv4Range{0, UINT32_MAX});
  CHECK(range("255.255.255.255") == Ipv4Range{UINT32_MAX, UINT32_MAX});
  for (const char* wrong : {"", "1.2.3", "1.2.3.4.5", "256.1.1.1", "1.2.3.4/33", "1.2.3.4/", "1.2.3.4/8x",
                            "fd00::/8", "default", "a.b.c.d", "1..2.3"}) {
    INFO(wrong);
    CHECK_FALSE(parse_ipv4_range(wrong));
  }
}

TEST_CASE("a subnet is free of everything that is used, from the start on and around the end") {
  CHECK(chosen({}, 0) == "198.18.0.0");
  CHECK(chosen({}, 300) == "198.19.44.0");
  CHECK(chosen({}, 512) == "198.18.0.0");
  CHECK(chosen({range("198.18.0.0/24")}, 0) == "198.18.1.0");
  CHECK(chosen({range("198.18.1.128/25"), range("198.18.0.0/25")}, 0) == "198.18.2.0");
  CHECK(chosen({range("198.18.0.0/16")}, 7) == "198.19.0.0");
  CHECK(chosen({range("198.19.255.0/24")}, 511) == "198.18.0.0");
  CHECK(chosen({range("172.17.0.0/16"), range("10.0.0.0/8")}, 3) == "198.18.3.0");
  CHECK(chosen({range("198.18.0.0/15")}, 3) == "none");
  CHECK(chosen({range("198.18.5.77")}, 5) == "198.18.6.0");
}

TEST_CASE("subnets in what docker network inspect prints") {
  auto subnets = subnets_of_networks(R"([
    {"Name": "bridge", "IPAM": {"Driver": "default", "Options": null, "Config": [{"Subnet": "172.17.0.0/16"}]}},
    {"Name": "host", "IPAM": {"Config": []}},
    {"Name": "none", "IPAM": {"Config": null}},
    {"Name": "odd"},
    {"Name": "riven-a", "IPAM": {"Config": [{"Subnet": "198.18.7.0/24"}, {"Subnet": "fd00:1::/64"}]}}])");
  REQUIRE(subnets);
  CHECK(*subnets == std::vector<Ipv4Range>{range("172.17.0.0/16"), range("198.18.7.0/24")});
  CHECK(subnets_of_networks("[]")->empty());
  CHECK_FALSE(subnets_of_networks(""));
  CHECK_FALSE(subnets_of_networks("Error response from daemon"));
  CHECK_FALSE(subnets_of_networks("{}"));
}

TEST_CASE("routes that take addresses; a blackhole and the default route do not") {
  const auto routes = ranges_of_routes(
      "default via 10.0.0.1 dev eth0\nblackhole 198.18.0.0/15 metric 65535 \n"
      "198.18.9.0/24 dev br-x proto kernel scope link src 198.18.9.1 \n10.1.2.3 dev tun0\n");
  CHECK(routes == std::vector<Ipv4Range>{range("198.18.9.0/24"), range("10.1.2.3")});
}

TEST_CASE("the engine's words for a subnet that is taken") {
  CHECK(is_subnet_overlap("docker network failed: Pool overlaps with other one on this address space"));
  CHECK(is_subnet_overlap("invalid pool request: Pool overlaps with other one on this address space"));
  CHECK_FALSE(is_subnet_overlap("network with name riven-x already exists"));
}

TEST_CASE("containers in what docker inspect prints") {
  auto containers = parse_containers(R"([
    {"Config": {"Labels": {"riven.node": "n1"}}, "State": {"Status": "running"},
     "NetworkSettings": {"Networks": {"riven-a": {"IPAddress": "198.18.7.11", "GlobalIPv6Address": "fd00::b"}}}},
    {"Config": {"Labels": null}, "State": {"Status": "exited"}, "NetworkSettings": {"Networks": {}}}])");
  REQUIRE(containers);
  REQUIRE(containers->size() == 2);
  CHECK(containers->at(0).name == "n1");
  CHECK(containers->at(0).state == "running");
  CHECK(containers->at(0).address == "198.18.7.11");
  CHECK(containers->at(0).address6 == "fd00::b");
  CHECK(containers->at(1).name.empty());
  CHECK(containers->at(1).state == "exited");
  CHECK_FALSE(parse_containers("no such object"));
}

TEST_CASE("capabilities are the least that the faults need") {
  const auto has = [](const std::vector<std::string>& options, const std::string& word) {
    return std::find(options.begin(), options.end(), word) != options.end();
  };
  const auto plain = container_options({}, AgentPlace::node);
  CHECK(plain[0] == "--cap-drop");
  CHECK(plain[1] == "ALL");
  CHECK(has(plain, "NET_ADMIN"));
  for (const char* more : {"SYS_ADMIN", "SYS_PTRACE", "SYS_TIME", "--privileged", "/dev/fuse"}) {
    CHECK_FALSE(has(plain, more));
  }
  ContainerNeeds needs;
  needs.add({.capabilities = {"SYS_PTRACE"}});
  CHECK_FALSE(has(container_options(needs, AgentPlace::node), "SYS_ADMIN"));
  needs.add({.capabilities = {"SYS_ADMIN", "SYS_PTRACE"}, .devices = {"/dev/fuse"}, .mounts = true});
  const auto both = container_options(needs, AgentPlace::node);
  for (const char* word : {"SYS_PTRACE", "SYS_ADMIN", "/dev/fuse", "apparmor=unconfined"})
    CHECK(std::count(both.begin(), both.end(), word) == 1);
}

TEST_CASE("needs add up: the smaller limit holds, and a node that must restart does") {
  ContainerNeeds needs;
  needs.add({.memory_limit_mib = 512});
  needs.add({.memory_limit_mib = 256, .restarts = true});
  needs.add({});
  CHECK(needs.memory_limit_mib == 256);
  CHECK(needs.restarts);
  CHECK(needs.capabilities.empty());
}

TEST_CASE("nodes whose agents run on the host get nothing for any fault") {
  const ContainerNeeds needs{.capabilities = {"SYS_PTRACE", "SYS_ADMIN"},
                             .devices = {"/dev/fuse"},
                             .mounts = true,
                             .memory_limit_mib = 512,
                             .restarts = true};
  const auto options = container_options(needs, AgentPlace::host);
  for (const char* none : {"--cap-add", "--device", "--security-opt", "--privileged"})
    CHECK(std::find(options.begin(), options.end(), none) == options.end());
  CHECK(std::count(options.begin(), options.end(), "--cap-drop") == 4);
  // Bounds are no rights: memory runs out within one, and a container that is to come back says so.
  for (const char* bound : {"--memory", "--restart"})
    CHECK(std::find(options.begin(), options.end(), bound) != options.end());
}

TEST_CASE("the first process of a container is read from docker inspect") {
  const std::string id(64, 'b');
  const auto init = parse_container_init(id + " 4711\n");
  REQUIRE(init);
  CHECK(init->id == id);
  CHECK(init->pid == 4711);
  CHECK(parse_container_init(id + " 0\n")->pid == 0);
  for (const std::string& wrong : {std::string(), id, id + " -1", id + " x", id + " 1 2", id.substr(1) + " 5",
                                   std::string("Error: no such object")})
    CHECK_FALSE(parse_container_init(wrong));
}

TEST_CASE("an IPv6 route out is told from the kernel's own") {
  const std::string none(32, '0'), host = "fd000000000000000000000000000001";
  const std::string rest = " 00000400 00000001 00000000 ";
  const std::string own = host + " 40 " + none + " 00 " + none + rest + "00000001     eth0\n";
  const std::string last = none + " 00 " + none + " 00 " + none + rest + "00200200       lo\n";
  const std::string out = none + " 00 " + none + " 00 " + host + rest + "00000003     eth0\n";
  CHECK_FALSE(has_ipv6_default_route(""));
  CHECK_FALSE(has_ipv6_default_route(own + last));
  CHECK(has_ipv6_default_route(own + out + last));
}

TEST_CASE("tar reads the archives") {
  const std::string archive = tar_archive(
      {{"a/secret", "key\n", 0600}, {"empty", "", 0644}, {"whole-block", std::string(512, 'x'), 0755}});
  CHECK(archive.size() % 512 == 0);
  auto listed = run_local({"tar", "-tvf", "-"}, archive, Milliseconds(10'000));
  REQUIRE(listed);
  CHECK(listed->succeeded());
  CHECK(listed->err.empty());
  CHECK(listed->out.find("-rw------- root/root") != std::string::npos);
  CHECK(listed->out.find("-rwxr-xr-x root/root") != std::string::npos);
  auto unpacked = run_local({"tar", "-xOf", "-", "a/secret"}, archive, Milliseconds(10'000));
  REQUIRE(unpacked);
  CHECK(unpacked->out == "key\n");
  auto block = run_local({"tar", "-xOf", "-", "whole-block"}, archive, Milliseconds(10'000));
  REQUIRE(block);
  CHECK(block->out == std::string(512, 'x'));
}
