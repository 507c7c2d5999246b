#include "workloads/generators/txn_generator.h"

#include <algorithm>
#include <atomic>
#include <memory>
#include <vector>

#include "harness/generator/combinators.h"

namespace riven {

namespace {

constexpr uint64_t kSalt = 0x74786e;
constexpr int64_t kFinalReadsPerTxn = 8;

struct Shared {
  TxnGeneratorOptions options;
  std::vector<double> cumulative;  // of the weights of the keys in play
  Symbol txn{"txn"};
  Value r = Value::keyword("r");
  Value w = Value::keyword("w");
  Value append = Value::keyword("append");
  mutable std::atomic<int64_t> highest_key{-1};  // that was ever used
};
using SharedPtr = std::shared_ptr<const Shared>;

class Load final : public Generator {
 public:
  /// A key in play and how often it was written.
  struct Key {
    int64_t key;
    int64_t writes = 0;
  };
  Load(SharedPtr shared, std::vector<Key> keys, int64_t next_key)
      : shared_(std::move(shared)), keys_(std::move(keys)), next_key_(next_key) {}

  Step next(const Context& context) const override {
    if (!context.can_emit()) return Step::pending();
    const TxnGeneratorOptions& options = shared_->options;
    Rng rng = context.rng(kSalt);
    std::vector<Key> keys = keys_;
    int64_t next_key = next_key_;
    int64_t highest = -1;
    Value::List txn;
    for (int64_t length = rng.between(options.min_length, options.max_length); length > 0; --length) {
      Key& key = keys[pick(rng)];
      const Value id(key.key);
      highest = std::max(highest, key.key);
      const bool write = rng.chance(options.write_share);
      if (!write || options.style == TxnStyle::rmw) txn.push_back(Value::List{shared_->r, id, Value()});
      if (!write) continue;
      txn.push_back(Value::List{options.style == TxnStyle::append ? shared_->append : shared_->w, id,
                                Value(++key.writes)});
      if (key.writes >= options.writes_per_key) key = {next_key++};
    }
    int64_t known = shared_->highest_key.load();
    while (known < highest && !shared_->highest_key.compare_exchange_weak(known, highest)) {
    }
    Op op;
    op.process = context.process(context.pick_thread());
    op.f = shared_->txn;
    op.value = Value(std::move(txn));
    return Step::emit(std::move(op), std::make_shared<Load>(shared_, std::move(keys), next_key));
  }

 private:
  size_t pick(Rng& rng) const {
    const std::vector<double>& marks = shared_->cumulative;
    const double mark = rng.unit() * marks.back();
    const auto at = std::upper_bound(marks.begin(), marks.end(), mark) - marks.begin();
    return std::min(static_cast<size_t>(at), marks.size() - 1);
  }

  SharedPtr shared_;
  std::vector<Key> keys_;
  int64_t next_key_;
};

class FinalReads final : public Generator {
 public:
  FinalReads(SharedPtr shared, int64_t from) : shared_(std::move(shared)), from_(from) {}

  Step next(const Context& context) const override {
    const int64_t end = shared_->highest_key.load() + 1;
    if (from_ >= end) return Step::done();
    if (!context.can_emit()) return Step::pending();
    const int64_t to = std::min(from_ + kFinalReadsPerTxn, end);
    Value::List txn;
    for (int64_t key = from_; key < to; ++key) txn.push_back(Value::List{shared_->r, key, Value()});
    Op op;
    op.process = context.process(context.pick_thread());
    op.f = shared_->txn;
    op.value = Value(std::move(txn));
    return Step::emit(std::move(op), std::make_shared<FinalReads>(shared_, to));
  }

 private:
  SharedPtr shared_;
  int64_t from_;
};

double weight(KeyDistribution distribution, size_t i) {
  switch (distribution) {
    case KeyDistribution::uniform:
      return 1;
    case KeyDistribution::zipf:
      return 1.0 / static_cast<double>(i + 1);
    case KeyDistribution::exponential:
      return i < 60 ? 1.0 / static_cast<double>(uint64_t{1} << i) : 0;
  }
  return 1;
}

}  // namespace

TxnGenerators txn_generators(const TxnGeneratorOptions& options) {
  RIVEN_CHECK(options.keys > 0 && options.min_length > 0 && options.min_length <= options.max_length &&
                  options.writes_per_key > 0,
              "options of a transaction generator that make no transactions");
  auto shared = std::make_shared<Shared>();
  shared->options = options;
  std::vector<Load::Key> keys;
  double sum = 0;
  for (size_t i = 0; i < options.keys; ++i) {
    keys.push_back({static_cast<int64_t>(i)});
    shared->cumulative.push_back(sum += weight(options.distribution, i));
  }
  const auto next_key = static_cast<int64_t>(options.keys);
  TxnGenerators made;
  made.load = std::make_shared<Load>(shared, std::move(keys), next_key);
  if (options.rate_hz > 0) {
    made.load = gen::stagger(static_cast<int64_t>(1e9 / options.rate_hz), std::move(made.load));
  }
  made.load = gen::clients(std::move(made.load));
  made.final_reads = gen::clients(std::make_shared<FinalReads>(shared, 0));
  return made;
}

}  // namespace riven
