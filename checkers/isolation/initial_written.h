// Registers whose initial value is written, too.
#pragma once

#include <cstdint>

#include "harness/api/checker.h"

namespace riven::checkers {

/// Judges by `inner` (a model of transactions on registers) a history in which each key begins with the value
/// `initial`, and transactions may write that value as well: a read of it may be of the initial version or of
/// any of those writes. (In the formats of Plume, PolySI and DBCop it is 0.) Keys to which nobody writes it
/// are read as nil.
/// - valid: one way to tell such reads apart is valid; that is the one judged.
/// - invalid: the history is, without those reads; or each way to tell them apart is, where there are few
///   (some thousands).
/// - unknown: else.
CheckerPtr initial_written_checker(CheckerPtr inner, int64_t initial);

}  // namespace riven::checkers
