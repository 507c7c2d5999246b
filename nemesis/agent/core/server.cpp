#include "nemesis/agent/core/server.h"

#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "harness/core/boot_id.h"
#include "harness/core/join.h"
#include "harness/core/json_fields.h"
#include "nemesis/agent/core/owner_lock.h"

namespace riven::agent {
namespace {

constexpr size_t kRemembered = 256;
constexpr int64_t kRetryNs = kNanosPerSecond;
constexpr int64_t kLatestCommitNs = 5 * kNanosPerSecond;
constexpr int kPatienceMs = 3000;

AgentReply refuse(std::string why) {
  AgentReply reply;
  reply.error = std::move(why);
  return reply;
}

AgentReply answer(Json body = Json::object()) {
  AgentReply reply;
  reply.body = std::move(body);
  return reply;
}

void sleep_until(int64_t at_ns) {
  const timespec at{at_ns / kNanosPerSecond, at_ns % kNanosPerSecond};
  while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, nullptr) != 0) {
  }
}

Json proof_entry(const std::string& id, const std::string& kind, Json proof, const std::string& why) {
  Json entry = {{"id", id}, {"kind", kind}, {"proof", std::move(proof)}};
  if (!why.empty()) entry["why"] = why;
  return entry;
}

}  // namespace

Server::Server(ServerOptions options, const std::vector<FaultKind>& kinds, Ledger ledger, const Clock& clock)
    : options_(std::move(options)),
      kinds_(kinds),
      ledger_(std::move(ledger)),
      clock_(clock),
      lease_(options_.lease_ns, options_.grace_ns, clock.now_ns()) {
  char base[24];
  std::snprintf(base, sizeof base, "f%llx-", static_cast<unsigned long long>(monotonic_now_ns() / 1000));
  id_base_ = base;
}

void Server::repair() {
  for (const LedgerEntry& entry : ledger_.live()) {
    // A kind that this agent does not know was made by another version: it stays in the ledger for that one.
    if (const FaultKind* kind = kind_named(entry.kind)) {
      active_.push_back({entry.id, kind, nullptr, entry.undo, true});
    }
  }
  heal_everything("repaired");
  for (const auto& [id, healed] : past_) repaired_.push_back(healed);
  for (const FaultKind& kind : kinds_) {
    if (!kind.sweep) continue;
    Result<Json> swept = kind.sweep(options_.context);
    if (!swept || swept->empty()) continue;
    for (const auto& [name, proof] : swept->items()) {
      repaired_.push_back(proof_entry(name, kind.name, proof, "not in the ledger"));
    }
  }
}

AgentReply Server::handle(const AgentRequest& request) {
  static const std::map<std::string, Handler> kHandlers = {
      {"hello", &Server::hello},       {"ping", &Server::ping},       {"prepare", &Server::prepare},
      {"commit", &Server::commit},     {"observe", &Server::observe}, {"heal", &Server::heal},
      {"heal_all", &Server::heal_all}, {"probe", &Server::probe},     {"quit", &Server::quit}};
  tick();  // a renewal that comes too late does not undo the lapse
  lease_.renew(clock_.now_ns());
  const auto handler = kHandlers.find(request.name);
  AgentReply reply = handler == kHandlers.end() ? refuse("this agent does not know '" + request.name + "'")
                                                : (this->*handler->second)(request.body);
  reply.seq = request.seq;
  lease_.renew(clock_.now_ns());
  return reply;
}

void Server::tick() {
  const int64_t now = clock_.now_ns();
  if (lease_.state(now) != Lease::State::live && !active_.empty() && retry_ns_ == INT64_MAX) {
    heal_everything(kLeaseRanOut);
  } else if (now >= retry_ns_) {
    heal_everything("tried again");
  }
}

int64_t Server::next_tick_ns() const { return std::min(retry_ns_, lease_.next_change_ns(clock_.now_ns())); }

bool Server::finished() const { return quit_ || lease_.state(clock_.now_ns()) == Lease::State::over; }

const FaultKind* Server::kind_named(const std::string& name) const {
  const auto found = std::find_if(kinds_.begin(), kinds_.end(), [&](const FaultKind& kind) {
    return kind.name == name ||
           std::find(kind.aliases.begin(), kind.aliases.end(), name) != kind.aliases.end();
  });
  return found == kinds_.end() ? nullptr : &*found;
}

Server::Active* Server::find(const std::string& id) {
  const auto found =
      std::find_if(active_.begin(), active_.end(), [&](const Active& active) { return active.id == id; });
  return found == active_.end() ? nullptr : &*found;
}

