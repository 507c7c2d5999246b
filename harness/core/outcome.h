// What a client says of a request that crossed a network.
#pragma once

#include <string>
#include <utility>

#include "harness/core/op.h"

namespace riven {

/// Four cases, no default: a client that has not thought about an error does not compile.
/// ok: happened. not_sent: never left. rejected: the server said no and did nothing (now, or whenever it is
/// asked). unknown: may have happened, or may yet (time-out, cut connection, garbled reply).
class [[nodiscard]] Outcome {
 public:
  enum class Case : uint8_t { ok, not_sent, rejected, unknown };

  static Outcome ok(Value value) { return {Case::ok, std::move(value), Value()}; }
  static Outcome not_sent(std::string_view why) { return {Case::not_sent, Value(), Value(why)}; }
  static Outcome rejected(std::string_view why) { return {Case::rejected, Value(), Value(why)}; }
  /// rejected: a compare-and-set found another value than it was told to expect. This error alone says what a
  /// failed operation saw; every client with a compare-and-set gives it by this name.
  static Outcome compare_failed() { return rejected("compare failed"); }
  static Outcome unknown(std::string_view why) { return {Case::unknown, Value(), Value(why)}; }

  Case outcome_case() const { return case_; }
  /// The value of the completed operation; meaningful for ok alone.
  const Value& value() const { return value_; }
  /// A short text without numbers that change from case to case, as it is counted in the report; nil for ok.
  const Value& why() const { return why_; }

  /// ok stays ok; not_sent and rejected become fail; unknown becomes info.
  OpType type() const {
    switch (case_) {
      case Case::ok:
        return OpType::ok;
      case Case::not_sent:
      case Case::rejected:
        return OpType::fail;
      case Case::unknown:
        return OpType::info;
    }
    return OpType::info;
  }

 private:
  Outcome(Case c, Value value, Value why) : case_(c), value_(std::move(value)), why_(std::move(why)) {}
  Case case_;
  Value value_;
  Value why_;
};

constexpr std::string_view to_text(Outcome::Case c) {
  switch (c) {
    case Outcome::Case::ok:
      return "ok";
    case Outcome::Case::not_sent:
      return "not-sent";
    case Outcome::Case::rejected:
      return "rejected";
    case Outcome::Case::unknown:
      return "unknown";
  }
  return "?";
}

}  // namespace riven
