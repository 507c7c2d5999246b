// Clients of etcd for the workloads register, mutex and append.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "harness/api/client.h"

namespace riven::etcd {

struct ClientOptions {
  std::string address;
  uint16_t port = 2379;
  std::string prefix = "/v3";
  bool serializable_reads =
      false;  ///< reads answered by the node's own state, without asking the leader: may be stale
  int64_t lock_ttl_s = 10;  ///< of the lease behind a lock
};

/// Functions: read [k nil] -> [k v]; write [k v]; cas [k [from to]] (fail without an error: the value was
/// another); acquire, release [k nil]
/// (etcd's lock API; a client holds one lock at a time); txn (micro-operations :r and
/// :append, all or nothing by comparing the revisions of all keys read).
std::unique_ptr<Client> make_client(const ClientOptions& options);

}  // namespace riven::etcd
