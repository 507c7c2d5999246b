#include "workloads/databases/etcd/client.h"

#include <charconv>
#include <map>
#include <optional>
#include <string>

#include "harness/core/text.h"
#include "workloads/databases/etcd/gateway.h"

namespace riven::etcd {

namespace {

std::string encoded_key(std::string_view folder, const Value& key) {
  return to_base64(std::string(folder) + "/" + to_edn(key));
}

std::optional<int64_t> to_integer(std::string_view text) {
  int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

/// The first kv of a range answer; null when the key does not exist.
const Json* first_kv(const Json& range) {
  const auto kvs = range.find("kvs");
  return kvs == range.end() || kvs->empty() ? nullptr : &kvs->front();
}

std::string kv_text(const Json& kv) { return from_base64(kv.value("value", std::string())); }

/// What a value's text says: an integer, or what else is there now, which nobody wrote.
Value as_read(std::string_view text) {
  const auto number = to_integer(text);
  return number ? Value(*number) : Value(valid_utf8(text));
}

/// [1 2 3] as "1 2 3".
Value::List items_of(const std::string& text) {
  Value::List items;
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find(' ', at), text.size());
    items.push_back(as_read(std::string_view(text).substr(at, end - at)));
    at = end + 1;
  }
  return items;
}

class EtcdClient final : public Client {
 public:
  explicit EtcdClient(const ClientOptions& options)
      : options_(options), gateway_(options.address, options.port, options.prefix) {}

  Outcome invoke(const Op& op, int64_t deadline_ns) override {
    const std::string_view f = op.f.text();
    if (f == "read") return read(op, deadline_ns);
    if (f == "write") return write(op, deadline_ns);
    if (f == "cas") return cas(op, deadline_ns);
    if (f == "acquire") return acquire(op, deadline_ns);
    if (f == "release") return release(op, deadline_ns);
    if (f == "txn") return txn(op, deadline_ns);
    return Outcome::not_sent("etcd's client does not know this function");
  }

  void cancel() noexcept override { gateway_.cancel(); }

 private:
  Json range_of(const std::string& key) const {
    Json range{{"key", key}};
    if (options_.serializable_reads) range["serializable"] = true;
    return range;
  }

  Outcome read(const Op& op, int64_t deadline_ns) {
    const Value& key = op.value.list().at(0);
    const Reply reply = gateway_.post("/kv/range", range_of(encoded_key("r", key)), deadline_ns);
    if (!reply.ok()) return reply.as_read_failure();
    const Json* const kv = first_kv(reply.body);
    if (kv == nullptr) return Outcome::ok(Value(Value::List{key, Value()}));
    return Outcome::ok(Value(Value::List{key, as_read(kv_text(*kv))}));
  }

  Outcome write(const Op& op, int64_t deadline_ns) {
    const Value::List& pair = op.value.list();
    const Json put{{"key", encoded_key("r", pair.at(0))}, {"value", to_base64(to_edn(pair.at(1)))}};
    const Reply reply = gateway_.post("/kv/put", put, deadline_ns);
    return reply.ok() ? Outcome::ok(op.value) : reply.as_write_failure();
  }

  Outcome cas(const Op& op, int64_t deadline_ns) {
    const Value::List& pair = op.value.list();
    const Value::List& change = pair.at(1).list();
    const std::string key = encoded_key("r", pair.at(0));
    const Json compare{
        {"key", key}, {"target", "VALUE"}, {"result", "EQUAL"}, {"value", to_base64(to_edn(change.at(0)))}};
    const Json put{{"request_put", {{"key", key}, {"value", to_base64(to_edn(change.at(1)))}}}};
    const Reply reply = gateway_.post(
        "/kv/txn", {{"compare", Json::array({compare})}, {"success", Json::array({put})}}, deadline_ns);
    if (!reply.ok()) return reply.as_write_failure();
    return reply.body.value("succeeded", false) ? Outcome::ok(op.value) : Outcome::compare_failed();
  }

