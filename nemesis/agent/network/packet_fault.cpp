#include "nemesis/agent/network/packet_fault.h"

#include <netinet/in.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "harness/agent_protocol/packet_rule.h"
#include "harness/core/json_fields.h"
#include "nemesis/agent/core/self_test.h"
#include "nemesis/agent/network/nft_socket.h"
#include "nemesis/agent/network/packet_chains.h"

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

/// What a refusal of ours at the other end answers gets through: a node that refuses and dropped the others'
/// refusals would see silence.
void let_refusals_in(NftBatch& batch, const std::string& table, const PacketRule& rule) {
  constexpr uint8_t kUnreachable = 3, kUnreachable6 = 1;  // RFC 792, RFC 4443
  const char* const chain = chain_of(rule.direction);
  const bool in = rule.direction == Direction::in;
  NftBatch::Rule(batch, table, chain, "").address(rule.address, in).protocol(IPPROTO_TCP).resets().accept();
  const bool v6 = rule.address.find(':') != std::string::npos;
  NftBatch::Rule(batch, table, chain, "")
      .address(rule.address, in)
      .protocol(v6 ? uint8_t{IPPROTO_ICMPV6} : uint8_t{IPPROTO_ICMP})
      .icmp_type(v6 ? kUnreachable6 : kUnreachable)
      .accept();
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

constexpr int64_t kShortestFlapUs = 10'000, kLongestFlapUs = 3'600'000'000;

/// Disables and enables a table in turn, on a thread of its own.
class Flapping {
 public:
  /// The first turn, awake, has begun when this is called.
  void start(std::unique_ptr<NftSocket> nft, std::string table, std::chrono::microseconds turn) {
    nft_ = std::move(nft);
    thread_ = std::thread([this, table = std::move(table), turn] {
      auto next = std::chrono::steady_clock::now() + turn;
      std::unique_lock<std::mutex> lock(mutex_);
      for (bool dormant = true; !wake_.wait_until(lock, next, [this] { return over_; }); dormant = !dormant) {
        NftBatch batch;
        batch.set_dormant(table, dormant);
        if (nft_->commit(batch)) ++turns_;
        next += turn;
      }
    });
  }
  ~Flapping() { stop(); }
  void stop() {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      over_ = true;
    }
    wake_.notify_all();
    if (thread_.joinable()) thread_.join();
  }
  int64_t turns() const { return turns_; }

 private:
  std::unique_ptr<NftSocket> nft_;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool over_ = false;
  std::atomic<int64_t> turns_{0};
  std::thread thread_;
};

class PacketFault final : public Fault {
 public:
  /// `flaps`: the socket for it; null for a fault that stays as it is.
  PacketFault(std::unique_ptr<NftSocket> nft, std::string table, const std::vector<PacketRule>& rules,
              const Context& context, std::unique_ptr<NftSocket> flaps, std::chrono::microseconds turn)
      : nft_(std::move(nft)),
        table_(std::move(table)),
        rules_(rules.size()),
        flapping_socket_(std::move(flaps)),
        turn_(turn) {
    batch_.add_table(table_);
    for (const Direction direction : {Direction::in, Direction::out}) {
      bool used = false;
      for (const PacketRule& rule : rules) used = used || rule.direction == direction;
      if (!used) continue;
      open_chain(batch_, table_, direction == Direction::in, context);
      for (const PacketRule& rule : rules) {
        if (rule.direction == direction && rule.verdict == PacketRule::Verdict::reject)
          let_refusals_in(batch_, table_, rule);
      }
      for (const PacketRule& rule : rules) {
        if (rule.direction == direction) add_rule(batch_, table_, rule);
      }
    }
  }

  Json undo_record() const override { return {{"table", table_}}; }
  Result<Json> apply() override {
    if (Status done = nft_->commit(batch_); !done) return done.error();
    if (flapping_socket_) flapping_.start(std::move(flapping_socket_), table_, turn_);
    return Json{{"table", table_}, {"rules", rules_}};
  }
  Json observe() override {
    Result<Json> proof = counts_by_peer(*nft_, table_, "dropped");
    if (!proof) return {{"error", proof.error().message}};
    if (turn_.count() > 0) (*proof)["turns"] = flapping_.turns();
    return *proof;
  }
  void retire() override { flapping_.stop(); }

 private:
  std::unique_ptr<NftSocket> nft_;
  std::string table_;
  size_t rules_;
  NftBatch batch_;
  std::unique_ptr<NftSocket> flapping_socket_;
  std::chrono::microseconds turn_;
  Flapping flapping_;
};

Result<std::unique_ptr<Fault>> make(const Context& context, const std::string& id, const Json& params) {
  Result<std::vector<PacketRule>> rules = packet_rules_from(params);
  if (!rules) return rules.error();
  const int64_t turn_us = integer_of(params, "flap_us");
  if (turn_us != 0 && (turn_us < kShortestFlapUs || turn_us > kLongestFlapUs))
    return Error{"flapping takes turns of 10 ms to an hour"};
  Result<std::unique_ptr<NftSocket>> nft = NftSocket::open();
  if (!nft) return nft.error();
  std::unique_ptr<NftSocket> flaps;
  if (turn_us != 0) {
    Result<std::unique_ptr<NftSocket>> second = NftSocket::open();
    if (!second) return second.error();
    flaps = std::move(*second);
  }
  return std::unique_ptr<Fault>(std::make_unique<PacketFault>(std::move(*nft), table_prefix(context) + id,
                                                              *rules, context, std::move(flaps),
                                                              std::chrono::microseconds(turn_us)));
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

/// Drops what comes from a loopback address that nobody else uses; and every sort of rule is made once.
Status probe(const Context& context) {
  constexpr int kSent = 3;
  const PacketRule rule{"self-test", kSelfTestPeer, Direction::in, PacketRule::Verdict::drop, 0, 1'000'000};
  const PacketRule reject{"probe", "198.18.0.255", Direction::in, PacketRule::Verdict::reject, 0, 500'000};
  const PacketRule rule6{"probe", "2001:db8::1", Direction::out, PacketRule::Verdict::drop, 1, 500'000};
  if (loopback_arrivals(kSelfTestPeer, kSent) != kSent) return Error{"the loopback interface is down"};
  const Status tried = self_test(
      packet_kind(), context, to_json({rule, reject, rule6}),
      [](const Json&) {
        return loopback_arrivals(kSelfTestPeer, kSent) == 0 ? ok_status()
                                                            : Status(Error{"packets came through a cut"});
      },
      [] {
        return loopback_arrivals(kSelfTestPeer, kSent) == kSent
                   ? ok_status()
                   : Status(Error{"packets do not come through after a cut was undone"});
      });
  if (tried) return tried;
  return Error{tried.error().message +
               " (needs CAP_NET_ADMIN and a kernel with nf_tables inet, numgen, reject)"};
}

}  // namespace

FaultKind packet_kind() { return {"packets", make, undo, sweep, probe}; }

}  // namespace riven::agent
