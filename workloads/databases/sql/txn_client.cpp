#include "workloads/databases/sql/txn_client.h"

#include <algorithm>
#include <charconv>

#include "harness/core/clock.h"
#include "harness/core/text.h"

namespace riven::sql {

namespace {

std::optional<int64_t> to_integer(std::string_view text) {
  int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

/// "5" as 5, "1,2,3," as [1 2 3]. What is neither is no less an answer: it is a text, or a list with one, and
/// nobody wrote that.
Value as_read(std::string_view text) {
  if (const auto number = to_integer(text)) return *number;
  if (text.find(',') == std::string_view::npos) return valid_utf8(text);
  Value::List items;
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find(',', at), text.size());
    const auto number = end < text.size() ? to_integer(text.substr(at, end - at)) : std::nullopt;
    items.push_back(number ? Value(*number) : Value(valid_utf8(text.substr(at, end - at))));
    at = end + 1;
  }
  return items;
}

class TxnClient final : public Client {
 public:
  TxnClient(std::unique_ptr<Connection> connection, Dialect dialect)
      : connection_(std::move(connection)), dialect_(std::move(dialect)) {}

  Outcome invoke(const Op& op, int64_t deadline_ns) override {
    if (op.f.text() != "txn" || !op.value.is_list())
      return Outcome::not_sent("this client knows the function txn alone");
    if (const auto why_not = connection_->ensure_connected(deadline_ns)) return Outcome::not_sent(*why_not);
    if (const auto begun = connection_->execute(dialect_.begin, deadline_ns);
        begun.kind != StatementResult::Kind::ok)
      return undone(begun);

    Value::List done;
    bool wrote = false;
    for (const Value& mop : op.value.list()) {
      const Value::List& parts = mop.list();
      const std::string key = std::to_string(parts.at(1).integer());
      if (parts.at(0).is_name("r")) {
        const auto read = connection_->execute("SELECT v FROM riven_kv WHERE k = " + key, deadline_ns);
        if (read.kind != StatementResult::Kind::ok) return undone(read);
        done.emplace_back(Value::List{parts.at(0), parts.at(1), read_value(read)});
        continue;
      }
      const std::string value = std::to_string(parts.at(2).integer());
      const bool append = parts.at(0).is_name("append");
      if (!append && !parts.at(0).is_name("w"))
        return give_up("this client knows the micro-operations :r, :w and :append");
      const auto written = connection_->execute(
          append ? dialect_.append(key, value + ",") : dialect_.write(key, value), deadline_ns);
      if (written.kind != StatementResult::Kind::ok) return undone(written);
      wrote = true;
      done.push_back(mop);
    }
    return commit(Value(std::move(done)), wrote, deadline_ns);
  }

  void cancel() noexcept override { connection_->cancel(); }

 private:
  static Value read_value(const StatementResult& read) {
    if (read.rows.empty()) return {};
    return as_read(read.rows.front().at(0).value_or("NULL"));
  }

  /// COMMIT was never sent: the transaction certainly did not happen.
  Outcome undone(const StatementResult& why) {
    if (why.kind == StatementResult::Kind::lost) {
      connection_->close();
      return Outcome::rejected("before commit: " + why.message);
    }
    roll_back();
    return Outcome::rejected(why.code + " " + why.message);
  }

  Outcome give_up(const std::string& why) {
    roll_back();
    return Outcome::rejected(why);
  }

  /// By hand after every error: some servers roll back the statement alone. A connection that cannot is
  /// closed.
  void roll_back() {
    constexpr int64_t kRollbackNs = 1'000'000'000;
    if (connection_->execute("ROLLBACK", monotonic_now_ns() + kRollbackNs).kind != StatementResult::Kind::ok)
      connection_->close();
  }

  Outcome commit(Value done, bool wrote, int64_t deadline_ns) {
    const auto committed = connection_->execute("COMMIT", deadline_ns);
    switch (committed.kind) {
      case StatementResult::Kind::ok:
        if (committed.tag == "ROLLBACK") return Outcome::rejected("COMMIT was answered by ROLLBACK");
        if (committed.doubtful) return Outcome::unknown(committed.message);
        return Outcome::ok(std::move(done));
      case StatementResult::Kind::lost:
        connection_->close();
        return wrote ? Outcome::unknown("at commit: " + committed.message)
                     : Outcome::rejected("at commit of reads: " + committed.message);
      case StatementResult::Kind::refused:
        break;
    }
    const bool certain = dialect_.commit_refusal_is_certain(committed.code);
    roll_back();
    const std::string why = "at commit: " + committed.code + " " + committed.message;
    return certain || !wrote ? Outcome::rejected(why) : Outcome::unknown(why);
  }

  std::unique_ptr<Connection> connection_;
  Dialect dialect_;
};

}  // namespace

std::unique_ptr<Client> make_txn_client(std::unique_ptr<Connection> connection, Dialect dialect) {
  return std::make_unique<TxnClient>(std::move(connection), std::move(dialect));
}

}  // namespace riven::sql
