// A user's own sequential model: a small type, and a checker of it. Usable from outside the tree.
#pragma once

#include <concepts>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "checkers/linearizable/checker.h"
#include "checkers/linearizable/interned.h"

namespace riven::linearizable {

/// An operation as a model sees it. `crashed`: nobody knows the result (it is nil); the model then says what
/// the operation does if it happens at all.
struct Call {
  Symbol f;
  Value argument;
  Value result;
  bool crashed = false;
};

/// `State` is copyable and has ==; `initial()` gives the first one; `step` changes the state as the call
/// does, or returns false if the call with this result is not possible in this state. Both are const and
/// deterministic. Optional: `size_t hash(const State&)` (without it the search compares states one by one),
/// `size_t size_bytes(const State&)` (what a state takes of memory, with what it holds outside itself;
/// without it the state's own size counts, and the rest only as it shows in the size of the process),
/// `std::string describe(const State&)` (for evidence), `Value partition(const Call&)` (calls with different
/// values do not touch each other's state; the result of a crashed call is not known).
template <typename M>
concept SequentialModel = requires(const M& m, typename M::State& s, const Call& c) {
  { m.initial() } -> std::same_as<typename M::State>;
  { m.step(s, c) } -> std::same_as<bool>;
  { s == s } -> std::convertible_to<bool>;  // NOLINT(misc-redundant-expression)
};

/// What the checker needs of a user's model. Thread-safe.
class UserModel {
 public:
  virtual ~UserModel() = default;
  virtual Value partition(const Call& call) const = 0;
  virtual std::unique_ptr<StateSpace> make(std::vector<Call> kinds) const = 0;
};

/// A checker of the model, which is shared by all checks. Failed operations are dropped.
CheckerPtr make_checker(const std::string& name, std::shared_ptr<const UserModel> model,
                        Engine engine = Engine::automatic);

/// make_checker("bank", Bank{}): the checker of a type that satisfies SequentialModel.
template <SequentialModel M>
CheckerPtr make_model_checker(const std::string& name, M model, Engine engine = Engine::automatic) {
  struct Rule {
    using State = typename M::State;
    const M* model;
    State initial() const { return model->initial(); }
    bool step(State& s, const Call& c) const { return model->step(s, c); }
    std::string describe(const State& s) const {
      if constexpr (requires {
                      { model->describe(s) } -> std::convertible_to<std::string>;
                    }) {
        return model->describe(s);
      } else {
        return "a state";
      }
    }
    StateSpace::Traits traits(const Call&) const { return {}; }
    size_t hash(const State& s) const {
      if constexpr (requires {
                      { model->hash(s) } -> std::convertible_to<size_t>;
                    }) {
        return model->hash(s);
      } else {
        return 0;
      }
    }
    size_t size_bytes(const State& s) const {
      if constexpr (requires {
                      { model->size_bytes(s) } -> std::convertible_to<size_t>;
                    }) {
        return model->size_bytes(s);
      } else {
        return sizeof(State);
      }
    }
  };
  class Adapter final : public UserModel {
   public:
    explicit Adapter(M m) : model_(std::move(m)) {}
    Value partition(const Call& call) const override {
      if constexpr (requires {
                      { model_.partition(call) } -> std::convertible_to<Value>;
                    }) {
        return model_.partition(call);
      } else {
        return {};
      }
    }
    std::unique_ptr<StateSpace> make(std::vector<Call> kinds) const override {
      return std::make_unique<Interned<Rule, Call>>(Rule{&model_}, std::move(kinds));
    }

   private:
    M model_;
  };
  return make_checker(name, std::make_shared<const Adapter>(std::move(model)), engine);
}

}  // namespace riven::linearizable