void Server::remember(Json healed) {
  const std::string id = text_of(healed, "id");
  past_[id] = std::move(healed);
  past_order_.push_back(id);
  if (past_order_.size() <= kRemembered) return;
  past_.erase(past_order_.front());
  past_order_.pop_front();
}

Status Server::undo(Active& active, const std::string& why) {
  // What only the living fault knows goes with it.
  const Json last = active.applied && active.fault != nullptr ? active.fault->observe() : Json();
  if (active.fault != nullptr) active.fault->retire();
  Result<Json> proof = active.kind->undo(options_.context, active.undo);
  if (!proof) return Error{active.kind->name + " " + active.id + ": " + proof.error().message};
  if (last.is_object() && (proof->is_object() || proof->is_null())) {
    for (const auto& [key, value] : last.items()) {
      if (!proof->contains(key)) (*proof)[key] = value;
    }
  }
  if (active.applied) remember(proof_entry(active.id, active.kind->name, std::move(*proof), why));
  active.fault.reset();
  return ok_status();
}

bool Server::heal_everything(const std::string& why) {
  std::vector<std::string> gone;
  // The last one first: a later fault may stand on an earlier one.
  for (size_t i = active_.size(); i-- > 0;) {
    if (undo(active_[i], why)) {
      gone.push_back(active_[i].id);
      active_.erase(active_.begin() + static_cast<std::ptrdiff_t>(i));
    }
  }
  if (!gone.empty()) (void)ledger_.erase(gone);
  retry_ns_ = active_.empty() ? INT64_MAX : clock_.now_ns() + kRetryNs;
  return active_.empty();
}

AgentReply Server::hello(const Json&) {
  utsname system{};
  uname(&system);
  return answer({{"version", kAgentProtocolVersion},
                 {"pid", getpid()},
                 {"boot_id", boot_id()},
                 {"kernel", system.release},
                 {"mono_ns", clock_.now_ns()},
                 {"damaged_ledger_lines", ledger_.damaged_lines()},
                 {"repaired", repaired_}});
}

AgentReply Server::ping(const Json&) { return answer({{"mono_ns", clock_.now_ns()}}); }

AgentReply Server::prepare(const Json& body) {
  std::vector<Active> made;
  std::vector<LedgerEntry> entries;
  for (const Json& item : array_of(body, "faults")) {
    const std::string name = text_of(item, "kind");
    const FaultKind* kind = kind_named(name);
    if (kind == nullptr) return refuse("this agent knows no fault '" + name + "'");
    const std::string id = id_base_ + std::to_string(next_id_++);
    Result<std::unique_ptr<Fault>> fault =
        kind->make(options_.context, id, item.contains("params") ? item["params"] : Json::object());
    if (!fault) return refuse(name + ": " + fault.error().message);
    Json undo_record = (*fault)->undo_record();
    entries.push_back({id, name, undo_record});
    made.push_back({id, kind, std::move(*fault), std::move(undo_record), false});
  }
  if (made.empty()) return refuse("prepare without faults");
  if (Status written = ledger_.record(entries); !written) {
    std::vector<std::string> ids;
    for (const LedgerEntry& entry : entries) ids.push_back(entry.id);
    (void)ledger_.erase(ids);
    return refuse(written.error().message);
  }
  Json ids = Json::array();
  std::string error;
  for (Active& active : made) {
    if (error.empty()) {
      if (Status armed = active.fault->arm(); !armed)
        error = active.kind->name + ": " + armed.error().message;
    }
    ids.push_back(active.id);
    active_.push_back(std::move(active));
  }
  if (!error.empty()) {
    heal_ids(texts_of({{"ids", ids}}, "ids"), "could not be armed");
    return refuse(error);
  }
  return answer({{"ids", std::move(ids)}});
}

AgentReply Server::commit(const Json& body) {
  std::vector<Active*> wanted;
  for (const std::string& id : texts_of(body, "ids")) {
    Active* active = find(id);
    if (active == nullptr) return refuse("fault " + id + " is not staged (the lease may have run out)");
    if (active->applied) return refuse("fault " + id + " was applied before");
    wanted.push_back(active);
  }
  const int64_t at_ns = integer_of(body, "at_ns");
  if (at_ns > clock_.now_ns() + kLatestCommitNs) return refuse("commit asked for too far in the future");
  if (at_ns > clock_.now_ns()) sleep_until(at_ns);
  Json details = Json::object();
  const int64_t first_ns = clock_.now_ns();
  int64_t last_ns = first_ns;
  for (Active* active : wanted) {
    active->applied = true;
    Result<Json> done = active->fault->apply();
    if (!done) {
      heal_ids(texts_of(body, "ids"), "could not be applied");
      return refuse(active->kind->name + ": " + done.error().message);
    }
    last_ns = std::max(last_ns, integer_of(*done, kTookEffectAt, clock_.now_ns()));
    done->erase(kTookEffectAt);
    details[active->id] = std::move(*done);
  }
  return answer({{"first_ns", first_ns}, {"last_ns", last_ns}, {"details", std::move(details)}});
}

