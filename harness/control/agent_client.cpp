#include "harness/control/agent_client.h"

#include <algorithm>
#include <array>
#include <condition_variable>
#include <map>
#include <mutex>
#include <thread>

#include "harness/control/byte_stream.h"
#include "harness/core/boot_id.h"
#include "harness/core/clock.h"
#include "harness/core/json_fields.h"

namespace riven {
namespace {

constexpr int kHandshakePings = 8;
constexpr size_t kKeptSamples = 16;
/// The first request waits for an earlier agent of this owner to heal and end.
constexpr Milliseconds kHelloDeadline{30'000};

std::vector<FaultProof> proofs_of(const Json& body, const char* key) {
  std::vector<FaultProof> proofs;
  for (const Json& item : array_of(body, key)) {
    Json proof = item.contains("proof") ? item["proof"] : Json();
    if (const std::string why = text_of(item, "why"); !why.empty() && proof.is_object()) proof["why"] = why;
    proofs.push_back({text_of(item, "id"), text_of(item, "kind"), std::move(proof)});
  }
  return proofs;
}

class StreamAgentClient final : public AgentClient {
 public:
  StreamAgentClient(AgentLauncher launcher, AgentOptions options)
      : launcher_(std::move(launcher)), options_(std::move(options)) {}

  ~StreamAgentClient() override {
    {
      const std::lock_guard<std::mutex> lock(stop_mutex_);
      stopping_ = true;
    }
    stop_.notify_all();
    if (renewer_.joinable()) renewer_.join();
    const std::lock_guard<std::mutex> lock(mutex_);
    if (stream_ != nullptr) (void)exchange("quit", Json::object(), options_.deadline);
  }

  Status open() {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      if (Status connected = connect(); !connected) return connected;
    }
    renewer_ = std::thread([this] { renew_until_stopped(); });
    return ok_status();
  }

  Result<std::vector<std::string>> prepare(const std::vector<FaultSpec>& faults) override {
    Json list = Json::array();
    for (const FaultSpec& fault : faults) list.push_back({{"kind", fault.kind}, {"params", fault.params}});
    Result<Json> body = call("prepare", {{"faults", std::move(list)}}, options_.deadline);
    if (!body) return body.error();
    std::vector<std::string> ids = texts_of(*body, "ids");
    if (ids.size() != faults.size()) return Error{"the agent staged another number of faults than asked"};
    return ids;
  }

  Result<FaultAck> commit(const std::vector<std::string>& ids, int64_t at_ns) override {
    int64_t there_ns = 0;
    if (at_ns > 0) {
      const std::lock_guard<std::mutex> lock(mutex_);
      there_ns = at_ns + offset_ns();
    }
    Result<Json> body = call("commit", {{"ids", ids}, {"at_ns", there_ns}}, options_.deadline);
    if (!body) return body.error();
    FaultAck ack;
    ack.ids = ids;
    ack.first_ns = integer_of(*body, "first_ns");
    ack.last_ns = integer_of(*body, "last_ns");
    if (body->contains("details")) ack.details = (*body)["details"];
    return ack;
  }

  Result<std::vector<FaultProof>> observe() override {
    Result<Json> body = call("observe", Json::object(), options_.deadline);
    if (!body) return body.error();
    return proofs_of(*body, "faults");
  }

  Result<HealAck> heal(const std::vector<std::string>& ids) override {
    Result<HealAck> ack = heal_by("heal", {{"ids", ids}}, options_.deadline);
    if (!ack) return ack;
    // The next agent undid what a lost one had left, and its proof was read then.
    const std::lock_guard<std::mutex> lock(mutex_);
    for (const std::string& id : ids) {
      const bool told = std::any_of(ack->healed.begin(), ack->healed.end(),
                                    [&](const FaultProof& proof) { return proof.id == id; });
      if (const auto found = repaired_.find(id); !told && found != repaired_.end()) {
        ack->healed.push_back(found->second);
      }
    }
    return ack;
  }

  Result<HealAck> heal_all(bool everyone) override {
    return heal_by("heal_all", {{"everyone", everyone}}, everyone ? kHelloDeadline : options_.deadline);
  }

  Result<AgentProbe> probe() override {
    Result<Json> body = call("probe", Json::object(), kHelloDeadline);
    if (!body) return body.error();
    AgentProbe probe;
    probe.boot_id = text_of(*body, "boot_id");
    probe.shares_kernel = !probe.boot_id.empty() && probe.boot_id == boot_id();
    for (const Json& item : array_of(*body, "abilities")) {
      probe.abilities.push_back({text_of(item, "kind"), flag_of(item, "works"), text_of(item, "why_not")});
    }
    if (body->contains("facts")) probe.facts = (*body)["facts"];
    return probe;
  }

  Status ping() override {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (Status connected = connect(); !connected) return connected;
    return measure(options_.deadline);
  }

  int64_t round_trip_ns() const override {
    const std::lock_guard<std::mutex> lock(mutex_);
    return shortest_ns_;
  }

  std::vector<FaultProof> repaired() const override {
    const std::lock_guard<std::mutex> lock(mutex_);
    std::vector<FaultProof> proofs;
    for (const auto& [id, proof] : repaired_) proofs.push_back(proof);
    return proofs;
  }

 private:
  struct Sample {
    int64_t round_trip_ns;
    int64_t offset_ns;
  };

  Result<Json> call(const char* name, Json body, Milliseconds deadline) {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (Status connected = connect(); !connected) return connected.error();
    return exchange(name, std::move(body), deadline);
  }

  Result<HealAck> heal_by(const char* name, Json body, Milliseconds deadline) {
    Result<Json> reply = call(name, std::move(body), deadline);
    if (!reply) return reply.error();
    HealAck ack;
    ack.healed = proofs_of(*reply, "healed");
    ack.first_ns = integer_of(*reply, "first_ns");
    ack.last_ns = integer_of(*reply, "last_ns");
    return ack;
  }

  /// Starts the agent if none answers. With mutex_ held, like all below.
  Status connect() {
    if (stream_ != nullptr) return ok_status();
    Result<std::unique_ptr<ByteStream>> stream = launcher_();
    if (!stream) return stream.error();
    stream_ = std::move(*stream);
    reader_ = FrameReader();
    samples_.clear();
    Result<Json> hello = exchange("hello", Json::object(), kHelloDeadline);
    if (!hello) return hello.error();
    if (integer_of(*hello, "version") != kAgentProtocolVersion) {
      return lose("the agent speaks another version of the protocol");
    }
    same_kernel_ = text_of(*hello, "boot_id") == boot_id();
    for (FaultProof& proof : proofs_of(*hello, "repaired")) repaired_[proof.id] = std::move(proof);
    for (int i = 0; i < kHandshakePings; ++i) {
      if (Status measured = measure(options_.deadline); !measured) return measured;
    }
    return ok_status();
  }

  Status measure(Milliseconds deadline) {
    const int64_t sent_ns = monotonic_now_ns();
    Result<Json> pong = exchange("ping", Json::object(), deadline);
    if (!pong) return pong.error();
    const int64_t round_trip_ns = monotonic_now_ns() - sent_ns;
    samples_.push_back({round_trip_ns, integer_of(*pong, "mono_ns") - (sent_ns + round_trip_ns / 2)});
    if (samples_.size() > kKeptSamples) samples_.erase(samples_.begin());
    if (shortest_ns_ == 0 || round_trip_ns < shortest_ns_) shortest_ns_ = round_trip_ns;
    return ok_status();
  }

  /// Agent's clock minus ours, as the quickest of the last pings saw it; on one kernel with one clock
  /// (no time namespace between) the estimate is only noise around 0.
  int64_t offset_ns() const {
    if (samples_.empty()) return 0;
    const Sample best =
        *std::min_element(samples_.begin(), samples_.end(),
                          [](const Sample& a, const Sample& b) { return a.round_trip_ns < b.round_trip_ns; });
    if (same_kernel_ && std::abs(best.offset_ns) <= best.round_trip_ns) return 0;
    return best.offset_ns;
  }

  Error lose(const std::string& why) {
    Error error{why};
    if (stream_ != nullptr) {
      if (const std::string said = stream_->error_output(); !said.empty()) error.message += " (" + said + ")";
      while (!error.message.empty() && error.message.back() == '\n') error.message.pop_back();
      stream_->close();
      stream_.reset();
    }
    return error;
  }

  /// One request and its reply. Whatever breaks the order of the stream, a time-out too, loses the agent:
  /// it sees its input end, heals, and the next call starts another.
  Result<Json> exchange(const char* name, Json body, Milliseconds deadline) {
    AgentRequest request;
    request.seq = ++seq_;
    request.name = name;
    request.body = std::move(body);
    const std::string text = encode(request);
    if (text.size() > kAgentMaxPayloadBytes) return Error{std::string(name) + ": too many faults at once"};
    const int64_t until = monotonic_now_ns() + deadline.count() * kNanosPerMilli;
    if (auto sent = stream_->write(encode_frame(text), deadline); !sent) {
      return lose("agent: " + sent.error().message);
    }
    while (true) {
      while (auto payload = reader_.next()) {
        if (!*payload) continue;  // a login banner, or garbage that costs the reply: then the deadline speaks
        Result<AgentReply> reply = parse_reply(**payload);
        if (!reply || reply->seq != request.seq) continue;
        if (!reply->error.empty()) return Error{reply->error};
        return std::move(reply->body);
      }
      const int64_t left_ms = (until - monotonic_now_ns()) / kNanosPerMilli;
      if (left_ms <= 0) return lose(std::string("agent: no answer to ") + name);
      std::array<char, 16384> buffer;
      auto got = stream_->read(buffer.data(), buffer.size(), Milliseconds(left_ms));
      if (!got) return lose("agent: " + got.error().message);
      if (*got == 0) return lose("agent: it ended (" + stream_->end() + ")");
      reader_.feed(std::string_view(buffer.data(), *got));
    }
  }

  void renew_until_stopped() {
    const auto period = options_.lease / 3;
    std::unique_lock<std::mutex> lock(stop_mutex_);
    while (!stop_.wait_for(lock, period, [this] { return stopping_; })) {
      lock.unlock();
      {
        const std::lock_guard<std::mutex> io(mutex_);
        // An error is told to whoever asks next; here the next round tries again.
        if (connect()) (void)measure(std::max(period, Milliseconds(1000)));
      }
      lock.lock();
    }
  }

  const AgentLauncher launcher_;
  const AgentOptions options_;
  mutable std::mutex mutex_;
  std::unique_ptr<ByteStream> stream_;
  FrameReader reader_;
  uint64_t seq_ = 0;
  std::vector<Sample> samples_;
  int64_t shortest_ns_ = 0;
  bool same_kernel_ = false;
  std::map<std::string, FaultProof> repaired_;
  std::mutex stop_mutex_;
  std::condition_variable stop_;
  bool stopping_ = false;
  std::thread renewer_;
};

}  // namespace

Result<std::unique_ptr<AgentClient>> AgentClient::start(AgentLauncher launcher, const AgentOptions& options) {
  if (!is_agent_name(options.owner)) return Error{"'" + options.owner + "' cannot be an agent's owner"};
  auto client = std::make_unique<StreamAgentClient>(std::move(launcher), options);
  if (Status opened = client->open(); !opened) return opened.error();
  return std::unique_ptr<AgentClient>(std::move(client));
}

Result<FaultAck> AgentClient::apply(const FaultSpec& fault) {
  Result<std::vector<std::string>> ids = prepare({fault});
  if (!ids) return ids.error();
  return commit(*ids, 0);
}

}  // namespace riven
