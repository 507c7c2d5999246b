#include "harness/control/inventory.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "tests/catch.h"

using namespace riven;

namespace {

ClusterSpec good(const std::string& text, const AskSecret& ask = nullptr) {
  auto spec = parse_inventory(text, "lab/hosts.toml", ask);
  if (!spec) FAIL(spec.error().message);
  return *spec;
}

std::string bad(const std::string& text) {
  auto spec = parse_inventory(text, "hosts.toml", nullptr);
  REQUIRE_FALSE(spec);
  return spec.error().message;
}

bool begins(const std::string& text, const std::string& with) { return text.rfind(with, 0) == 0; }

class Variable {
 public:
  Variable(const char* name, const char* value) : name_(name) { setenv(name, value, 1); }
  ~Variable() { unsetenv(name_); }
  Variable(const Variable&) = delete;
  Variable& operator=(const Variable&) = delete;

 private:
  const char* name_;
};

}  // namespace

TEST_CASE("the shortest inventory") {
  const Variable agent("SSH_AUTH_SOCK", "/nowhere");
  const ClusterSpec spec = good("[[node]]\naddress = \"192.0.2.11\"\n[[node]]\naddress = \"db2.example\"\n");
  CHECK(spec.kind == ClusterSpec::Kind::hosts);
  CHECK(spec.name == "hosts");
  REQUIRE(spec.nodes.size() == 2);
  CHECK(spec.nodes[0].name == "n1");
  CHECK(spec.nodes[1].name == "n2");
  CHECK(spec.nodes[1].address == "db2.example");
  CHECK(spec.nodes[0].ssh.host == "192.0.2.11");
  CHECK(spec.nodes[0].ssh.port == 22);
  CHECK(spec.nodes[0].ssh.user == "root");
  CHECK(spec.nodes[0].ssh.sudo == Sudo::none);
  CHECK(spec.nodes[0].ssh.use_agent);
  CHECK(spec.nodes[0].ssh.known_hosts_file.empty());
  CHECK_FALSE(spec.nodes[0].may_reboot);
  CHECK_FALSE(spec.nodes[0].may_set_clock);
}

TEST_CASE("what is allowed on a machine is said node by node") {
  const ClusterSpec spec = good(
      "[defaults]\nmay_reboot = true\n[[node]]\naddress = \"192.0.2.11\"\nmay_set_clock = true\n"
      "[[node]]\naddress = \"192.0.2.12\"\nmay_reboot = false\n");
  REQUIRE(spec.nodes.size() == 2);
  CHECK(spec.nodes[0].may_reboot);
  CHECK(spec.nodes[0].may_set_clock);
  CHECK_FALSE(spec.nodes[1].may_reboot);
  CHECK_FALSE(spec.nodes[1].may_set_clock);
}

