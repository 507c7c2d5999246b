#include "harness/control/inventory.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <set>
#include <sstream>

#define TOML_EXCEPTIONS 0
#define TOML_HEADER_ONLY 1
#include <toml++/toml.h>

namespace riven {
namespace {

namespace fs = std::filesystem;

constexpr std::array<std::string_view, 14> kNodeKeys{"address",      "name",         "user",
                                                     "port",         "key",          "agent",
                                                     "known_hosts",  "sudo",         "sudo_password_env",
                                                     "password_env", "ask",          "connect_timeout",
                                                     "may_reboot",   "may_set_clock"};

bool of_nodes_alone(std::string_view key) { return key == "address" || key == "name"; }

std::string known_keys(bool of_node) {
  std::string keys;
  for (const std::string_view key : kNodeKeys) {
    if (!of_node && of_nodes_alone(key)) continue;
    keys.append(keys.empty() ? "" : ", ").append(key);
  }
  return keys;
}

// Reads one inventory; the first error wins.
class InventoryReader {
 public:
  InventoryReader(const std::string& path, const AskSecret& ask) : path_(path), ask_(ask) {}

  Result<ClusterSpec> read(const toml::table& root) {
    ClusterSpec spec;
    spec.kind = ClusterSpec::Kind::hosts;
    spec.name = fs::path(path_).stem().string();
    for (const auto& [key, value] : root) {
      if (key != "defaults" && key != "node") {
        return fail(value,
                    "unknown table '" + std::string(key.str()) + "'; known are [defaults] and [[node]]");
      }
    }
    static const toml::table nothing;
    const toml::table* defaults = &nothing;
    if (const toml::node* node = root.get("defaults")) {
      defaults = node->as_table();
      if (defaults == nullptr) return fail(*node, "defaults must be a table: [defaults]");
      if (auto checked = check_keys(*defaults, /*of_node=*/false); !checked) return checked.error();
    }
    const toml::node* list = root.get("node");
    const toml::array* nodes = list == nullptr ? nullptr : list->as_array();
    if (list != nullptr && nodes == nullptr)
      return fail(*list, "nodes are written [[node]], with two brackets");
    if (nodes == nullptr || nodes->empty())
      return Error{path_ + ": no nodes: write one [[node]] with an address for each"};
    std::set<std::string> names;
    for (const toml::node& each : *nodes) {
      const toml::table* table = each.as_table();
      if (table == nullptr) return fail(each, "a node must be a table: [[node]]");
      auto node = read_node(*table, *defaults, spec.nodes.size());
      if (!node) return node.error();
      if (!names.insert(node->name).second) return fail(each, "a second node called " + node->name);
      spec.nodes.push_back(std::move(*node));
    }
    return spec;
  }

 private:
  Error fail(const toml::node& at, const std::string& why) const {
    const auto place = at.source().begin;
    return Error{path_ + ":" + std::to_string(place.line) + ":" + std::to_string(place.column) + ": " + why};
  }

  Status check_keys(const toml::table& table, bool of_node) const {
    for (const auto& [key, value] : table) {
      const std::string_view name = key.str();
      if (std::find(kNodeKeys.begin(), kNodeKeys.end(), name) == kNodeKeys.end()) {
        return fail(value, "unknown key '" + std::string(name) + "'; known are " + known_keys(of_node));
      }
      if (!of_node && of_nodes_alone(name)) {
        return fail(value, "'" + std::string(name) + "' belongs to a [[node]], not to the defaults");
      }
    }
    return ok_status();
  }

  // The node's own value, else the default's, else nothing.
  const toml::node* find(std::string_view key) const {
    const toml::node* own = node_->get(key);
    return own != nullptr ? own : defaults_->get(key);
  }

  Result<std::optional<std::string>> text(std::string_view key) const {
    const toml::node* found = find(key);
    if (found == nullptr) return std::optional<std::string>();
    const auto value = found->value_exact<std::string>();
    if (!value) return fail(*found, "'" + std::string(key) + "' must be a text in quotes");
    if (value->empty()) return fail(*found, "'" + std::string(key) + "' is empty");
    return value;
  }

  Result<std::optional<bool>> flag(std::string_view key) const {
    const toml::node* found = find(key);
    if (found == nullptr) return std::optional<bool>();
    const auto value = found->value_exact<bool>();
    if (!value) return fail(*found, "'" + std::string(key) + "' must be true or false");
    return value;
  }

  Result<std::optional<int64_t>> number(std::string_view key, int64_t low, int64_t high) const {
    const toml::node* found = find(key);
    if (found == nullptr) return std::optional<int64_t>();
    const auto value = found->value_exact<int64_t>();
    if (!value || *value < low || *value > high) {
      return fail(*found, "'" + std::string(key) + "' must be a number from " + std::to_string(low) + " to " +
                              std::to_string(high));
    }
    return value;
  }

