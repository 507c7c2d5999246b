#include "workloads/databases/etcd/gateway.h"

#include <httplib.h>

#include <algorithm>
#include <chrono>

#include "harness/core/clock.h"

namespace riven::etcd {

namespace {

constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

Reply transport_failure(httplib::Error error) {
  switch (error) {
    case httplib::Error::Connection:
      return {Outcome::Case::not_sent, {}, "connection refused or unreachable"};
    case httplib::Error::ConnectionTimeout:
      return {Outcome::Case::not_sent, {}, "time-out while connecting"};
    case httplib::Error::Read:
      return {Outcome::Case::unknown, {}, "no answer: time-out or connection lost"};
    case httplib::Error::Write:
      return {Outcome::Case::unknown, {}, "connection lost while sending"};
    case httplib::Error::Canceled:
      return {Outcome::Case::unknown, {}, "cancelled at the deadline"};
    default:
      return {Outcome::Case::unknown, {}, "HTTP failure: " + httplib::to_string(error)};
  }
}

}  // namespace

Outcome Reply::as_write_failure() const {
  switch (result) {
    case Outcome::Case::not_sent:
      return Outcome::not_sent(error);
    case Outcome::Case::rejected:
      return Outcome::rejected(error);
    case Outcome::Case::ok:
    case Outcome::Case::unknown:
      break;
  }
  return Outcome::unknown(error);
}

Outcome Reply::as_read_failure() const {
  return result == Outcome::Case::unknown ? Outcome::rejected(error) : as_write_failure();
}

Outcome::Case sort_grpc_code(int code, std::string_view message) {
  switch (code) {
    case 3:   // InvalidArgument
    case 5:   // NotFound
    case 6:   // AlreadyExists
    case 7:   // PermissionDenied
    case 9:   // FailedPrecondition
    case 11:  // OutOfRange: compacted, or a revision of the future
    case 12:  // Unimplemented
    case 16:  // Unauthenticated
      return Outcome::Case::rejected;
    case 8:  // ResourceExhausted. Out of space: a member may have applied the write before it said so.
      return message.find("too many requests") != std::string_view::npos ? Outcome::Case::rejected
                                                                         : Outcome::Case::unknown;
    default:
      return Outcome::Case::unknown;
  }
}

std::string to_base64(std::string_view bytes) {
  std::string out;
  out.reserve((bytes.size() + 2) / 3 * 4);
  for (size_t i = 0; i < bytes.size(); i += 3) {
    const size_t count = std::min<size_t>(3, bytes.size() - i);
    uint32_t group = 0;
    for (size_t j = 0; j < 3; ++j) group = group << 8 | (j < count ? static_cast<uint8_t>(bytes[i + j]) : 0U);
    for (size_t j = 0; j < 4; ++j) out += j <= count ? kAlphabet[group >> (18 - 6 * j) & 63] : '=';
  }
  return out;
}

std::string from_base64(std::string_view text) {
  std::string out;
  uint32_t bits = 0;
  int count = 0;
  for (const char c : text) {
    const size_t digit = kAlphabet.find(c);
    if (digit == std::string_view::npos) break;
    bits = bits << 6 | static_cast<uint32_t>(digit);
    count += 6;
    if (count >= 8) {
      count -= 8;
      out += static_cast<char>(bits >> count & 0xff);
    }
  }
  return out;
}

struct Gateway::Http {
  explicit Http(const std::string& address, uint16_t port) : client(address, port) {
    client.set_keep_alive(true);
    client.set_tcp_nodelay(true);
  }
  httplib::Client client;
};

Gateway::Gateway(const std::string& address, uint16_t port, std::string prefix)
    : http_(std::make_unique<Http>(address, port)), prefix_(std::move(prefix)) {}

Gateway::~Gateway() = default;

void Gateway::cancel() noexcept { http_->client.stop(); }

Reply Gateway::post(const std::string& path, const Json& body, int64_t deadline_ns) {
  const int64_t left_ns = deadline_ns - monotonic_now_ns();
  if (left_ns <= 0) return {Outcome::Case::not_sent, {}, "no time left before sending"};
  const time_t seconds = left_ns / kNanosPerSecond;
  const time_t micros = std::max<int64_t>(left_ns % kNanosPerSecond / 1000, seconds == 0 ? 1 : 0);
  auto& client = http_->client;
  client.set_connection_timeout(seconds, micros);
  client.set_read_timeout(seconds, micros);
  client.set_write_timeout(seconds, micros);

  const auto response = client.Post(prefix_ + path, body.dump(), "application/json");
  if (!response) return transport_failure(response.error());
  Json answer = Json::parse(response->body).value_or(Json());
  if (response->status == 200) {
    if (!answer.is_object()) return {Outcome::Case::unknown, {}, "garbled answer"};
    return {Outcome::Case::ok, std::move(answer), {}};
  }
  if (answer.is_object() && answer.contains("code") && answer["code"].is_integer()) {
    const Json& message = answer.contains("message") ? answer["message"] : answer["error"];
    const std::string words = message.is_string() ? message.get<std::string>() : "error";
    return {sort_grpc_code(answer["code"].get<int>(), words), {}, words};
  }
  return {Outcome::Case::unknown, {}, "HTTP status " + std::to_string(response->status)};
}

}  // namespace riven::etcd
