// Small clusters of network namespaces on this machine, for tests: made and removed here, never the root's.
#pragma once

#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <fstream>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "harness/agent_protocol/packet_rule.h"
#include "harness/control/agent_client.h"
#include "harness/core/check.h"
#include "tests/catch.h"

namespace riven::test {

inline bool run(const std::string& command) {
  return std::system((command + " >/dev/null 2>&1").c_str()) == 0;
}

/// A directory that is removed with all in it.
struct TempDirectory {
  TempDirectory() {
    char name[] = "/tmp/riven-test-XXXXXX";
    RIVEN_CHECK(mkdtemp(name) != nullptr, "no temporary directory");
    path = name;
  }
  ~TempDirectory() { run("rm -rf " + path); }
  TempDirectory(const TempDirectory&) = delete;
  TempDirectory& operator=(const TempDirectory&) = delete;
  std::string path;
};

/// The process id in an owner's lock file; 0 where there is none.
inline pid_t agent_pid(const AgentOptions& options) {
  std::ifstream file(options.state_directory + "/lock/" + options.owner);
  pid_t pid = 0;
  file >> pid;
  return pid;
}

/// n namespaces on one bridge (in a namespace of its own): 198.18.77.1.., fd00:77::1...
class Namespaces {
 public:
  /// Null, after saying why, where namespaces cannot be made (not root).
  static std::unique_ptr<Namespaces> make(size_t count) {
    auto made = std::unique_ptr<Namespaces>(new Namespaces(count));
    if (geteuid() == 0 && made->build()) return made;
    WARN("skipped: network namespaces need root and iproute2");
    return nullptr;
  }
  ~Namespaces() {
    for (size_t i = 0; i < count_; ++i) run("ip netns del " + name(i));
    run("ip netns del " + prefix_ + "hub");
  }

  std::string name(size_t i) const { return prefix_ + std::to_string(i + 1); }
  static std::string v4(size_t i) { return "198.18.77." + std::to_string(i + 1); }
  static std::string v6(size_t i) { return "fd00:77::" + std::to_string(i + 1); }
  size_t size() const { return count_; }

  /// Runs fn in a thread that is inside namespace i.
  void inside(size_t i, const std::function<void()>& fn) const {
    std::thread thread([&] {
      const int fd = open(("/run/netns/" + name(i)).c_str(), O_RDONLY | O_CLOEXEC);
      RIVEN_CHECK(fd >= 0 && setns(fd, CLONE_NEWNET) == 0, "cannot enter a test's namespace");
      close(fd);
      fn();
    });
    thread.join();
  }

  /// What `command` prints when it runs in namespace i.
  std::string output(size_t i, const std::string& command) const {
    std::string out;
    FILE* pipe = popen(("ip netns exec " + name(i) + " " + command + " 2>&1").c_str(), "r");
    char chunk[4096];
    size_t got = 0;
    while ((got = fread(chunk, 1, sizeof chunk, pipe)) > 0) out.append(chunk, got);
    pclose(pipe);
    return out;
  }

