// A libpq connection with deadlines of our own.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "workloads/databases/sql/connection.h"

namespace riven::postgresql {

struct ConnectionOptions {
  std::string address;
  uint16_t port = 5432;
  std::string user;
  std::string password;
  std::string database;
};

/// Nothing is sent before ensure_connected().
std::unique_ptr<sql::Connection> make_connection(const ConnectionOptions& options);

/// Codes of a refused COMMIT after which nothing was committed: class 40 (40001 serialization failure, 40P01
/// deadlock), class 23 (constraints), class 25 (wrong transaction state), 53300. 57P01 and 57P02 (shutdown,
/// crash) are not certain.
bool commit_refusal_is_certain(const std::string& sqlstate);

}  // namespace riven::postgresql
