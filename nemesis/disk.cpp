// Failing disks, through a layer under the database's data directory that is mounted before the database
// starts (agent kinds "disk-layer" and "disk").
//
// :start-disk with a map (shared/node_choice.h for `nodes`; default: one):
//   disk   power-loss  the database is killed and the power fails: what was not synced is lost; `loss` says
//   how:
//                      all, torn, reordered, files (default: one of them by chance), see agent/disk_pending.h
//          truncate    the same, and files that match `path` lose up to `bytes` (default 512) at their end
//          bit-flip    the same, and `bytes` (default 1) bits flip in each file that matches `path`
//          slow        every read, write and sync takes `delay-ms` (default 100) longer
//          slow-sync   only syncs do
//          full        no space is left: what needs new space fails
//          eio         `percent` (default 10) of reads, writes and syncs fail
//          read-only   nothing can be changed
//          stale-snapshot  a copy of the directory is taken now, of one moment; at the end the database is
//                      killed, the copy put back, and the database started again: what it had synced and
//                      promised since is gone. Never on more than a minority.
//   path   only files that match this glob ("*.wal"; '*' matches '/' too)
// :stop-disk heals, starts the database again where it does not run, and completes with {took_effect, nodes,
// disk} and what was done: refused, delayed, or killed, lost-bytes, lost-names, kept-bytes, and `syncs`, what
// the layer had made durable before. A power loss took effect when processes were killed and the layer had
// seen writes, a snapshot (`rejoined`: nodes that did not stay up with it and were made new members) when
// files were otherwise (`stale-files`) when it was put back; healed before that it is dropped.
#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <mutex>

#include "harness/api/registry.h"
#include "harness/core/join.h"
#include "harness/core/json_fields.h"
#include "harness/generator/combinators.h"
#include "nemesis/shared/agent_faults.h"
#include "nemesis/shared/fields.h"
#include "nemesis/shared/membership.h"
#include "nemesis/shared/node_choice.h"
#include "nemesis/shared/on_nodes.h"
#include "nemesis/shared/turns.h"

