// A value or the reason why there is none: for what is expected to go wrong. Defects use RIVEN_CHECK.
#pragma once

#include <string>
#include <utility>
#include <variant>

#include "harness/core/check.h"

namespace riven {

/// What went wrong, in one line a person can act on: what, where, what to do.
struct Error {
  std::string message;
};

/// Either a T or an E. Move-only if T or E is. Reading the wrong side is a defect (RIVEN_CHECK).
template <typename T, typename E = Error>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
  Result(E error) : state_(std::in_place_index<1>, std::move(error)) {}

  bool has_value() const { return state_.index() == 0; }
  explicit operator bool() const { return has_value(); }

  T& value() & { return get_value(); }
  const T& value() const& {
    RIVEN_CHECK(has_value(), "the value of a failed Result was read");
    return *std::get_if<0>(&state_);
  }
  T&& value() && { return std::move(get_value()); }
  T& operator*() & { return get_value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(get_value()); }
  T* operator->() { return &get_value(); }
  const T* operator->() const { return &value(); }

  const E& error() const {
    RIVEN_CHECK(!has_value(), "the error of a successful Result was read");
    return *std::get_if<1>(&state_);
  }

 private:
  T& get_value() {
    RIVEN_CHECK(has_value(), "the value of a failed Result was read");
    return *std::get_if<0>(&state_);
  }

  std::variant<T, E> state_;
};

/// Success without a value, or an E.
struct Unit {};
using Status = Result<Unit, Error>;
inline Status ok_status() { return Unit{}; }

}  // namespace riven