AgentReply Server::observe(const Json&) {
  Json faults = Json::array();
  for (Active& active : active_) {
    if (!active.applied || active.fault == nullptr) continue;
    faults.push_back(proof_entry(active.id, active.kind->name, active.fault->observe(), ""));
  }
  return answer({{"faults", std::move(faults)}});
}

AgentReply Server::heal_ids(const std::vector<std::string>& ids, const std::string& why) {
  Json healed = Json::array();
  std::vector<std::string> gone;
  std::vector<std::string> errors;
  const int64_t first_ns = clock_.now_ns();
  for (const std::string& id : ids) {
    if (Active* active = find(id)) {
      if (Status undone = undo(*active, why); !undone) {
        errors.push_back(undone.error().message);
        retry_ns_ = clock_.now_ns() + kRetryNs;
        continue;
      }
      gone.push_back(id);
      std::erase_if(active_, [&](const Active& other) { return other.id == id; });
    }
  }
  const int64_t last_ns = clock_.now_ns();
  if (!gone.empty()) (void)ledger_.erase(gone);
  for (const std::string& id : ids) {
    if (const auto past = past_.find(id); past != past_.end()) healed.push_back(past->second);
  }
  if (!errors.empty()) return refuse(joined(errors, "; "));
  return answer({{"healed", std::move(healed)}, {"first_ns", first_ns}, {"last_ns", last_ns}});
}

AgentReply Server::heal(const Json& body) { return heal_ids(texts_of(body, "ids"), ""); }

AgentReply Server::heal_all(const Json& body) {
  std::vector<std::string> ids;
  for (size_t i = active_.size(); i-- > 0;) ids.push_back(active_[i].id);
  AgentReply reply = heal_ids(ids, "");
  if (!reply.error.empty() || !flag_of(body, "everyone")) return reply;
  for (const std::string& owner : ledger_owners(options_.context.state_directory)) {
    if (owner == options_.context.owner) continue;
    Context other = options_.context;
    other.owner = owner;
    Result<Json> healed = heal_owner(other, kinds_, kPatienceMs);
    if (!healed) return refuse("owner " + owner + ": " + healed.error().message);
    for (Json& entry : *healed) reply.body["healed"].push_back(std::move(entry));
  }
  reply.body["last_ns"] = clock_.now_ns();
  return reply;
}

AgentReply Server::probe(const Json&) {
  Json abilities = Json::array();
  for (const FaultKind& kind : kinds_) {
    const Status works = kind.probe(options_.context);
    Json entry = {{"kind", kind.name}, {"works", works.has_value()}};
    if (!works) entry["why_not"] = works.error().message;
    abilities.push_back(std::move(entry));
  }
  utsname system{};
  uname(&system);
  Json facts = {{"kernel", system.release},
                {"machine", system.machine},
                {"uid", getuid()},
                {"container", options_.context.container}};
  for (const FaultKind& kind : kinds_) {
    if (kind.means) facts[kind.name] = kind.means(options_.context);
  }
  return answer({{"boot_id", boot_id()}, {"abilities", std::move(abilities)}, {"facts", std::move(facts)}});
}

AgentReply Server::quit(const Json&) {
  if (!heal_everything("quit")) return refuse("something could not be undone; it is tried again");
  quit_ = true;
  return answer();
}

Result<Json> heal_owner(const Context& context, const std::vector<FaultKind>& kinds, int patience_ms) {
  Result<OwnerLock> lock = OwnerLock::take_over(context.state_directory, context.owner, patience_ms);
  if (!lock) return lock.error();
  Result<Ledger> ledger = Ledger::open(context.state_directory, context.owner);
  if (!ledger) return ledger.error();
  const MonotonicClock clock;
  ServerOptions options;
  options.context = context;
  Server server(options, kinds, std::move(*ledger), clock);
  server.repair();
  if (!server.heal_everything("")) return Error{"something could not be undone; it stays in the ledger"};
  AgentRequest hello;
  hello.name = "hello";
  Json healed = array_of(server.handle(hello).body, "repaired");
  if (lock->predecessor() > 0) {
    healed.push_back(
        proof_entry(context.owner, "agent", {{"pid", lock->predecessor()}}, "told to heal and end"));
  }
  server.forget();
  lock->forget();
  return healed;
}

}  // namespace riven::agent