  /// Whose faults the agents here keep. Another for each program: an agent that starts puts right every
  /// process on the machine whose clock its owner had bent, and ctest runs several programs at once.
  const std::string& owner() const { return owner_; }
  /// An agent in namespace i with a state directory of its own.
  Result<std::unique_ptr<AgentClient>> agent(size_t i) const { return agent(i, owner_); }
  Result<std::unique_ptr<AgentClient>> agent(size_t i, const std::string& owner,
                                             Milliseconds lease = Milliseconds(10'000)) const {
    return AgentClient::start(launcher(i, owner, lease), options(i, owner, lease));
  }
  AgentOptions options(size_t i, const std::string& owner, Milliseconds lease) const {
    AgentOptions options;
    options.owner = owner;
    options.lease = lease;
    options.state_directory = state_.path + "/" + std::to_string(i);
    return options;
  }
  /// The process id of owner()'s agent in namespace i; 0: there is none.
  pid_t agent_pid(size_t i) const { return test::agent_pid(options(i, owner_, Milliseconds(1))); }
  AgentLauncher launcher(size_t i, const std::string& owner, Milliseconds lease) const {
    return local_agent_launcher({"ip", "netns", "exec", name(i), RIVEN_AGENT_PATH}, options(i, owner, lease));
  }

 private:
  explicit Namespaces(size_t count)
      : count_(count),
        prefix_("rvt" + std::to_string(getpid()) + "-"),
        owner_("test" + std::to_string(getpid())) {}
  bool build() {
    const std::string hub = prefix_ + "hub";
    if (!run("ip netns add " + hub) || !run("ip -n " + hub + " link add br0 type bridge forward_delay 0") ||
        !run("ip -n " + hub + " link set br0 up")) {
      return false;
    }
    for (size_t i = 0; i < count_; ++i) {
      const std::string port = "p" + std::to_string(i + 1);
      const std::string in = "ip -n " + name(i);
      if (!run("ip netns add " + name(i)) ||
          !run("ip -n " + hub + " link add " + port + " type veth peer name eth0 netns " + name(i)) ||
          !run("ip -n " + hub + " link set " + port + " master br0 up") ||
          !run(in + " addr add " + v4(i) + "/24 dev eth0") ||
          !run(in + " addr add " + v6(i) + "/64 dev eth0 nodad") || !run(in + " link set lo up") ||
          !run(in + " link set eth0 up")) {
        return false;
      }
    }
    return true;
  }

  size_t count_;
  std::string prefix_;
  std::string owner_;
  TempDirectory state_;
};

/// A socket address of a literal.
struct Endpoint {
  Endpoint(const std::string& address, uint16_t port) {
    auto* v4 = reinterpret_cast<sockaddr_in*>(&storage);
    auto* v6 = reinterpret_cast<sockaddr_in6*>(&storage);
    if (inet_pton(AF_INET, address.c_str(), &v4->sin_addr) == 1) {
      v4->sin_family = AF_INET;
      v4->sin_port = htons(port);
      size = sizeof *v4;
    } else {
      RIVEN_CHECK(inet_pton(AF_INET6, address.c_str(), &v6->sin6_addr) == 1, "no address");
      v6->sin6_family = AF_INET6;
      v6->sin6_port = htons(port);
      size = sizeof *v6;
    }
  }
  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
  sockaddr_storage storage{};
  socklen_t size = 0;
};

/// A socket in namespace i; closed by the destructor.
class Socket {
 public:
  Socket(const Namespaces& world, size_t i, const std::string& address, uint16_t port, int type) {
    world.inside(i, [&] {
      const Endpoint here(address, port);
      fd_ = socket(here.get()->sa_family, type | SOCK_CLOEXEC, 0);
      const int one = 1;
      setsockopt(fd_, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
      RIVEN_CHECK(bind(fd_, here.get(), here.size) == 0, "cannot bind in a test's namespace");
    });
  }
  explicit Socket(int fd) : fd_(fd) {}
  Socket(Socket&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  ~Socket() {
    if (fd_ >= 0) close(fd_);
  }
  int fd() const { return fd_; }
  bool readable(int timeout_ms) const {
    pollfd waiting{fd_, POLLIN, 0};
    return poll(&waiting, 1, timeout_ms) == 1;
  }
  bool connect(const std::string& address, uint16_t port, int timeout_ms) const {
    const Endpoint there(address, port);
    fcntl(fd_, F_SETFL, fcntl(fd_, F_GETFL) | O_NONBLOCK);
    error_ = 0;
    if (::connect(fd_, there.get(), there.size) == 0) return true;
    pollfd waiting{fd_, POLLOUT, 0};
    if (poll(&waiting, 1, timeout_ms) != 1) return false;
    socklen_t size = sizeof error_;
    getsockopt(fd_, SOL_SOCKET, SO_ERROR, &error_, &size);
    return error_ == 0;
  }
  int error() const { return error_; }

 private:
  int fd_ = -1;
  mutable int error_ = 0;
};

/// Sends `count` UDP datagrams from node `from` to node `to` and counts those that arrive.
inline size_t udp_arrivals(const Namespaces& world, size_t from, size_t to, size_t count, bool v6 = false,
                           uint16_t port = 7000) {
  const auto address = [&](size_t i) { return v6 ? Namespaces::v6(i) : Namespaces::v4(i); };
  const Socket receiver(world, to, address(to), port, SOCK_DGRAM);
  const Socket sender(world, from, address(from), 0, SOCK_DGRAM);
  const Endpoint there(address(to), port);
  size_t arrived = 0;
  char byte = 'x';
  for (size_t i = 0; i < count; ++i) {
    (void)sendto(sender.fd(), &byte, 1, 0, there.get(), there.size);
    while (recv(receiver.fd(), &byte, 1, MSG_DONTWAIT) == 1) ++arrived;
  }
  while (arrived < count && receiver.readable(50)) {
    if (recv(receiver.fd(), &byte, 1, MSG_DONTWAIT) == 1) ++arrived;
  }
  return arrived;
}

/// Packets that `proof` of kind "packets" says were dropped from `peer`.
inline uint64_t dropped(const Json& proof, const std::string& peer) {
  if (!proof.contains("dropped") || !proof["dropped"].contains(peer)) return 0;
  return proof["dropped"][peer]["packets"].get<uint64_t>();
}

inline PacketRule drop_from(size_t peer, bool v6 = false) {
  PacketRule rule;
  rule.peer = "n" + std::to_string(peer + 1);
  rule.address = v6 ? Namespaces::v6(peer) : Namespaces::v4(peer);
  return rule;
}

inline FaultSpec packets(const std::vector<PacketRule>& rules) { return {"packets", to_json(rules)}; }

}  // namespace riven::test
