#include "workloads/generators/register_generator.h"

#include <memory>
#include <optional>

#include "harness/generator/combinators.h"
#include "harness/generator/independent.h"

namespace riven {

namespace {

constexpr size_t kThreadsPerKey = 10;
constexpr uint64_t kSalt = 0x7265676973746572;
constexpr double kOlderShare = 0.1;  // of the compare-and-sets that expect a value from earlier on purpose

struct Functions {
  Symbol read{"read"};
  Symbol write{"write"};
  Symbol cas{"cas"};
};

/// The operations of one key.
class RegisterKey final : public Generator {
 public:
  struct Shared {
    RegisterGeneratorOptions options;
    Functions f;
  };
  struct State {
    int64_t left;
    int64_t next_value = 1;
    std::optional<int64_t> current;  // what the last ok operation wrote or saw
    std::optional<int64_t> older;    // what it was before
  };
  RegisterKey(std::shared_ptr<const Shared> shared, State state)
      : shared_(std::move(shared)), state_(state) {}

  Step next(const Context& context) const override {
    if (!context.can_emit()) return Step::pending();
    Rng rng = context.rng(kSalt);
    State state = state_;
    --state.left;
    Op op;
    op.process = context.process(context.pick_thread());
    if (rng.chance(shared_->options.read_share)) {
      op.f = shared_->f.read;
    } else if (shared_->options.cas && state.current && rng.chance(0.5)) {
      op.f = shared_->f.cas;
      const bool from_older = state.older && rng.chance(kOlderShare);
      op.value = Value::List{from_older ? *state.older : *state.current, draw(rng, state)};
    } else {
      op.f = shared_->f.write;
      op.value = Value(draw(rng, state));
    }
    GeneratorPtr rest = state.left > 0 ? std::make_shared<RegisterKey>(shared_, state) : nullptr;
    return Step::emit(std::move(op), std::move(rest));
  }

  Updated update(const Context& /*context*/, const Op& op) const override {
    if (op.type != OpType::ok) return std::nullopt;
    const Value* seen = &op.value;
    if (op.f == shared_->f.cas && op.value.is_list() && op.value.list().size() == 2)
      seen = &op.value.list()[1];
    if (!seen->is_integer() || state_.current == seen->integer()) return std::nullopt;
    State state = state_;
    state.older = state.current;
    state.current = seen->integer();
    return std::make_shared<RegisterKey>(shared_, state);
  }

 private:
  int64_t draw(Rng& rng, State& state) const {
    const int64_t values = shared_->options.values;
    return values > 0 ? static_cast<int64_t>(rng.below(static_cast<uint64_t>(values))) : state.next_value++;
  }

  std::shared_ptr<const Shared> shared_;
  State state_;
};

}  // namespace

GeneratorPtr register_generator(const RegisterGeneratorOptions& options) {
  auto shared = std::make_shared<const RegisterKey::Shared>(RegisterKey::Shared{options, {}});
  const auto make = [shared](const Value&, int64_t i) -> GeneratorPtr {
    const int64_t most = std::max<int64_t>(shared->options.ops_per_key, 1);
    RegisterKey::State state;
    state.left = most - Rng(static_cast<uint64_t>(i)).between(0, most / 10);
    GeneratorPtr key = std::make_shared<RegisterKey>(shared, state);
    const size_t processes = shared->options.processes_per_key;
    return processes == 0 ? key : gen::process_limit(processes, std::move(key));
  };
  const size_t threads = options.threads_per_key == 0 ? kThreadsPerKey : options.threads_per_key;
  GeneratorPtr keys = gen::concurrent_keys(threads, gen::integer_keys(options.keys), make);
  if (options.rate_hz > 0) keys = gen::stagger(static_cast<int64_t>(1e9 / options.rate_hz), std::move(keys));
  return gen::clients(std::move(keys));
}

}  // namespace riven
