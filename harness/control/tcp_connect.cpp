#include "harness/control/tcp_connect.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <condition_variable>
#include <cstring>
#include <memory>
#include <mutex>
#include <system_error>
#include <thread>

namespace riven {
namespace {

using Clock = std::chrono::steady_clock;

struct FreeAddresses {
  void operator()(addrinfo* list) const { freeaddrinfo(list); }
};
using AddressList = std::unique_ptr<addrinfo, FreeAddresses>;

std::string system_text(int error) { return std::generic_category().message(error); }

int look_up(const std::string& host, const std::string& port, int flags, AddressList& list) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = flags | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const int code = getaddrinfo(host.c_str(), port.c_str(), &hints, &found);
  if (code == 0) list.reset(found);
  return code;
}

// getaddrinfo has no deadline, so a name is looked up by a thread that may outlive the wait for it.
Result<AddressList> look_up_until(const std::string& host, uint16_t port, Deadline deadline) {
  AddressList list;
  if (look_up(host, std::to_string(port), AI_NUMERICHOST, list) == 0) return list;
  struct Answer {
    std::mutex mutex;
    std::condition_variable ready;
    bool done = false;
    int code = 0;
    AddressList list;
  };
  auto answer = std::make_shared<Answer>();
  std::thread([answer, host, port] {
    AddressList found;
    const int code = look_up(host, std::to_string(port), 0, found);
    const std::lock_guard lock(answer->mutex);
    answer->code = code;
    answer->list = std::move(found);
    answer->done = true;
    answer->ready.notify_all();
  }).detach();
  std::unique_lock lock(answer->mutex);
  if (!answer->ready.wait_until(lock, deadline, [&] { return answer->done; })) {
    return Error{"the name " + host + " was not resolved in time"};
  }
  if (answer->code != 0) return Error{"the name " + host + " is unknown: " + gai_strerror(answer->code)};
  return std::move(answer->list);
}

void set_option(int descriptor, int level, int option, int value) {
  // A kernel that lacks one of these still carries the connection.
  (void)setsockopt(descriptor, level, option, &value, sizeof value);
}

// 0, or the error number.
int connect_until(int descriptor, const addrinfo& to, Deadline deadline) {
  if (connect(descriptor, to.ai_addr, to.ai_addrlen) == 0) return 0;
  if (errno != EINPROGRESS) return errno;
  pollfd waiting{descriptor, POLLOUT, 0};
  for (;;) {
    const int ready = poll(&waiting, 1, milliseconds_until(deadline));
    if (ready > 0) break;
    if (ready == 0) return ETIMEDOUT;
    if (errno != EINTR) return errno;
  }
  int error = 0;
  socklen_t size = sizeof error;
  return getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &error, &size) == 0 ? error : errno;
}

std::string literal(const sockaddr* address) {
  char text[INET6_ADDRSTRLEN] = "";
  if (address->sa_family == AF_INET6) {
    inet_ntop(AF_INET6, &reinterpret_cast<const sockaddr_in6*>(address)->sin6_addr, text, sizeof text);
  } else if (address->sa_family == AF_INET) {
    inet_ntop(AF_INET, &reinterpret_cast<const sockaddr_in*>(address)->sin_addr, text, sizeof text);
  }
  return text;
}

}  // namespace

int milliseconds_until(Deadline deadline) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now()).count();
  return static_cast<int>(std::clamp<int64_t>(left, 0, 3'600'000));
}

Result<int> tcp_connect(const std::string& host, uint16_t port, Deadline deadline) {
  auto list = look_up_until(host, port, deadline);
  if (!list) return list.error();
  int left = 0;
  for (const addrinfo* at = list->get(); at != nullptr; at = at->ai_next) ++left;
  int error = EADDRNOTAVAIL;
  for (const addrinfo* at = list->get(); at != nullptr; at = at->ai_next, --left) {
    const int descriptor = socket(at->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP);
    if (descriptor < 0) {
      error = errno;
      continue;
    }
    // An address that swallows packets must leave time for the next.
    error = connect_until(descriptor, *at, Clock::now() + (deadline - Clock::now()) / left);
    if (error == 0) {
      set_option(descriptor, IPPROTO_TCP, TCP_NODELAY, 1);
      set_option(descriptor, SOL_SOCKET, SO_KEEPALIVE, 1);
      set_option(descriptor, IPPROTO_TCP, TCP_KEEPIDLE, 10);
      set_option(descriptor, IPPROTO_TCP, TCP_KEEPINTVL, 5);
      set_option(descriptor, IPPROTO_TCP, TCP_KEEPCNT, 3);
      set_option(descriptor, IPPROTO_TCP, TCP_USER_TIMEOUT, 25'000);
      return descriptor;
    }
    close(descriptor);
  }
  return Error{system_text(error)};
}

Result<std::vector<std::string>> resolve_addresses(const std::string& host, Deadline deadline) {
  auto list = look_up_until(host, 0, deadline);
  if (!list) return list.error();
  std::vector<std::string> found;
  for (const addrinfo* at = list->get(); at != nullptr; at = at->ai_next) {
    std::string text = literal(at->ai_addr);
    if (!text.empty() && std::find(found.begin(), found.end(), text) == found.end())
      found.push_back(std::move(text));
  }
  return found;
}

std::string socket_local_address(int descriptor) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  if (getsockname(descriptor, generic, &size) != 0) return "";
  return literal(generic);
}

}  // namespace riven
