#include "nemesis/agent/network/link_fault.h"

#include "harness/agent_protocol/agent_message.h"
#include "harness/agent_protocol/packet_rule.h"
#include "harness/core/clock.h"
#include "harness/core/json_fields.h"
#include "nemesis/agent/core/self_test.h"
#include "nemesis/agent/network/ifb_redirect.h"
#include "nemesis/agent/network/link_emulator.h"
#include "nemesis/agent/network/netem.h"
#include "nemesis/agent/network/packet_chains.h"

namespace riven::agent {
namespace {

constexpr uint32_t kMaxHeldPackets = 100'000;
constexpr uint32_t kWholePacket = 0xffff;
constexpr uint32_t kHeadersOnly = 64;
constexpr int kQueueTries = 32;

/// Whether nf_tables itself can queue, without xt_NFQUEUE. Tried once, on packets that nobody sends: a kernel
/// that cannot looks for a module first, which takes too long in the moment when a fault begins.
bool queues_natively(NftSocket& nft, const std::string& table, uint16_t queue) {
  static const bool kNative = [&] {
    NftBatch tried;
    tried.add_table(table);
    tried.add_chain(table, "in", NftBatch::Hook::input);
    NftBatch::Rule(tried, table, "in", "").address(kSelfTestPeer, true).queue(queue, true);
    return bool(nft.commit(tried)) && bool(remove_table(nft, table, "queued"));
  }();
  return kNative;
}

class EmulatedLink final : public Fault {
 public:
  EmulatedLink(std::unique_ptr<NftSocket> nft, std::string table, uint16_t queue,
               std::vector<PacketRule> rules, std::unique_ptr<LinkEmulator> emulator, const Context& context)
      : nft_(std::move(nft)),
        table_(std::move(table)),
        queue_(queue),
        rules_(std::move(rules)),
        emulator_(std::move(emulator)),
        context_(context) {}

  Json undo_record() const override { return {{"table", table_}}; }

  Status arm() override {
    native_ = queues_natively(*nft_, table_, queue_);
    return ok_status();
  }

  Result<Json> apply() override {
    NftBatch made = batch();
    if (Status done = nft_->commit(made); !done) return done.error();
    return Json{{"table", table_}, {"queue", queue_}, {"native", native_}};
  }

  Json observe() override {
    Json counts = emulator_->counts();
    counts["by"] = "emulator";
    return counts;
  }

 private:
  NftBatch batch() const {
    NftBatch made;
    made.add_table(table_);
    open_chain(made, table_, true, context_);
    NftBatch::Rule(made, table_, "in", "").mark(kEmulatorMark).accept();
    for (const PacketRule& rule : rules_) {
      NftBatch::Rule(made, table_, "in", peer_comment(rule.peer, rule.address))
          .address(rule.address, true)
          .counter()
          .queue(queue_, native_);
    }
    return made;
  }

  std::unique_ptr<NftSocket> nft_;
  std::string table_;
  uint16_t queue_;
  std::vector<PacketRule> rules_;
  std::unique_ptr<LinkEmulator> emulator_;
  Context context_;
  bool native_ = false;
};

/// The same by the kernel, on a way round that the packets take.
class NetemLink final : public Fault {
 public:
  NetemLink(std::unique_ptr<IfbRedirect> redirect, NetemPlan plan)
      : redirect_(std::move(redirect)), plan_(std::move(plan)) {}

  Json undo_record() const override { return redirect_->record(); }
  Status arm() override {
    if (Status made = redirect_->make(); !made) return made;
    if (Status added = add_netem(redirect_->socket(), redirect_->device(), plan_); !added) return added;
    return redirect_->arm();
  }
  Result<Json> apply() override {
    if (Status done = redirect_->apply(); !done) return done.error();
    Json told = redirect_->record();
    told["by"] = "netem";
    return told;
  }
  Json observe() override {
    // In this order: what comes in between is not taken for a double.
    const Result<NetemCounts> counts = netem_counts(redirect_->socket(), redirect_->device());
    if (!counts) return {{"error", counts.error().message}};
    const Result<uint64_t> packets = redirect_->packets();
    if (!packets) return {{"error", packets.error().message}};
    const uint64_t went = counts->sent + counts->waiting;
    const bool is_late = plan_.delay_us > 0 || plan_.jitter_us > 0;
    const uint64_t doubled = plan_.duplicate > 0 && went > *packets ? went - *packets : 0;
    return {{"by", "netem"},
            {"packets", *packets},
            {"lost", counts->dropped},
            {"duplicated", doubled},
            {"corrupted", 0},
            {"delayed", is_late && went > counts->reordered ? went - counts->reordered : 0}};
  }

