#include "tests/sim/sim_register.h"

#include <map>
#include <set>
#include <vector>

#include "harness/generator/combinators.h"
#include "harness/run/virtual_executor.h"
#include "workloads/generators/register_generator.h"

namespace riven::sim {

namespace {

constexpr int64_t kMs = kNanosPerMilli;
constexpr int64_t kTimeoutNs = 200 * kMs;

/// The cluster: what was agreed on, and what each node has heard of it.
class RegisterCluster {
 public:
  explicit RegisterCluster(const SimRegisterOptions& options) : options_(options), replicas_(options.nodes) {}

  void invoke(Simulation& simulation, uint64_t ticket, const Op& op) {
    if (op.process == kNemesis) return partition(simulation, ticket, op);
    Rng& rng = simulation.rng();
    const size_t node = static_cast<size_t>(op.process) % options_.clients % options_.nodes;
    const bool read = op.f == Symbol("read");
    if (options_.bug == RegisterBug::stale_read && read && (cut_off_.count(node) > 0 || rng.chance(0.1))) {
      return simulation.after(delay(rng), [this, &simulation, ticket, op, node] {
        simulation.complete(ticket, answer_read(op, replicas_[node]));
      });
    }
    if (cut_off_.count(node) > 0) return unreachable(simulation, ticket);
    if (rng.chance(options_.lost_answers)) {
      // Done at once, much later, or never; nobody is told.
      const int64_t when = delay(rng) + (rng.chance(0.5) ? 0 : static_cast<int64_t>(rng.below(2'000)) * kMs);
      if (rng.chance(0.7))
        simulation.after(when, [this, &simulation, op, node] { (void)carry_out(simulation, op, node); });
      return time_out(simulation, ticket);
    }
    simulation.after(delay(rng), [this, &simulation, ticket, op, node] {
      const Outcome outcome = carry_out(simulation, op, node);
      const int64_t back = delay(simulation.rng()) + (rolled_back_ ? 5 * kMs : 0);
      simulation.after(back, [&simulation, ticket, outcome] { simulation.complete(ticket, outcome); });
    });
  }

 private:
  using Registers = std::map<int64_t, int64_t>;

  static int64_t delay(Rng& rng) { return static_cast<int64_t>(rng.below(2 * kMs)) + 10'000; }

  static void time_out(Simulation& simulation, uint64_t ticket) {
    simulation.after(kTimeoutNs,
                     [&simulation, ticket] { simulation.complete(ticket, Outcome::unknown("time-out")); });
  }

  /// A node without a majority: refused, timed out, or silence until the harness gives up.
  static void unreachable(Simulation& simulation, uint64_t ticket) {
    const double kind = simulation.rng().unit();
    if (kind < 0.1) return;
    if (kind < 0.3) return time_out(simulation, ticket);
    simulation.after(kMs,
                     [&simulation, ticket] { simulation.complete(ticket, Outcome::not_sent("refused")); });
  }

  void partition(Simulation& simulation, uint64_t ticket, const Op& op) {
    cut_off_.clear();
    Value::List names;
    if (op.f == Symbol("start-partition")) {
      while (cut_off_.size() < (options_.nodes - 1) / 2)
        cut_off_.insert(simulation.rng().below(options_.nodes));
      for (const size_t node : cut_off_) names.emplace_back("n" + std::to_string(node + 1));
    }
    simulation.after(
        kMs, [&simulation, ticket, names] { simulation.complete(ticket, Outcome::ok(Value(names))); });
  }

  static Outcome answer_read(const Op& op, const Registers& from) {
    const Value& key = op.value.list()[0];
    const auto found = from.find(key.integer());
    return Outcome::ok(Value::List{key, found == from.end() ? Value() : Value(found->second)});
  }

  bool hit(Simulation& simulation, RegisterBug bug) const {
    return options_.bug == bug && simulation.rng().chance(options_.bug_rate);
  }

  Outcome carry_out(Simulation& simulation, const Op& op, size_t node) {
    rolled_back_ = false;
    const int64_t key = op.value.list()[0].integer();
    const Value& value = op.value.list()[1];
    if (op.f == Symbol("read")) return answer_read(op, agreed_);
    if (op.f == Symbol("cas")) {
      const Registers& compared = options_.bug == RegisterBug::unchecked_cas ? replicas_[node] : agreed_;
      const auto found = compared.find(key);
      if (found == compared.end() || found->second != value.list()[0].integer()) {
        return Outcome::compare_failed();
      }
      set(simulation, key, value.list()[1].integer());
      return Outcome::ok(op.value);
    }
    if (hit(simulation, RegisterBug::lost_write)) return Outcome::ok(op.value);
    const auto before = agreed_.find(key);
    const int64_t old = before == agreed_.end() ? -1 : before->second;
    const int64_t written = value.integer();
    set(simulation, key, written);
    if (hit(simulation, RegisterBug::failed_but_done)) return Outcome::rejected("try again");
    if (hit(simulation, RegisterBug::done_twice)) {
      simulation.after(20 * kMs, [this, &simulation, key, written] { set(simulation, key, written); });
    }
    if (old >= 0 && hit(simulation, RegisterBug::dirty_read)) {
      rolled_back_ = true;
      simulation.after(4 * kMs, [this, &simulation, key, old, written] {
        if (agreed_[key] == written) set(simulation, key, old);
      });
      return Outcome::rejected("conflict");
    }
    return Outcome::ok(op.value);
  }

  void set(Simulation& simulation, int64_t key, int64_t value) {
    agreed_[key] = value;
    for (size_t node = 0; node < replicas_.size(); ++node) {
      simulation.after(static_cast<int64_t>(simulation.rng().below(8 * kMs)), [this, node, key] {
        if (cut_off_.count(node) == 0) replicas_[node][key] = agreed_[key];
      });
    }
  }

  const SimRegisterOptions options_;
  Registers agreed_;
  std::vector<Registers> replicas_;
  std::set<size_t> cut_off_;
  bool rolled_back_ = false;  // the last operation carried out answers only after its roll-back
};

class BuilderSink final : public EntrySink {
 public:
  Status append(const Op& op) override {
    builder.append(op);
    return ok_status();
  }
  HistoryBuilder builder;
};

}  // namespace

std::string_view to_text(RegisterBug bug) {
  constexpr std::array<std::string_view, kRegisterBugs.size()> names = {
      "none", "stale-read", "lost-write", "failed-but-done", "unchecked-cas", "dirty-read", "done-twice"};
  return names[static_cast<size_t>(bug)];
}

SimRun run_sim_register(const SimRegisterOptions& options) {
  RegisterGeneratorOptions registers;
  registers.rate_hz = options.rate_hz;
  registers.ops_per_key = options.ops_per_key;
  registers.threads_per_key = options.clients > 1 ? options.clients / 2 : 1;
  const auto once_a_time = [](const char* f) { return gen::repeat(gen::one(gen::op(f))); };
  GeneratorPtr faults =
      gen::delay(500 * kMs, gen::flip_flop(once_a_time("start-partition"), once_a_time("stop-partition")));
  if (!options.faults) faults = nullptr;

  RegisterCluster cluster(options);
  VirtualExecutor executor(mix64(options.seed), [&](Simulation& simulation, uint64_t ticket, const Op& op) {
    cluster.invoke(simulation, ticket, op);
  });
  SchedulerOptions scheduling;
  scheduling.seed = options.seed;
  scheduling.clients = options.clients;
  scheduling.op_timeout_ns = kTimeoutNs;
  scheduling.grace_ns = 20 * kMs;
  BuilderSink sink;
  RunOutcome outcome = run_scheduler(
      scheduling,
      gen::time_limit(options.duration_ns,
                      gen::clients_and_nemesis(register_generator(registers), std::move(faults))),
      executor, sink);
  Result<History> history = sink.builder.finish();
  RIVEN_CHECK(history.has_value(), "the scheduler recorded a history that is not well formed");
  return {std::move(*history), std::move(outcome)};
}

std::string text_of(const History& history) {
  std::string text;
  for (size_t i = 0; i < history.size(); ++i) {
    const Op op = history.op(i);
    text += std::to_string(op.time_ns) + " " + std::to_string(op.process) + " " +
            std::string(to_text(op.type)) + " " + std::string(op.f.text()) + " " + to_edn(op.value) + " " +
            to_edn(op.error) + "\n";
  }
  return text;
}

}  // namespace riven::sim
