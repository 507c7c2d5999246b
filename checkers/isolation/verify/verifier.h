// Checks what refutes a model against the history, from the definitions. Shares nothing with those who find
// it but the names of models and what a model implies.
#pragma once

#include <string>

#include "checkers/isolation/analysis.h"
#include "checkers/isolation/verify/argument.h"

namespace riven::checkers::isolation {

/// What is taken for granted of a history.
struct Premises {
  HistoryKind kind = HistoryKind::lists;
  RegisterOptions registers;
  bool real_time = true;
};

class Facts;

/// Borrows the history. Not thread-safe.
class Verifier {
 public:
  Verifier(const History& history, const Premises& premises);
  ~Verifier();
  Verifier(const Verifier&) = delete;
  Verifier& operator=(const Verifier&) = delete;

  /// Says that this will be asked for: what has to be looked up in the whole history is looked up at once.
  void expect(const Argument& argument);
  /// The models that the argument refutes by itself, with all that imply them; none where it refutes nothing,
  /// or something that it says is not so: then why_not() has a word on it. O(size of what the argument
  /// names); one pass over the history where it says that something is nowhere.
  ModelSet refuted_by(const Argument& argument);
  const std::string& why_not() const { return why_not_; }

 private:
  std::unique_ptr<Facts> facts_;
  std::string why_not_;
};

}  // namespace riven::checkers::isolation
