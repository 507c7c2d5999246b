#include "checkers/linearizable/user_model.h"

#include <unordered_map>

namespace riven::linearizable {

UserProjection project_user(const History& history, const UserModel& model, Reservation& held) {
  constexpr uint64_t kCallBytes = 256;  // with what finds it, its text aside
  UserProjection out;
  uint64_t bytes = 0;
  uint64_t told_bytes = 0;
  std::unordered_map<std::string, int32_t> ids;   // of calls
  std::unordered_map<std::string, size_t> parts;  // of partition values
  for (uint32_t i = 0; i < history.size(); ++i) {
    if (i % 256 == 0 || bytes > told_bytes + (uint64_t{1} << 20)) {
      told_bytes = bytes;
      out.projection.too_large = !held.grow_to(bytes);
      if (out.projection.too_large) return out;
    }
    if (!history.is_client(i) || history.type(i) != OpType::invoke) continue;
    ++out.projection.client_operations;
    const uint32_t pair = history.pair(i);
    const OpType type = pair == History::kNone ? OpType::info : history.type(pair);
    if (type == OpType::fail) {
      ++out.projection.failed;
      continue;
    }
    Call call{history.f(i), history.value(i).to_value(), Value(), type != OpType::ok};
    if (call.crashed) {
      ++out.projection.crashed;
    } else {
      call.result = history.value(pair).to_value();
    }
    const Value key = model.partition(call);
    const auto [part, new_part] = parts.try_emplace(to_edn(key), out.projection.parts.size());
    if (new_part) out.projection.parts.push_back({key, !key.is_nil(), {}});
    const std::string shape = std::string(call.f.text()) + " " + to_edn(call.argument) +
                              (call.crashed ? " crashed" : " -> " + to_edn(call.result));
    const auto [id, new_call] = ids.try_emplace(shape, static_cast<int32_t>(out.calls.size()));
    if (new_call) {
      bytes += shape.size() * 4 + kCallBytes;  // the text, and the values that it was made of
      out.calls.push_back(std::move(call));
    }
    bytes += sizeof(Operation) * 2 + (new_part ? sizeof(Part) + kCallBytes : 0);
    Operation op{.invoked = i, .returned = type == OpType::ok ? pair : kPending, .a = id->second};
    op.f = Function::user;
    out.projection.parts[part->second].operations.push_back(op);
  }
  return out;
}

namespace {

class UserSpec final : public ModelSpec {
 public:
  UserSpec(const UserModel& model, const std::vector<Call>& calls) : model_(model), calls_(calls) {}
  std::unique_ptr<StateSpace> make(std::vector<Operation> kinds) const override {
    std::vector<Call> calls;
    calls.reserve(kinds.size());
    for (const Operation& op : kinds) calls.push_back(calls_[static_cast<size_t>(op.a)]);
    return model_.make(std::move(calls));
  }
  std::vector<Operation> crashed_as(const Operation& op, std::span<const Operation>) const override {
    return {op};
  }

 private:
  const UserModel& model_;
  const std::vector<Call>& calls_;
};

}  // namespace

std::unique_ptr<ModelSpec> user_model_spec(const UserModel& model, const std::vector<Call>& calls) {
  return std::make_unique<UserSpec>(model, calls);
}

}  // namespace riven::linearizable
