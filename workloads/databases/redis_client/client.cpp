#include "workloads/databases/redis_client/client.h"

#include <hiredis/hiredis.h>
#include <pthread.h>
#include <signal.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <vector>

#include "harness/core/clock.h"
#include "harness/core/json_fields.h"
#include "harness/core/text.h"
#include "workloads/databases/sql/cancel_socket.h"

namespace riven::redis {

namespace {

struct FreeReply {
  void operator()(redisReply* reply) const { freeReplyObject(reply); }
};
using ReplyPtr = std::unique_ptr<redisReply, FreeReply>;
struct FreeContext {
  void operator()(redisContext* context) const { redisFree(context); }
};

constexpr const char* kCompareAndSet =
    "if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('SET', KEYS[1], ARGV[2]) return 1 end return 0";

timeval time_left(int64_t deadline_ns) {
  const int64_t left_ns = std::max<int64_t>(deadline_ns - monotonic_now_ns(), kNanosPerMilli);
  return {.tv_sec = left_ns / kNanosPerSecond, .tv_usec = left_ns % kNanosPerSecond / 1000};
}

std::string_view text_of(const redisReply& reply) { return {reply.str, static_cast<size_t>(reply.len)}; }

/// hiredis writes without MSG_NOSIGNAL: what a closed connection raises stays blocked in this thread.
void block_pipe_signal() {
  sigset_t pipe;
  sigemptyset(&pipe);
  sigaddset(&pipe, SIGPIPE);
  pthread_sigmask(SIG_BLOCK, &pipe, nullptr);
}

/// One connection. Commands are arguments; what is in them needs no quoting.
class Connection {
 public:
  explicit Connection(ClientOptions options) : options_(std::move(options)) {}
  ~Connection() { close(); }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  std::optional<std::string> ensure_connected(int64_t deadline_ns) {
    if (context_ != nullptr) return std::nullopt;
    context_.reset(redisConnectWithTimeout(options_.address.c_str(), options_.port, time_left(deadline_ns)));
    if (context_ == nullptr) return "out of memory";
    if (context_->err != 0) {
      const std::string text = context_->errstr;
      context_.reset();
      if (text.find("refused") != std::string::npos) return "connection refused";
      return "cannot connect";
    }
    socket_.watch(context_->fd);
    return std::nullopt;
  }

  /// Null: no answer, `why` says what happened, and the connection is closed.
  ReplyPtr execute(const std::vector<std::string>& words, int64_t deadline_ns, std::string& why) {
    if (monotonic_now_ns() >= deadline_ns) {
      why = "deadline";
      close();
      return nullptr;
    }
    block_pipe_signal();
    redisSetTimeout(context_.get(), time_left(deadline_ns));
    std::vector<const char*> texts;
    std::vector<size_t> lengths;
    for (const std::string& word : words) {
      texts.push_back(word.data());
      lengths.push_back(word.size());
    }
    ReplyPtr reply(static_cast<redisReply*>(
        redisCommandArgv(context_.get(), static_cast<int>(texts.size()), texts.data(), lengths.data())));
    if (reply == nullptr) {
      why = context_->err == REDIS_ERR_EOF ? "connection lost" : "no answer: time-out or connection lost";
      close();
    }
    return reply;
  }

  void cancel() noexcept { socket_.cancel(); }

 private:
  void close() noexcept {
    socket_.forget();
    context_.reset();
  }

  const ClientOptions options_;
  std::unique_ptr<redisContext, FreeContext> context_;
  sql::CancelSocket socket_;
};

/// An integer, or what else is there, which nobody wrote.
Value as_read(std::string_view text) {
  int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return valid_utf8(text);
  return number;
}

class RedisClient final : public Client {
 public:
  explicit RedisClient(const ClientOptions& options) : connection_(options) {}

