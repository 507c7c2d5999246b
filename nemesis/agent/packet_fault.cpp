#include "nemesis/agent/packet_fault.h"

#include <netinet/in.h>

#include "harness/control/agent_message.h"
#include "nemesis/agent/nft.h"
#include "nemesis/agent/packet_chains.h"

namespace riven::agent {
namespace {

using Direction = PacketRule::Direction;

const char* chain_of(Direction direction) { return direction == Direction::in ? "in" : "out"; }

/// One nf_tables rule for `rule`: only TCP or UDP with the port at one end, only TCP, or all but TCP.
void add_one(NftBatch& batch, const std::string& table, const PacketRule& rule, int only_protocol,
             int not_protocol, bool port_at_source) {
  NftBatch::Rule made(batch, table, chain_of(rule.direction), peer_comment(rule.peer, rule.address));
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
      open_chain(batch_, table_, direction == Direction::in, context);
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
    Result<Json> proof = counts_by_peer(*nft_, table_, "dropped");
    return proof ? *proof : Json{{"error", proof.error().message}};
  }

 private:
  std::unique_ptr<NftSocket> nft_;
  std::string table_;
  size_t rules_;
  NftBatch batch_;
};

Result<std::unique_ptr<Fault>> make(const Context& context, const std::string& id, const Json& params) {
  Result<std::vector<PacketRule>> rules = packet_rules_from(params);
  if (!rules) return rules.error();
  Result<std::unique_ptr<NftSocket>> nft = NftSocket::open();
  if (!nft) return nft.error();
  return std::unique_ptr<Fault>(
      std::make_unique<PacketFault>(std::move(*nft), table_prefix(context) + id, *rules, context));
}

Result<Json> undo(const Context&, const Json& record) { return remove_recorded_table(record, "dropped"); }

Result<Json> sweep(const Context& context) {
  Result<std::unique_ptr<NftSocket>> nft = NftSocket::open();
  if (!nft) return nft.error();
  Result<std::vector<std::string>> tables = (*nft)->tables(table_prefix(context));
  if (!tables) return tables.error();
  Json removed = Json::object();
  for (const std::string& table : *tables) {
    Result<Json> proof = remove_table(**nft, table, "dropped");
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