  Result<std::string> existing_file(std::string_view key) const {
    auto name = text(key);
    if (!name) return name.error();
    if (!*name) return std::string();
    fs::path file = **name;
    if ((*name)->substr(0, 2) == "~/") {
      const char* home = std::getenv("HOME");
      file = fs::path(home == nullptr ? "/" : home) / (*name)->substr(2);
    } else if (file.is_relative()) {
      file = fs::path(path_).parent_path() / file;
    }
    std::error_code ignored;
    if (!fs::exists(file, ignored))
      return fail(*find(key), "'" + std::string(key) + "': there is no file " + file.string());
    return file.string();
  }

  // From the environment variable that `key` names; else asked for, once for all nodes that share user and
  // kind.
  Result<std::string> secret(std::string_view key, const toml::node& at, const std::string& prompt) {
    auto variable = text(key);
    if (!variable) return variable.error();
    if (*variable) {
      const char* value = std::getenv((*variable)->c_str());
      if (value != nullptr && *value != '\0') return std::string(value);
      return fail(*find(key), "the environment variable " + **variable + " is not set");
    }
    if (!ask_) return fail(at, "a password is needed: name an environment variable with " + std::string(key));
    if (const auto known = answers_.find(prompt); known != answers_.end()) return known->second;
    auto answer = ask_(prompt);
    if (answer) answers_[prompt] = *answer;
    return answer;
  }

  Status read_sudo(SshTarget& target) {
    auto kind = text("sudo");
    if (!kind) return kind.error();
    if (!*kind || **kind == "none") return ok_status();
    if (**kind == "nopasswd") {
      target.sudo = Sudo::nopasswd;
    } else if (**kind == "password") {
      target.sudo = Sudo::password;
      auto password = secret("sudo_password_env", *find("sudo"), "sudo password of " + target.user + ": ");
      if (!password) return password.error();
      target.sudo_password = std::move(*password);
    } else {
      return fail(*find("sudo"), "'sudo' must be \"none\", \"nopasswd\" or \"password\"");
    }
    return ok_status();
  }

  Status read_authentication(SshTarget& target) {
    auto key = existing_file("key");
    if (!key) return key.error();
    target.key_file = std::move(*key);
    auto ask = flag("ask");
    if (!ask) return ask.error();
    if (ask->value_or(false) || find("password_env") != nullptr) {
      const toml::node* at = find("ask") != nullptr ? find("ask") : find("password_env");
      auto password = secret("password_env", *at, "SSH password of " + target.user + ": ");
      if (!password) return password.error();
      target.password = std::move(*password);
    }
    auto agent = flag("agent");
    if (!agent) return agent.error();
    target.use_agent = agent->value_or(target.key_file.empty() && std::getenv("SSH_AUTH_SOCK") != nullptr);
    return ok_status();
  }

  Result<NodeSpec> read_node(const toml::table& table, const toml::table& defaults, size_t index) {
    if (auto checked = check_keys(table, /*of_node=*/true); !checked) return checked.error();
    node_ = &table;
    defaults_ = &defaults;
    NodeSpec node;
    auto address = text("address");
    if (!address) return address.error();
    if (!*address) return fail(table, "a node without an address");
    auto name = text("name");
    auto user = text("user");
    if (!name || !user) return name ? user.error() : name.error();
    auto port = number("port", 1, 65535);
    if (!port) return port.error();
    auto patience = number("connect_timeout", 1, 600);
    if (!patience) return patience.error();
    auto known_hosts = existing_file("known_hosts");
    if (!known_hosts) return known_hosts.error();
    node.address = **address;
    node.name = name->value_or("n" + std::to_string(index + 1));
    SshTarget& target = node.ssh;
    target.name = node.name;
    target.host = node.address;
    target.user = user->value_or("root");
    target.port = static_cast<uint16_t>(port->value_or(22));
    target.connect_deadline = Milliseconds(1'000 * patience->value_or(10));
    target.known_hosts_file = std::move(*known_hosts);
    if (auto read = read_authentication(target); !read) return read.error();
    if (auto read = read_sudo(target); !read) return read.error();
    auto may_reboot = flag("may_reboot");
    if (!may_reboot) return may_reboot.error();
    auto may_set_clock = flag("may_set_clock");
    if (!may_set_clock) return may_set_clock.error();
    node.may_reboot = may_reboot->value_or(false);
    node.may_set_clock = may_set_clock->value_or(false);
    return node;
  }

  const std::string& path_;
  const AskSecret& ask_;
  const toml::table* node_ = nullptr;
  const toml::table* defaults_ = nullptr;
  std::map<std::string, std::string> answers_;
};

}  // namespace

Result<ClusterSpec> parse_inventory(const std::string& text, const std::string& path, const AskSecret& ask) {
  const toml::parse_result parsed = toml::parse(text, path);
  if (!parsed) {
    const toml::parse_error& error = parsed.error();
    return Error{path + ":" + std::to_string(error.source().begin.line) + ":" +
                 std::to_string(error.source().begin.column) + ": " + std::string(error.description())};
  }
  return InventoryReader(path, ask).read(parsed.table());
}

Result<ClusterSpec> read_inventory(const std::string& path, const AskSecret& ask) {
  std::ifstream file(path);
  std::stringstream content;
  content << file.rdbuf();
  if (!file) return Error{"cannot read the inventory " + path};
  return parse_inventory(content.str(), path, ask);
}

}  // namespace riven
