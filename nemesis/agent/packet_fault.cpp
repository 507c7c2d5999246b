#include "nemesis/agent/packet_fault.h"

#include <netinet/icmp6.h>
#include <netinet/in.h>

#include "harness/control/agent_message.h"
#include "nemesis/agent/nft.h"

namespace riven::agent {
namespace {

using Direction = PacketRule::Direction;

const char* chain_of(Direction direction) { return direction == Direction::in ? "in" : "out"; }

/// The controller's connection first: no later rule can cut it.
void accept_control(NftBatch& batch, const std::string& table, Direction direction, const Context& context) {
  if (context.control_port == 0) return;
  const bool in = direction == Direction::in;
  for (const std::string& address : context.control_addresses) {
    NftBatch::Rule(batch, table, chain_of(direction), "")
        .address(address, in)
        .protocol(IPPROTO_TCP)
        .port(context.control_port, !in)
        .accept();
  }
}

/// IPv6 finds its neighbours over IPv6 itself. They are left to find each other, as ARP is for IPv4: else
/// a healed node would stay unknown for seconds, by the kernel's own retry timer.
void accept_neighbours(NftBatch& batch, const std::string& table, Direction direction) {
  for (const int type : {ND_NEIGHBOR_SOLICIT, ND_NEIGHBOR_ADVERT}) {
    NftBatch::Rule(batch, table, chain_of(direction), "")
        .protocol(IPPROTO_ICMPV6)
        .icmp_type(static_cast<uint8_t>(type))
        .accept();
  }
}

/// One nf_tables rule for `rule`: only TCP or UDP with the port at one end, only TCP, or all but TCP.
void add_one(NftBatch& batch, const std::string& table, const PacketRule& rule, int only_protocol,
             int not_protocol, bool port_at_source) {
  NftBatch::Rule made(batch, table, chain_of(rule.direction), rule.peer + "|" + rule.address);
  made.address(rule.address, rule.direction == Direction::in);
  if (only_protocol != 0) made.protocol(static_cast<uint8_t>(only_protocol));
  if (not_protocol != 0) made.protocol(static_cast<uint8_t>(not_protocol), false);
  if (rule.port != 0) made.port(rule.port, port_at_source);
  if (rule.per_million < 1'000'000) made.chance(rule.per_million);
  made.counter();
  if (rule.verdict == PacketRule::Verdict::drop) {
    made.drop();
  } else if (only_protocol == IPPROTO_TCP) {
    made.reset();
  } else {
    made.unreachable();
  }
}

void add_rule(NftBatch& batch, const std::string& table, const PacketRule& rule) {
  if (rule.port != 0) {
    for (const int protocol : {IPPROTO_TCP, IPPROTO_UDP}) {
      for (const bool source : {false, true}) add_one(batch, table, rule, protocol, 0, source);
    }
  } else if (rule.verdict == PacketRule::Verdict::reject) {
    add_one(batch, table, rule, IPPROTO_TCP, 0, false);
    add_one(batch, table, rule, 0, IPPROTO_TCP, false);
  } else {
    add_one(batch, table, rule, 0, 0, false);
  }
}

Result<Json> proof_of(NftSocket& nft, const std::string& table) {
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
  return Json{{"dropped", std::move(peers)}};
}

class PacketFault final : public Fault {
 public:
  PacketFault(std::unique_ptr<NftSocket> nft, std::string table, const std::vector<PacketRule>& rules,
              const Context& context)
      : nft_(std::move(nft)), table_(std::move(table)), rules_(rules.size()) {
    batch_.add_table(table_);
    for (const Direction direction : {Direction::in, Direction::out}) {
      bool used = false;
      for (const PacketRule& rule : rules) used = used || rule.direction == direction;
      if (!used) continue;
      batch_.add_chain(table_, chain_of(direction),
                       direction == Direction::in ? NftBatch::Hook::input : NftBatch::Hook::output);
      accept_control(batch_, table_, direction, context);
      accept_neighbours(batch_, table_, direction);
      for (const PacketRule& rule : rules) {
        if (rule.direction == direction) add_rule(batch_, table_, rule);
      }
    }
  }

  Json undo_record() const override { return {{"table", table_}}; }
  Result<Json> apply() override {
    if (Status done = nft_->commit(batch_); !done) return done.error();
    return Json{{"table", table_}, {"rules", rules_}};
  }
  Json observe() override {
    Result<Json> proof = proof_of(*nft_, table_);
    return proof ? *proof : Json{{"error", proof.error().message}};
  }

 private:
  std::unique_ptr<NftSocket> nft_;
  std::string table_;
  size_t rules_;
  NftBatch batch_;
};

std::string prefix_of(const Context& context) { return "riven-" + context.owner + "."; }

Result<std::unique_ptr<Fault>> make(const Context& context, const std::string& id, const Json& params) {
  Result<std::vector<PacketRule>> rules = packet_rules_from(params);
  if (!rules) return rules.error();
  Result<std::unique_ptr<NftSocket>> nft = NftSocket::open();
  if (!nft) return nft.error();
  return std::unique_ptr<Fault>(
      std::make_unique<PacketFault>(std::move(*nft), prefix_of(context) + id, *rules, context));
}

Result<Json> remove_table(NftSocket& nft, const std::string& table) {
  Result<Json> proof = proof_of(nft, table);
  NftBatch batch;
  batch.delete_table(table);
  if (Status done = nft.commit(batch, true); !done) return done.error();
  return proof ? *proof : Json();
}

Result<Json> undo(const Context&, const Json& record) {
  const std::string table = text_of(record, "table");
  if (table.rfind("riven-", 0) != 0) return Error{"the ledger names a table that is not Riven's: " + table};
  Result<std::unique_ptr<NftSocket>> nft = NftSocket::open();
  if (!nft) return nft.error();
  return remove_table(**nft, table);
}

Result<Json> sweep(const Context& context) {
  Result<std::unique_ptr<NftSocket>> nft = NftSocket::open();
  if (!nft) return nft.error();
  Result<std::vector<std::string>> tables = (*nft)->tables(prefix_of(context));
  if (!tables) return tables.error();
  Json removed = Json::object();
  for (const std::string& table : *tables) {
    Result<Json> proof = remove_table(**nft, table);
    if (!proof) return proof.error();
    removed[table] = std::move(*proof);
  }
  return removed;
}

/// Makes a whole rule set for nobody and takes it away again.
Status probe(const Context& context) {
  PacketRule rule{"probe", "198.18.0.255", Direction::in, PacketRule::Verdict::reject, 0, 500'000};
  PacketRule rule6{"probe", "2001:db8::1", Direction::out, PacketRule::Verdict::drop, 1, 500'000};
  Context quiet = context;
  quiet.owner = "probe-" + context.owner.substr(0, 40);
  Result<std::unique_ptr<Fault>> fault = make(quiet, "p", to_json({rule, rule6}));
  if (!fault) return fault.error();
  const Result<Json> applied = (*fault)->apply();
  const Result<Json> undone = undo(quiet, (*fault)->undo_record());
  if (!applied) {
    return Error{applied.error().message +
                 " (needs CAP_NET_ADMIN and a kernel with nf_tables inet, numgen, reject)"};
  }
  if (!undone) return undone.error();
  return ok_status();
}

}  // namespace

FaultKind packet_kind() { return {"packets", make, undo, sweep, probe}; }

}  // namespace riven::agent
