// What a history is, detected from the names and the values of its operations where no option says it.
#pragma once

#include <string>

#include "harness/core/history.h"

namespace riven {

struct Guess {
  /// How far the guess goes.
  enum class Sureness : uint8_t {
    sure,       ///< one model alone fits
    tentative,  ///< others fit as well or promise less: what holds by it, holds; what does not, proves
                ///< nothing
    open,       ///< several fit, or none: nothing can be said before the caller chooses
  };
  Sureness sureness = Sureness::open;
  std::string model;     ///< to judge it by; empty: open
  std::string question;  ///< one line: what it may be and how to say so; empty: sure
};

/// `keyed`: values are [key value] pairs for certain. The models whose functions and values the history's
/// clients use. A transaction's micro-operations tell what it is by their names; registers are told by values
/// that are written and read alike. O(bytes of the values).
Guess guess_model(const History& history, bool keyed = false);

/// One line about a workload that other tools have and Riven cannot judge by itself, with what can be done
/// instead; empty: not known either.
std::string word_about_workload(std::string_view name);

}  // namespace riven