  Outcome invoke(const Op& op, int64_t deadline_ns) override {
    const std::string_view f = op.f.text();
    if (f != "read" && f != "write" && f != "cas")
      return Outcome::not_sent("Redis' client does not know this function");
    if (const auto why_not = connection_.ensure_connected(deadline_ns)) return Outcome::not_sent(*why_not);
    const Value::List& pair = op.value.list();
    const std::string key = "r/" + to_edn(pair.at(0));
    if (f == "read") return read(pair.at(0), key, deadline_ns);
    if (f == "write") return write(op, {"SET", key, to_edn(pair.at(1))}, deadline_ns);
    const Value::List& change = pair.at(1).list();
    return write(op, {"EVAL", kCompareAndSet, "1", key, to_edn(change.at(0)), to_edn(change.at(1))},
                 deadline_ns);
  }

  void cancel() noexcept override { connection_.cancel(); }

 private:
  Outcome read(const Value& name, const std::string& key, int64_t deadline_ns) {
    std::string why;
    const ReplyPtr reply = connection_.execute({"GET", key}, deadline_ns, why);
    if (reply == nullptr) return Outcome::rejected(why);
    if (reply->type == REDIS_REPLY_NIL) return Outcome::ok(Value(Value::List{name, Value()}));
    if (reply->type == REDIS_REPLY_STRING)
      return Outcome::ok(Value(Value::List{name, as_read(text_of(*reply))}));
    return Outcome::rejected(reply->type == REDIS_REPLY_ERROR ? valid_utf8(text_of(*reply))
                                                              : "garbled answer");
  }

  Outcome write(const Op& op, const std::vector<std::string>& words, int64_t deadline_ns) {
    std::string why;
    const ReplyPtr reply = connection_.execute(words, deadline_ns, why);
    if (reply == nullptr) return Outcome::unknown(why);
    if (reply->type == REDIS_REPLY_ERROR) return sort_error(text_of(*reply));
    if (reply->type == REDIS_REPLY_STATUS && text_of(*reply) == "OK") return Outcome::ok(op.value);
    if (reply->type == REDIS_REPLY_INTEGER)
      return reply->integer == 1 ? Outcome::ok(op.value) : Outcome::compare_failed();
    return Outcome::unknown("garbled answer");
  }

  Connection connection_;
};

}  // namespace

Outcome sort_error(std::string_view reply) {
  constexpr std::array<std::string_view, 14> kDoesNothing = {
      "LOADING",  "BUSY",       "OOM", "MISCONF",   "READONLY", "MASTERDOWN", "CLUSTERDOWN",
      "TRYAGAIN", "NOREPLICAS", "ERR", "WRONGTYPE", "NOAUTH",   "NOPERM",     "NOSCRIPT"};
  const std::string_view word = reply.substr(0, reply.find(' '));
  const std::string why = valid_utf8(reply);
  const bool certain = std::find(kDoesNothing.begin(), kDoesNothing.end(), word) != kDoesNothing.end();
  return certain ? Outcome::rejected(why) : Outcome::unknown(why);
}

std::unique_ptr<Client> make_client(const ClientOptions& options) {
  return std::make_unique<RedisClient>(options);
}

std::optional<std::string> ping(const ClientOptions& options, int64_t deadline_ns) {
  Connection connection(options);
  if (auto why_not = connection.ensure_connected(deadline_ns)) return why_not;
  std::string why;
  const ReplyPtr reply = connection.execute({"PING"}, deadline_ns, why);
  if (reply == nullptr) return why;
  if (reply->type == REDIS_REPLY_STATUS) return std::nullopt;
  return reply->type == REDIS_REPLY_ERROR ? valid_utf8(text_of(*reply)) : std::string("garbled answer");
}

std::string server_info(const ClientOptions& options, std::string_view field, int64_t deadline_ns) {
  Connection connection(options);
  std::string why;
  if (connection.ensure_connected(deadline_ns)) return "";
  const ReplyPtr reply = connection.execute({"INFO", "server"}, deadline_ns, why);
  if (reply == nullptr || reply->type != REDIS_REPLY_STRING) return "";
  const std::string_view text = text_of(*reply);
  const std::string label = "\n" + std::string(field) + ":";
  const size_t at = text.find(label);
  if (at == std::string_view::npos) return "";
  const size_t begin = at + label.size();
  return valid_utf8(text.substr(begin, text.find('\r', begin) - begin));
}

}  // namespace riven::redis
