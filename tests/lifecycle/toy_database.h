// A register store in this process: a database without nodes, to drive whole runs in tests.
#pragma once

#include <atomic>
#include <chrono>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "harness/api/database.h"

namespace riven::testing {

/// What the store does wrong, and what was done to it.
struct ToyState {
  std::mutex mutex;
  std::map<int64_t, int64_t> registers;
  std::atomic<bool> setup_fails{false};
  std::atomic<bool> never_ready_again{false};  ///< await_ready fails from its second call on
  std::atomic<bool> hangs{false};              ///< clients do not answer until cancelled
  std::atomic<int> setups{0};
  std::atomic<int> teardowns{0};
  std::atomic<bool> set_up_too_early{false};  ///< before every node was torn down
  std::atomic<int> kills{0};
  std::atomic<int> ready_calls{0};
};

class ToyClient final : public Client {
 public:
  explicit ToyClient(std::shared_ptr<ToyState> state) : state_(std::move(state)) {}

  Outcome invoke(const Op& op, int64_t /*deadline_ns*/) override {
    while (state_->hangs && !cancelled_) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    if (cancelled_) return Outcome::unknown("cancelled");
    const std::lock_guard lock(state_->mutex);
    const Value::List& pair = op.value.list();
    int64_t& value = state_->registers[pair.at(0).integer()];
    if (op.f.text() == "read")
      return Outcome::ok(Value(Value::List{pair.at(0), value == 0 ? Value() : Value(value)}));
    if (op.f.text() == "write") {
      value = pair.at(1).integer();
      return Outcome::ok(op.value);
    }
    const Value::List& change = pair.at(1).list();
    if (change.at(0) != (value == 0 ? Value() : Value(value))) return Outcome::rejected({});
    value = change.at(1).integer();
    return Outcome::ok(op.value);
  }
  void cancel() noexcept override { cancelled_ = true; }

 private:
  std::shared_ptr<ToyState> state_;
  std::atomic<bool> cancelled_{false};
};

class ToyDatabase final : public Database, ServerControl {
 public:
  explicit ToyDatabase(std::shared_ptr<ToyState> state) : state_(std::move(state)) {}

  DatabaseFacts facts() const override { return {.functions = {"read", "write", "cas"}}; }
  ServerControl* server_control() override { return this; }
  Status setup(const Node& node, const std::vector<Node>& nodes) override {
    ++state_->setups;
    if (static_cast<size_t>(state_->teardowns) < nodes.size()) state_->set_up_too_early = true;
    return state_->setup_fails ? Status(Error{node.name + ": no disk"}) : ok_status();
  }
  Status teardown(const Node& node, const std::vector<Node>& /*nodes*/) override {
    ++state_->teardowns;
    return Error{node.name + ": will not go"};
  }
  Status await_ready(const std::vector<Node>& /*nodes*/, Milliseconds /*deadline*/) override {
    const bool first = state_->ready_calls++ == 0;
    return first || !state_->never_ready_again ? ok_status() : Status(Error{"no leader"});
  }
  std::unique_ptr<Client> connect(const Node& /*node*/) override {
    return std::make_unique<ToyClient>(state_);
  }
  Status start(const Node& /*node*/, const std::vector<Node>& /*nodes*/) override { return ok_status(); }
  Status kill(const Node& /*node*/) override {
    ++state_->kills;
    return ok_status();
  }
  std::string version(const Node& /*node*/) override { return "toy 1"; }

 private:
  std::shared_ptr<ToyState> state_;
};

}  // namespace riven::testing
