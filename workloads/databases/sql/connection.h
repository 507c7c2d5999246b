// A connection to an SQL server, as the transaction client needs it.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace riven::sql {

/// What became of one statement.
struct StatementResult {
  enum class Kind : uint8_t {
    ok,
    refused,  ///< the server answered with an error: `code` says which; the connection is usable
    lost,     ///< no answer: deadline, connection lost; the connection is closed
  };
  Kind kind = Kind::lost;
  std::string code;     ///< SQLSTATE or the server's number
  std::string message;  ///< for `lost` and `refused`: short and countable
  /// Rows of text cells; nullopt is SQL's NULL.
  std::vector<std::vector<std::optional<std::string>>> rows;
  /// What the server says it did ("COMMIT", "ROLLBACK"); empty where the protocol has no such word.
  std::string tag;
  bool doubtful = false;  ///< answered ok, but with a warning that it may not be durable
};

/// Used by one thread; cancel() from any.
class Connection {
 public:
  virtual ~Connection() = default;
  /// Connects if it is not connected. The error is why not; nothing was sent then.
  virtual std::optional<std::string> ensure_connected(int64_t deadline_ns) = 0;
  virtual StatementResult execute(const std::string& statement, int64_t deadline_ns) = 0;
  virtual void close() noexcept = 0;
  virtual void cancel() noexcept = 0;
};

/// Whether a refused COMMIT certainly left nothing behind, by its code.
using CommitRefusalIsCertain = std::function<bool(const std::string& code)>;

/// The words in which servers differ.
struct Dialect {
  std::string begin;  ///< the statement that begins a transaction at the asked isolation level
  /// SQL that inserts or updates row k of riven_kv: so that its text ends in `v`, so that it is `v`.
  std::function<std::string(const std::string& k, const std::string& v)> append;
  std::function<std::string(const std::string& k, const std::string& v)> write;
  CommitRefusalIsCertain commit_refusal_is_certain;
};

/// One table for all: a register's v is "5", a list's "5,6,", so that a read tells which it met.
inline constexpr const char* kCreateTable = "CREATE TABLE riven_kv (k BIGINT PRIMARY KEY, v TEXT NOT NULL)";

}  // namespace riven::sql