namespace riven {
namespace {

constexpr const char* kName = "disk";
constexpr const char* kColor = "#8a6d4b";
constexpr const char* kStale = "stale-snapshot";
constexpr std::array<const char*, 9> kWords = {"power-loss", "slow",     "slow-sync", "eio", "full",
                                               "read-only",  "truncate", "bit-flip",  kStale};
/// What a database must survive and is sure to notice; the others are asked for by name.
constexpr size_t kByDefault = 4;
constexpr std::array<const char*, 4> kLosses = {"all", "torn", "reordered", "files"};

Result<double> number_field(const Value& spec, const char* key, double fallback, double most) {
  const Value told = field(spec, key);
  if (told.is_nil()) return fallback;
  const std::optional<double> number = number_of(told);
  if (!number) return Error{std::string(key) + " must be a number"};
  if (!(*number > 0 && *number <= most)) return Error{std::string(key) + " is out of range"};
  return *number;
}

bool loses_power(const std::string& word) {
  return word == "power-loss" || word == "truncate" || word == "bit-flip";
}

/// The agent's params but for the directory.
Result<Json> disk_params(const Value& spec, uint64_t seed) {
  const std::string word = text_field(spec, "disk", "power-loss"), path = text_field(spec, "path", "");
  if (loses_power(word)) {
    const std::string loss = text_field(spec, "loss", "all");
    if (std::find(kLosses.begin(), kLosses.end(), loss) == kLosses.end())
      return Error{"loss is " + joined(kLosses) + ", not " + loss};
    Json crash = {{"loss", loss}, {"seed", seed >> 1}};
    if (word == "power-loss") return Json{{"crash", crash}};
    const bool cuts = word == "truncate";
    Result<double> bytes = number_field(spec, "bytes", cuts ? 512 : 1, 1e9);
    if (!bytes) return bytes.error();
    crash["damage"] = {{"what", cuts ? "truncate" : "flip"}, {"path", path}, {"bytes", std::llround(*bytes)}};
    return Json{{"crash", crash}};
  }
  if (word == kStale) return Json::object();
  Json rule = {{"path", path}};
  if (word == "slow" || word == "slow-sync") {
    Result<double> delay_ms = number_field(spec, "delay-ms", 100, 60'000);
    if (!delay_ms) return delay_ms.error();
    rule["what"] = "slow";
    rule["delay_us"] = std::llround(*delay_ms * 1000);
    rule["ops"] = word == "slow" ? Json::array({"read", "write", "sync"}) : Json::array({"sync"});
  } else if (word == "eio") {
    Result<double> percent = number_field(spec, "percent", 10, 100);
    if (!percent) return percent.error();
    rule["what"] = "error";
    rule["error"] = "EIO";
    rule["ops"] = Json::array({"read", "write", "sync"});
    rule["per_million"] = std::max<int64_t>(1, std::llround(*percent * 10'000));
  } else if (word == "full" || word == "read-only") {
    rule["what"] = word;
  } else {
    return Error{"unknown disk fault '" + word + "' (known: " + joined(kWords) + ")"};
  }
  return Json{{"rules", Json::array({rule})}};
}

class DiskNemesis final : public Nemesis {
 public:
  DiskNemesis(uint64_t seed, const Capabilities& can)
      : rng_(seed), directory_(can.data_directory), processes_(can.processes) {}

  Status prepare(FaultTarget& target) override {
    const std::vector<FaultSpec> layer = {FaultSpec{"disk-layer", Json{{"directory", directory_}}}};
    const std::vector<std::vector<FaultSpec>> layers(target.nodes.size(), layer);
    Result<std::vector<FaultAck>> acks = layer_.apply(target, layers);
    return acks ? ok_status() : Status(acks.error());
  }

  Result<FaultPlan> plan(FaultTarget& target, const Op& op) override {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (!op.value.is_nil() && !op.value.is_map())
      return Error{"a disk fault is a map, not " + to_edn(op.value)};
    Result<FaultPlan> plan = plan_nodes(op.value, target, rng_);
    if (!plan) return plan;
    const std::string word = text_field(op.value, "disk", "power-loss");
    const size_t count = target.nodes.size();
    if (word == kStale && plan->impact.nodes.size() > std::max<size_t>(1, (count - 1) / 2))
      return Error{"stale snapshots go to a minority of the nodes at most, not to " +
                   std::to_string(plan->impact.nodes.size()) + " of " + std::to_string(count)};
    Value::List exact = plan->value.flat_map();
    exact.insert(exact.end(), {"disk", word});
    if (loses_power(word)) {
      if (field(op.value, "loss").is_nil())
        exact.insert(exact.end(), {"loss", kLosses[rng_.below(kLosses.size())]});
      if (field(op.value, "seed").is_nil())
        exact.insert(exact.end(), {"seed", static_cast<int64_t>(rng_.below(1'000'000'000))});
    }
    append_fields(exact, op.value, {"nodes", "disk"});
    plan->value = Value::map(std::move(exact));
    if (Result<Json> params = disk_params(plan->value, 0); !params) return params.error();
    return plan;
  }

  Result<Value> invoke(FaultTarget& target, const Op& op) override {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (op.f.text() == "start-disk") return start(target, op.value);
    if (op.f.text() == "stop-disk") return stop(target);
    return Error{"disks have no operation " + std::string(op.f.text())};
  }

  /// The layers stay, passing everything on: programs have files of them open. They go with the agents.
  Status heal(FaultTarget& target) noexcept override {
    const std::lock_guard<std::mutex> lock(mutex_);
    copies_.clear();
    const Result<std::vector<NodeProof>> healed = faults_.heal(target);
    if (Status started = start_again(target, struck_); !started) return started;
    return healed ? ok_status() : Status(healed.error());
  }

 private:
  Result<Value> start(FaultTarget& target, const Value& spec) {
    if (faults_.in_force() || !struck_.empty()) return Error{"disks are failing already"};
    Result<std::vector<size_t>> nodes = choose_nodes(nodes_in(spec), target, rng_);
    if (!nodes) return nodes.error();
    if (Status layered = layer_again(target, *nodes); !layered) return layered.error();
    const Value seed = field(spec, "seed");
    Result<Json> params =
        disk_params(spec, seed.is_integer() ? static_cast<uint64_t>(seed.integer()) : rng_.next());
    if (!params) return params.error();
    (*params)["directory"] = directory_;
    word_ = text_field(spec, "disk", "power-loss");
    if (word_ == kStale) return take_snapshots(target, *nodes);
    std::vector<std::vector<FaultSpec>> faults(target.nodes.size());
    for (const size_t node : *nodes) {
      if (loses_power(word_)) faults[node].push_back({"kill", {{"processes", processes_}}});
      faults[node].push_back({"disk", *params});
    }
    struck_ = *nodes;
    totals_.clear();
    all_hit_ = false;
    Result<std::vector<FaultAck>> acks = faults_.apply(target, faults);
    if (!acks) return acks.error();
    all_hit_ = true;
    if (loses_power(word_)) {
      for (const size_t node : *nodes) note_loss((*acks)[node]);
    }
    Value::List done = {"nodes", names_of(*nodes, target.nodes), "disk", word_};
    for (const auto& [key, sum] : totals_) done.insert(done.end(), {key, sum});
    done.insert(done.end(), {"spread-us", spread_ns(*acks) / 1000});
    return Value::map(std::move(done));
  }

  Result<Value> take_snapshots(FaultTarget& target, const std::vector<size_t>& nodes) {
    const Json params = {{"directory", directory_}, {"processes", processes_}};
    std::vector<std::vector<FaultSpec>> faults(target.nodes.size());
    for (const size_t node : nodes) faults[node].push_back({"snapshot", params});
    struck_ = nodes;
    totals_.clear();
    all_hit_ = false;
    Result<std::vector<FaultAck>> acks = faults_.apply(target, faults);
    if (!acks) return acks.error();
    for (const size_t node : nodes) {
      const Json& copied = (*acks)[node].details[(*acks)[node].ids.front()];
      copies_[node] = text_of(copied, "copy");
      totals_["copied-bytes"] += integer_of(copied, "bytes");
    }
    return Value::map({"nodes", names_of(nodes, target.nodes), "disk", word_, "copied-bytes",
                       totals_["copied-bytes"], "spread-us", spread_ns(*acks) / 1000});
  }

  /// Kills the database where there is a copy and puts it back.
  Status put_back(FaultTarget& target) {
    std::vector<std::vector<FaultSpec>> faults(target.nodes.size());
    for (const auto& [node, copy] : copies_) {
      faults[node].push_back({"kill", {{"processes", processes_}}});
      faults[node].push_back(
          {"rollback", {{"directory", directory_}, {"copy", copy}, {"processes", processes_}}});
    }
    const size_t copies = std::exchange(copies_, {}).size();
    Result<std::vector<FaultAck>> acks = faults_.apply(target, faults);
    if (!acks) return acks.error();
    size_t hit = 0;
    for (const FaultAck& ack : *acks) {
      if (ack.ids.empty()) continue;
      totals_["killed"] += integer_of(ack.details[ack.ids.front()], "killed");
      const int64_t stale = integer_of(ack.details[ack.ids.back()], "stale");
      totals_["stale-files"] += stale;
      hit += stale > 0 ? 1 : 0;
    }
    all_hit_ = hit == copies;
    return ok_status();
  }

  /// Where an agent has no layer any more, as after its node's reboot, the database is put over a new one.
  Status layer_again(FaultTarget& target, const std::vector<size_t>& nodes) {
    std::vector<std::vector<FaultSpec>> kills(target.nodes.size()), layers(target.nodes.size());
    std::vector<size_t> bare;
    for (const size_t node : nodes) {
      Result<std::vector<FaultProof>> seen = target.agents[node]->observe();
      if (!seen) return seen.error();
      const bool layered = std::any_of(seen->begin(), seen->end(),
                                       [](const FaultProof& fault) { return fault.kind == "disk-layer"; });
      if (layered) continue;
      bare.push_back(node);
      kills[node].push_back({"kill", {{"processes", processes_}}});
      layers[node].push_back({"disk-layer", {{"directory", directory_}}});
    }
    if (bare.empty()) return ok_status();
    struck_ = bare;
    AgentFaults killed;
    Result<std::vector<FaultAck>> done = killed.apply(target, kills);
    if (done) done = layer_.apply(target, layers);
    (void)killed.heal(target);
    const Status started = start_again(target, struck_);
    return done ? started : Status(done.error());
  }

  void note_loss(const FaultAck& ack) {
    const Json& killed = ack.details[ack.ids.front()];
    const Json& lost = ack.details[ack.ids.back()];
    totals_["killed"] += integer_of(killed, "killed");
    for (const auto& [key, field] : {std::pair{"lost-bytes", "lost_bytes"},
                                     {"lost-names", "lost_names"},
                                     {"kept-bytes", "kept_bytes"},
                                     {"writes", "writes"},
                                     {"syncs", "syncs"}}) {
      totals_[key] += integer_of(lost, field);
    }
    if (lost.contains("damaged_files")) totals_["damaged-files"] += integer_of(lost, "damaged_files");
    all_hit_ = all_hit_ && integer_of(killed, "killed") > 0 && integer_of(lost, "writes") > 0 &&
               integer_of(lost, "errors") == 0;
  }

  Result<Value> stop(FaultTarget& target) {
    if (struck_.empty()) return Value("no disk was failing");
    const bool copied = !copies_.empty();
    const Status put = copied ? put_back(target) : ok_status();
    Result<std::vector<NodeProof>> healed = faults_.end(target);
    const Value nodes = names_of(struck_, target.nodes);
    const std::vector<size_t> put_back_on = copied ? struck_ : std::vector<size_t>();
    // Also after faults that kill nobody: a server may have given up on its disk.
    if (Status started = start_again(target, struck_); !started) return started.error();
    if (!put) return put.error();
    if (copied) {
      const Result<int64_t> replaced = replace_the_dead(target, put_back_on);
      if (!replaced) return replaced.error();
      totals_["rejoined"] = *replaced;
    }
    if (!healed) return healed.error();
    bool took_effect = all_hit_;
    if (!loses_power(word_) && word_ != kStale) {
      for (const NodeProof& proof : *healed) {
        totals_["refused"] += integer_of(proof.fault.proof, "refused");
        totals_["delayed"] += integer_of(proof.fault.proof, "delayed");
      }
      took_effect = totals_["refused"] + totals_["delayed"] > 0;
    }
    Value::List done = {"took_effect", took_effect, "nodes", nodes, "disk", word_};
    for (const auto& [key, sum] : totals_) done.insert(done.end(), {key, sum});
    return Value::map(std::move(done));
  }

  std::mutex mutex_;
  AgentFaults layer_;
  AgentFaults faults_;
  Rng rng_;
  std::string directory_;
  std::vector<std::string> processes_;
  std::string word_;
  std::vector<size_t> struck_;
  std::map<std::string, int64_t> totals_;
  std::map<size_t, std::string> copies_;  ///< node -> the path of its stale snapshot
  bool all_hit_ = false;
};

/// The words to choose from, and the fields of every operation, from the options.
Status read_options(const FaultOptions& options, std::vector<std::string>& words, Value::List& fields) {
  for (const auto& [key, text] : options.extra) {
    if (key == "disk") {
      words = split(text, ',');
    } else if (key == "delay-ms" || key == "percent" || key == "bytes") {
      const std::optional<double> number = parse_number(text);
      if (!number) return Error{"disk: " + key + " must be a number, not " + text};
      fields.insert(fields.end(), {key, *number});
    } else if (key == "path" || key == "loss") {
      fields.insert(fields.end(), {key, text});
    }
  }
  if (words.empty()) words.assign(kWords.begin(), kWords.begin() + kByDefault);
  for (const std::string& word : words) {
    Value::List trial = fields;
    trial.insert(trial.end(), {"disk", word});
    if (Result<Json> params = disk_params(Value::map(std::move(trial)), 0); !params) return params.error();
  }
  return ok_status();
}

Result<FaultPackage> make(const FaultOptions& options, const Capabilities& capabilities) {
  if (capabilities.data_directory.empty())
    return Error{"this database does not say where its data lies, so no disk fault can reach it"};
  if (!capabilities.kill || capabilities.processes.empty())
    return Error{"disk faults need a database that can be killed and started again"};
  std::vector<std::string> words;
  Value::List fields;
  if (Status read = read_options(options, words, fields); !read) return read.error();
  Result<Value> who = nodes_option(options, {"disk", "delay-ms", "percent", "bytes", "path", "loss"});
  if (!who) return who.error();
  const auto start = [choice = *who, words, fields](Rng& rng) {
    Value::List map = {"disk", words[rng.below(words.size())], "nodes", word_of(choice, rng)};
    map.insert(map.end(), fields.begin(), fields.end());
    return gen::op("start-disk", Value::map(std::move(map)));
  };
  return in_turns(std::make_unique<DiskNemesis>(mix64(options.seed + 5), capabilities), options.interval_ns,
                  start, fault_span(kName, kColor));
}

}  // namespace

void add_disk(Registry& registry) {
  registry.add(FaultFactory{
      .name = kName,
      .description = "power loss, slow, full and failing disks, stale snapshots put back under the database",
      .word = "disk",
      .span = fault_span(kName, kColor),
      .agent_kinds = {"disk-layer", "disk", "kill", "snapshot", "rollback"},
      .container = {.capabilities = {"SYS_ADMIN"}, .devices = {"/dev/fuse"}, .mounts = true},
      .needs_layer = true,
      .ends_database = true,
      .in_storm = true,
      .command =
          {.examples = {"riven fault disk slow-sync nodes=n1 delay-ms=200         the database is started "
                        "again for it, and after it"}},
      .make = make});
}

}  // namespace riven