 private:
  std::unique_ptr<IfbRedirect> redirect_;
  NetemPlan plan_;
};

/// Tried once: what a kernel can do does not change.
const Status& netem_works(const Context& context) {
  static const Status kWorks = try_netem(context);
  return kWorks;
}

Result<std::unique_ptr<Fault>> make_netem(const Context& context, const std::string& id,
                                          const LinkOptions& options, const std::vector<PacketRule>& rules) {
  Result<NetemPlan> plan = netem_plan(options);
  if (!plan) return plan.error();
  if (const Status& works = netem_works(context); !works) return works.error();
  Result<std::unique_ptr<IfbRedirect>> redirect = IfbRedirect::plan(context, id, rules);
  if (!redirect) return redirect.error();
  return std::unique_ptr<Fault>(std::make_unique<NetemLink>(std::move(*redirect), std::move(*plan)));
}

Result<std::unique_ptr<Fault>> make_emulated(const Context& context, const std::string& id,
                                             const LinkOptions& options,
                                             const std::vector<PacketRule>& rules) {
  Result<std::unique_ptr<NftSocket>> nft = NftSocket::open();
  if (!nft) return nft.error();
  const bool whole = options.corrupt > 0 || options.duplicate > 0;
  Rng rng(crc32c(id) + (uint64_t{crc32c(context.owner)} << 32));
  Error last{"no packet queue could be opened"};
  for (int i = 0; i < kQueueTries; ++i) {
    const auto number = static_cast<uint16_t>(1024 + rng.below(60'000));
    auto queue = PacketQueue::open(number, whole ? kWholePacket : kHeadersOnly, kMaxHeldPackets);
    if (!queue) {
      last = queue.error();
      continue;
    }
    auto emulator = std::make_unique<LinkEmulator>(std::move(*queue), options, rng.next());
    return std::unique_ptr<Fault>(std::make_unique<EmulatedLink>(
        std::move(*nft), table_prefix(context) + id, number, rules, std::move(emulator), context));
  }
  return last;
}

Result<std::unique_ptr<Fault>> make(const Context& context, const std::string& id, const Json& params) {
  Result<LinkOptions> options = link_options_from(params);
  if (!options) return options.error();
  Result<std::vector<PacketRule>> rules = packet_rules_from(params);
  if (!rules) return rules.error();
  if (rules->empty()) return Error{"a link fault needs peers"};
  const std::string by = text_of(params, "by", "auto");
  if (by == "emulator") return make_emulated(context, id, *options, *rules);
  if (by != "netem" && by != "auto") return Error{"by must be auto, netem or emulator, not " + by};
  Result<std::unique_ptr<Fault>> made = make_netem(context, id, *options, *rules);
  return made || by == "netem" ? std::move(made) : make_emulated(context, id, *options, *rules);
}

Result<Json> undo(const Context&, const Json& record) {
  if (!record.contains("device")) return remove_recorded_table(record, "queued");
  if (Status undone = IfbRedirect::undo(record); !undone) return undone.error();
  return Json();
}

Result<Json> sweep(const Context& context) {
  Result<std::vector<std::string>> swept = IfbRedirect::sweep(context);
  if (!swept) return swept.error();
  Json removed = Json::object();
  for (const std::string& device : *swept) removed[device] = Json::object();
  return removed;
}

/// Delays what comes from a loopback address that nobody else uses.
Status probe(const Context& context) {
  constexpr int kSent = 3;
  constexpr int64_t kDelayUs = 20'000;
  PacketRule rule;
  rule.peer = "self-test";
  rule.address = kSelfTestPeer;
  Json params = to_json({rule});
  params["delay_us"] = kDelayUs;
  params["by"] = "emulator";  // netem is tried without packets, away from every real device
  const auto takes_us = []() -> int64_t {
    const int64_t began_ns = monotonic_now_ns();
    if (loopback_arrivals(kSelfTestPeer, kSent) != kSent) return -1;
    return (monotonic_now_ns() - began_ns) / 1000;
  };
  const Status tried = self_test(
      link_kind(), context, params,
      [&](const Json&) {
        return takes_us() >= kDelayUs ? ok_status() : Status(Error{"packets on a slow link were not late"});
      },
      [&] {
        return takes_us() >= 0 ? ok_status() : Status(Error{"packets are lost after a link was restored"});
      });
  if (tried || netem_works(context)) return ok_status();
  return Error{tried.error().message +
               " (needs CAP_NET_ADMIN and a kernel with nfnetlink_queue, and nft_queue or xt_NFQUEUE)"};
}

/// What `by=auto` takes for most options.
std::string means(const Context& context) {
  const Status& works = netem_works(context);
  return works ? "netem" : "Riven's emulator (" + works.error().message + ")";
}

}  // namespace

FaultKind link_kind() { return {"link", make, undo, sweep, probe, means}; }

}  // namespace riven::agent
