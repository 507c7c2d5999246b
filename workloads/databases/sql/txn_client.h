// Transactions of micro-operations on an SQL server.
#pragma once

#include <memory>

#include "harness/api/client.h"
#include "workloads/databases/sql/connection.h"

namespace riven::sql {

/// Function txn: micro-operations [:append k v] and [:r k nil] on lists, [:w k v] and [:r k nil] on
/// registers. A key that nobody wrote reads as nil. Keys and values are integers.
///
/// Outcomes: what went wrong before COMMIT was sent certainly did not happen (the server rolls back); a
/// COMMIT that the server refused is certain by the dialect's codes; a COMMIT without an answer is unknown,
/// and so is one that the server answered with doubt.
std::unique_ptr<Client> make_txn_client(std::unique_ptr<Connection> connection, Dialect dialect);

}  // namespace riven::sql
