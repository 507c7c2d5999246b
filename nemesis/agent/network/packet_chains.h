// What all packet faults share: their tables' names, how each chain begins, how tables are counted and go.
#pragma once

#include <string>

#include "nemesis/agent/core/fault.h"
#include "nemesis/agent/network/nft_socket.h"

namespace riven::agent {

/// Tables of one owner all begin with this ('.' is in no owner's name).
std::string table_prefix(const Context& context);

/// Adds the chain "in" or "out" to `table`. First in it, before any rule of a fault: the controller's own
/// connection is accepted, so that no fault can cut it; and so is IPv6 neighbour discovery, which else would
/// leave a healed node unknown for seconds, by the kernel's own retry timer (ARP is not touched either).
void open_chain(NftBatch& batch, const std::string& table, bool in, const Context& context);

/// The comment by which a rule's counter is added to its peer's.
std::string peer_comment(const std::string& peer, const std::string& address);
/// {key: {peer: {packets, bytes}}} of all rules that have such a comment.
Result<Json> counts_by_peer(NftSocket& nft, const std::string& table, const std::string& key);

/// Removes the table and returns its last counts_by_peer; null when it was not there.
Result<Json> remove_table(NftSocket& nft, const std::string& table, const std::string& key);
/// The same for an undo record {table: name}; a name that is not Riven's is an error.
Result<Json> remove_recorded_table(const Json& record, const std::string& key);

}  // namespace riven::agent
