// etcd's v3 JSON gateway (HTTP): one request, one sorted answer.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "harness/core/json.h"
#include "harness/core/outcome.h"

namespace riven::etcd {

/// What became of one request.
struct Reply {
  /// ok: answered 200. The other four mean what Outcome's cases mean for a request that writes.
  Outcome::Case result;
  Json body;          ///< of an ok reply
  std::string error;  ///< short and countable: "etcdserver: request timed out", "connection refused", ...

  bool ok() const { return result == Outcome::Case::ok; }
  /// As the outcome of an operation that may have changed something. Must not be ok.
  Outcome as_write_failure() const;
  /// As the outcome of an operation that only reads: it certainly changed nothing, so nothing is unknown.
  Outcome as_read_failure() const;
};

/// Sorts a gRPC status that etcd returned through the gateway. Certain are: InvalidArgument, NotFound,
/// AlreadyExists, PermissionDenied, FailedPrecondition, OutOfRange, Unimplemented, Unauthenticated, and
/// ResourceExhausted for too many requests. The rest (DeadlineExceeded, Unavailable with "leader changed" or
/// "request timed out", Internal, ResourceExhausted for space, ...) is unknown.
Outcome::Case sort_grpc_code(int code, std::string_view message);

/// Base64 with padding, as the gateway wants keys and values.
std::string to_base64(std::string_view bytes);
/// The bytes of well-formed base64; what is malformed ends the text.
std::string from_base64(std::string_view text);

/// One keep-alive connection to one node. Used by one thread; cancel() from any.
class Gateway {
 public:
  /// `prefix` is the version's path: "/v3" (3.4 and newer), "/v3beta" (3.3).
  Gateway(const std::string& address, uint16_t port, std::string prefix);
  ~Gateway();
  /// Posts to prefix + path. Connecting and each read and write are bound by the time left to `deadline_ns`
  /// (monotonic_now_ns()). Never resends.
  Reply post(const std::string& path, const Json& body, int64_t deadline_ns);
  void cancel() noexcept;

 private:
  struct Http;
  std::unique_ptr<Http> http_;
  std::string prefix_;
};

}  // namespace riven::etcd
