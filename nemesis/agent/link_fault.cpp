#include "nemesis/agent/link_fault.h"

#include "harness/control/agent_message.h"
#include "harness/core/clock.h"
#include "nemesis/agent/link_emulator.h"
#include "nemesis/agent/packet_chains.h"
#include "nemesis/agent/rehearsal.h"

namespace riven::agent {
namespace {

constexpr uint32_t kMaxHeldPackets = 100'000;
constexpr uint32_t kWholePacket = 0xffff;
constexpr uint32_t kHeadersOnly = 64;
constexpr int kQueueTries = 32;

class LinkFault final : public Fault {
 public:
  LinkFault(std::unique_ptr<NftSocket> nft, std::string table, uint16_t queue, std::vector<PacketRule> rules,
            std::unique_ptr<LinkEmulator> emulator, const Context& context)
      : nft_(std::move(nft)),
        table_(std::move(table)),
        queue_(queue),
        rules_(std::move(rules)),
        emulator_(std::move(emulator)),
        context_(context) {}

  Json undo_record() const override { return {{"table", table_}}; }

  Result<Json> apply() override {
    NftBatch native = batch(true);
    bool is_native = true;
    Status done = nft_->commit(native);
    if (!done) {
      is_native = false;
      NftBatch compatible = batch(false);
      done = nft_->commit(compatible);
    }
    if (!done) return done.error();
    return Json{{"table", table_}, {"queue", queue_}, {"native", is_native}};
  }

  Json observe() override { return emulator_->counts(); }

 private:
  NftBatch batch(bool native) const {
    NftBatch made;
    made.add_table(table_);
    open_chain(made, table_, true, context_);
    NftBatch::Rule(made, table_, "in", "").mark(kEmulatorMark).accept();
    for (const PacketRule& rule : rules_) {
      NftBatch::Rule(made, table_, "in", peer_comment(rule.peer, rule.address))
          .address(rule.address, true)
          .counter()
          .queue(queue_, native);
    }
    return made;
  }

  std::unique_ptr<NftSocket> nft_;
  std::string table_;
  uint16_t queue_;
  std::vector<PacketRule> rules_;
  std::unique_ptr<LinkEmulator> emulator_;
  Context context_;
};

Result<std::unique_ptr<Fault>> make(const Context& context, const std::string& id, const Json& params) {
  Result<LinkOptions> options = link_options_from(params);
  if (!options) return options.error();
  Result<std::vector<PacketRule>> rules = packet_rules_from(params);
  if (!rules) return rules.error();
  if (rules->empty()) return Error{"a link fault needs peers"};
  Result<std::unique_ptr<NftSocket>> nft = NftSocket::open();
  if (!nft) return nft.error();
  const bool whole = options->corrupt > 0 || options->duplicate > 0;
  Rng rng(crc32c(id) + (uint64_t{crc32c(context.owner)} << 32));
  Error last{"no packet queue could be opened"};
  for (int i = 0; i < kQueueTries; ++i) {
    const auto number = static_cast<uint16_t>(1024 + rng.below(60'000));
    auto queue = PacketQueue::open(number, whole ? kWholePacket : kHeadersOnly, kMaxHeldPackets);
    if (!queue) {
      last = queue.error();
      continue;
    }
    auto emulator = std::make_unique<LinkEmulator>(std::move(*queue), *options, rng.next());
    return std::unique_ptr<Fault>(std::make_unique<LinkFault>(std::move(*nft), table_prefix(context) + id,
                                                              number, std::move(*rules), std::move(emulator),
                                                              context));
  }
  return last;
}

Result<Json> undo(const Context&, const Json& record) { return remove_recorded_table(record, "queued"); }

/// Delays what comes from a loopback address that nobody else uses.
Status probe(const Context& context) {
  constexpr int kSent = 3;
  constexpr int64_t kDelayUs = 20'000;
  PacketRule rule;
  rule.peer = "rehearsal";
  rule.address = kRehearsalPeer;
  Json params = to_json({rule});
  params["delay_us"] = kDelayUs;
  const auto takes_us = []() -> int64_t {
    const int64_t began_ns = monotonic_now_ns();
    if (loopback_arrivals(kRehearsalPeer, kSent) != kSent) return -1;
    return (monotonic_now_ns() - began_ns) / 1000;
  };
  const Status tried = rehearse(
      link_kind(), context, params,
      [&](const Json&) {
        return takes_us() >= kDelayUs ? ok_status() : Status(Error{"packets on a slow link were not late"});
      },
      [&] {
        return takes_us() >= 0 ? ok_status() : Status(Error{"packets are lost after a link was mended"});
      });
  if (tried) return tried;
  return Error{tried.error().message +
               " (needs CAP_NET_ADMIN and a kernel with nfnetlink_queue, and nft_queue or xt_NFQUEUE)"};
}

}  // namespace

FaultKind link_kind() { return {"link", make, undo, nullptr, probe}; }

}  // namespace riven::agent