  Outcome acquire(const Op& op, int64_t deadline_ns) {
    if (!held_.empty()) return Outcome::not_sent("this client holds the lock already");
    const Reply lease = gateway_.post("/lease/grant", {{"TTL", options_.lock_ttl_s}}, deadline_ns);
    if (!lease.ok()) return Outcome::not_sent("no lease: " + lease.error);
    lease_ = lease.body.value("ID", std::string());
    const Reply lock = gateway_.post(
        "/lock/lock", {{"name", encoded_key("lock", op.value.list().at(0))}, {"lease", lease_}}, deadline_ns);
    if (!lock.ok()) return lock.as_write_failure();
    held_ = lock.body.value("key", std::string());
    return held_.empty() ? Outcome::unknown("garbled answer") : Outcome::ok(op.value);
  }

  Outcome release(const Op& op, int64_t deadline_ns) {
    if (held_.empty()) return Outcome::not_sent("this client holds no lock");
    const Reply unlock = gateway_.post("/lock/unlock", {{"key", held_}}, deadline_ns);
    if (!unlock.ok()) return unlock.as_write_failure();
    held_.clear();
    gateway_.post("/lease/revoke", {{"ID", lease_}}, deadline_ns);
    return Outcome::ok(op.value);
  }

  struct Row {
    std::string revision = "0";  // int64 as proto3 JSON writes it
    Value::List items;
    bool changed = false;
  };

  /// Reads every key of the transaction at one revision.
  Reply read_rows(const std::map<std::string, Value>& keys, std::map<std::string, Row>& rows,
                  int64_t deadline_ns) {
    Json ranges = Json::array();
    for (const auto& [key, value] : keys) ranges.push_back({{"request_range", range_of(key)}});
    Reply reply = gateway_.post("/kv/txn", {{"success", ranges}}, deadline_ns);
    if (!reply.ok()) return reply;
    const Json responses = reply.body.value("responses", Json::array());
    if (responses.size() != keys.size()) return {Outcome::Case::unknown, {}, "garbled answer"};
    size_t i = 0;
    for (const auto& [key, value] : keys) {
      Row& row = rows[key];
      const Json& response = responses[i++];
      const Json* const kv =
          response.contains("response_range") ? first_kv(response["response_range"]) : nullptr;
      if (kv == nullptr) continue;
      row.revision = kv->value("mod_revision", std::string("0"));
      row.items = items_of(kv_text(*kv));
    }
    return reply;
  }

  /// Optimistic: read all keys, apply the micro-operations here, write back if no revision moved.
  Outcome txn(const Op& op, int64_t deadline_ns) {
    std::map<std::string, Value> keys;
    for (const Value& mop : op.value.list())
      keys.emplace(encoded_key("a", mop.list().at(1)), mop.list().at(1));
    std::map<std::string, Row> rows;
    const Reply first = read_rows(keys, rows, deadline_ns);
    if (!first.ok()) return first.as_read_failure();

    Value::List done;
    for (const Value& mop : op.value.list()) {
      const Value::List& parts = mop.list();
      Row& row = rows[encoded_key("a", parts.at(1))];
      if (parts.at(0).is_name("append")) {
        row.items.push_back(parts.at(2));
        row.changed = true;
        done.push_back(mop);
      } else if (parts.at(0).is_name("r")) {
        done.emplace_back(Value::List{parts.at(0), parts.at(1), Value(row.items)});
      } else {
        return Outcome::not_sent("etcd's client knows the micro-operations :r and :append");
      }
    }
    Json compares = Json::array();
    Json puts = Json::array();
    for (const auto& [key, row] : rows) {
      compares.push_back(
          {{"key", key}, {"target", "MOD"}, {"result", "EQUAL"}, {"mod_revision", row.revision}});
      if (!row.changed) continue;
      std::string text;
      for (const Value& item : row.items) text += (text.empty() ? "" : " ") + to_edn(item);
      puts.push_back({{"request_put", {{"key", key}, {"value", to_base64(text)}}}});
    }
    if (puts.empty()) return Outcome::ok(Value(std::move(done)));  // one txn of reads saw one revision
    const Reply reply = gateway_.post("/kv/txn", {{"compare", compares}, {"success", puts}}, deadline_ns);
    if (!reply.ok()) return reply.as_write_failure();
    return reply.body.value("succeeded", false) ? Outcome::ok(Value(std::move(done)))
                                                : Outcome::rejected("a key changed meanwhile");
  }

  ClientOptions options_;
  Gateway gateway_;
  std::string lease_;
  std::string held_;  // key of the lock held, base64
};

}  // namespace

std::unique_ptr<Client> make_client(const ClientOptions& options) {
  return std::make_unique<EtcdClient>(options);
}

}  // namespace riven::etcd
