// Talking to the kernel's nf_tables over netlink.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "harness/core/result.h"
#include "nemesis/agent/network/nft_batch.h"

struct nl_sock;
struct nl_msg;

namespace riven::agent {

/// Packets that the rules of one comment have matched.
struct NftCount {
  std::string comment;
  uint64_t packets = 0;
  uint64_t bytes = 0;
};

/// A netlink socket of the network namespace in which it was opened. Not thread-safe. Calls end within
/// seconds.
class NftSocket {
 public:
  static Result<std::unique_ptr<NftSocket>> open();
  ~NftSocket();
  /// All or nothing. `missing_is_fine`: deleting what is not there counts as done.
  Status commit(NftBatch& batch, bool missing_is_fine = false);
  /// Counters of a table's rules in order, summed by comment; empty when there is no such table.
  Result<std::vector<NftCount>> counts(const std::string& table);
  /// Names of the node's `inet` tables that begin with `prefix`, sorted.
  Result<std::vector<std::string>> tables(const std::string& prefix);

 private:
  explicit NftSocket(nl_sock* socket) : socket_(socket) {}
  template <typename Fn>
  Status dump(nl_msg* request, Fn&& each);
  Status to_kernel(const void* bytes, size_t size);
  Result<int> from_kernel(void* buffer, size_t size);  ///< the bytes received
  nl_sock* socket_;
  uint32_t seq_ = 1;
};

}  // namespace riven::agent
