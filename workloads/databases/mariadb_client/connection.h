// A MariaDB Connector/C connection with deadlines of our own (its non-blocking interface).
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "workloads/databases/sql/connection.h"

namespace riven::mariadb {

struct ConnectionOptions {
  std::string address;
  uint16_t port = 3306;
  std::string user;
  std::string password;
  std::string database;
  std::vector<std::string> session_settings;  ///< statements to run after connecting
};

/// Nothing is sent before ensure_connected().
std::unique_ptr<sql::Connection> make_connection(const ConnectionOptions& options);

/// Errors of a refused COMMIT after which nothing was committed: 1213 (deadlock or certification failure),
/// 1205 (lock wait time-out; the caller rolls back), 1020 (record changed since the snapshot), 1047 (node not
/// ready), 1062 (duplicate key). 1180 (error during commit) and 1317 (interrupted) are not certain.
bool commit_refusal_is_certain(const std::string& code);

}  // namespace riven::mariadb