TEST_CASE("defaults, and nodes that differ") {
  const auto folder = std::filesystem::temp_directory_path() / "riven-inventory-test";
  std::filesystem::create_directories(folder);
  std::ofstream(folder / "key") << "k";
  std::ofstream(folder / "known") << "h";
  const Variable password("RIVEN_TEST_SUDO", "secret");
  auto spec = parse_inventory(R"(
[defaults]
user = "admin"
port = 2222
key = "key"
known_hosts = "known"
sudo = "password"
sudo_password_env = "RIVEN_TEST_SUDO"
connect_timeout = 3
[[node]]
address = "fd00::1"
name = "alpha"
[[node]]
address = "192.0.2.2"
user = "root"
sudo = "none"
port = 22
)",
                              (folder / "hosts.toml").string(), nullptr);
  if (!spec) FAIL(spec.error().message);
  const SshTarget& first = spec->nodes[0].ssh;
  CHECK(spec->nodes[0].name == "alpha");
  CHECK(first.name == "alpha");
  CHECK(first.user == "admin");
  CHECK(first.port == 2222);
  CHECK(first.key_file == (folder / "key").string());
  CHECK(first.known_hosts_file == (folder / "known").string());
  CHECK(first.sudo == Sudo::password);
  CHECK(first.sudo_password == "secret");
  CHECK(first.connect_deadline == Milliseconds(3'000));
  CHECK_FALSE(first.use_agent);
  const SshTarget& second = spec->nodes[1].ssh;
  CHECK(second.user == "root");
  CHECK(second.port == 22);
  CHECK(second.sudo == Sudo::none);
  CHECK(second.sudo_password.empty());
  std::filesystem::remove_all(folder);
}

TEST_CASE("a secret that is in no variable is asked for once") {
  int asked = 0;
  const ClusterSpec spec = good(
      "[defaults]\nuser=\"u\"\nsudo=\"password\"\nask=true\n[[node]]\naddress=\"a\"\n[[node]]\naddress="
      "\"b\"\n",
      [&](const std::string& prompt) -> Result<std::string> {
        ++asked;
        return "<" + prompt + ">";
      });
  CHECK(asked == 2);
  CHECK(spec.nodes[1].ssh.sudo_password == "<sudo password of u: >");
  CHECK(spec.nodes[1].ssh.password == "<SSH password of u: >");
}

TEST_CASE("errors name file, line and column") {
  CHECK(begins(bad("[[node]]\naddress = \n"), "hosts.toml:2:"));
  CHECK(begins(bad("[[node]]\naddress = \"a\"\nprot = 22\n"),
               "hosts.toml:3:8: unknown key 'prot'; known are address, "));
  CHECK(bad("[[node]]\naddress = \"a\"\nprot = 22\n").find(" port,") != std::string::npos);
  CHECK(bad("[defaults]\nprot = 22\n[[node]]\naddress = \"a\"\n").find("address") == std::string::npos);
  CHECK(begins(bad("[[node]]\naddress = \"a\"\nport = 70000\n"), "hosts.toml:3:8: 'port' must be"));
  CHECK(begins(bad("[[node]]\naddress = \"a\"\nport = \"22\"\n"), "hosts.toml:3:8: 'port' must be"));
  CHECK(begins(bad("[[node]]\naddress = 7\n"), "hosts.toml:2:11: 'address' must be a text"));
  CHECK(begins(bad("[[node]]\naddress = \"\"\n"), "hosts.toml:2:11: 'address' is empty"));
  CHECK(begins(bad("[[node]]\nname = \"x\"\n"), "hosts.toml:1:"));
  CHECK(begins(bad("[node]\naddress = \"a\"\n"), "hosts.toml:1:"));
  CHECK(begins(bad("[defaults]\naddress = \"a\"\n"), "hosts.toml:2:11: 'address' belongs to"));
  CHECK(begins(bad("[nodes]\n"), "hosts.toml:1:"));
  CHECK(begins(bad("[[node]]\naddress = \"a\"\nsudo = \"yes\"\n"), "hosts.toml:3:8: 'sudo' must be"));
  CHECK(begins(bad("[[node]]\naddress = \"a\"\nkey = \"no/such\"\n"),
               "hosts.toml:3:7: 'key': there is no file"));
  CHECK(
      begins(bad("[[node]]\naddress = \"a\"\nagent = 1\n"), "hosts.toml:3:9: 'agent' must be true or false"));
  const std::string twice =
      bad("[[node]]\naddress = \"a\"\nname = \"x\"\n[[node]]\naddress = \"b\"\nname = \"x\"\n");
  CHECK(begins(twice, "hosts.toml:4:"));
  CHECK(twice.find("a second node called x") != std::string::npos);
  CHECK(bad("").find("no nodes") != std::string::npos);
  const std::string unset =
      bad("[[node]]\naddress = \"a\"\nsudo = \"password\"\nsudo_password_env = \"RIVEN_NOT_SET\"\n");
  CHECK(begins(unset, "hosts.toml:4:"));
  CHECK(unset.find("RIVEN_NOT_SET is not set") != std::string::npos);
  CHECK(bad("[[node]]\naddress = \"a\"\nsudo = \"password\"\n").find("sudo_password_env") !=
        std::string::npos);
}

TEST_CASE("an inventory that is not there") {
  auto spec = read_inventory("/no/such/hosts.toml", nullptr);
  REQUIRE_FALSE(spec);
  CHECK(spec.error().message == "cannot read the inventory /no/such/hosts.toml");
}
