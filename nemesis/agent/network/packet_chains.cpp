#include "nemesis/agent/network/packet_chains.h"

#include <netinet/icmp6.h>
#include <netinet/in.h>

#include "harness/core/json_fields.h"

namespace riven::agent {

std::string table_prefix(const Context& context) { return "riven-" + context.owner + "."; }

void open_chain(NftBatch& batch, const std::string& table, bool in, const Context& context) {
  const std::string chain = in ? "in" : "out";
  batch.add_chain(table, chain, in ? NftBatch::Hook::input : NftBatch::Hook::output);
  if (context.control_port != 0) {
    for (const std::string& address : context.control_addresses) {
      NftBatch::Rule(batch, table, chain, "")
          .address(address, in)
          .protocol(IPPROTO_TCP)
          .port(context.control_port, !in)
          .accept();
    }
  }
  for (const int type : {ND_NEIGHBOR_SOLICIT, ND_NEIGHBOR_ADVERT}) {
    NftBatch::Rule(batch, table, chain, "")
        .protocol(IPPROTO_ICMPV6)
        .icmp_type(static_cast<uint8_t>(type))
        .accept();
  }
}

std::string peer_comment(const std::string& peer, const std::string& address) { return peer + "|" + address; }

Result<Json> counts_by_peer(NftSocket& nft, const std::string& table, const std::string& key) {
  Result<std::vector<NftCount>> counts = nft.counts(table);
  if (!counts) return counts.error();
  Json peers = Json::object();
  for (const NftCount& count : *counts) {
    const std::string peer = count.comment.substr(0, count.comment.rfind('|'));
    Json& entry = peers[peer];
    if (entry.is_null()) entry = {{"packets", 0}, {"bytes", 0}};
    entry["packets"] = entry["packets"].get<uint64_t>() + count.packets;
    entry["bytes"] = entry["bytes"].get<uint64_t>() + count.bytes;
  }
  return Json{{key, std::move(peers)}};
}

Result<Json> remove_table(NftSocket& nft, const std::string& table, const std::string& key) {
  Result<Json> proof = counts_by_peer(nft, table, key);
  NftBatch batch;
  batch.delete_table(table);
  if (Status done = nft.commit(batch, true); !done) return done.error();
  return proof ? *proof : Json();
}

Result<Json> remove_recorded_table(const Json& record, const std::string& key) {
  const std::string table = text_of(record, "table");
  if (table.rfind("riven-", 0) != 0) return Error{"the ledger names a table that is not Riven's: " + table};
  Result<std::unique_ptr<NftSocket>> nft = NftSocket::open();
  if (!nft) return nft.error();
  return remove_table(**nft, table, key);
}

}  // namespace riven::agent
