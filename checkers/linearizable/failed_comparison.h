// What the error of a failed compare-and-set says.
#pragma once

#include "harness/core/encoding.h"

namespace riven::linearizable {

/// Whether `error` says that the comparison failed: that the register held another value than was expected.
/// It may be a text or keyword of one of these names (in any case, with blanks, `-` or `_`, or as one
/// CamelCase word), such a name before more detail ("Compare failed ([1 != 2])"), a list that begins with one
/// ([:precondition-failed "..."]), or a map with one under type, error, code, name or message.
///   compare-failed                     etcd, Riven's own clients
///   cas-failed, cas-mismatch           Hazelcast's suite, jepsen-lite
///   value-mismatch                     Dgraph's suite
///   value-not-swap-from                Couchbase's suite
///   precondition-failed                TiDB's and Restate's suites, HTTP 412, Maelstrom's error 22
///   condition-failed, condition-not-met, conditional-check-failed, conditional-check-failed-exception
///                                      conditional writes of cloud stores
///   comparison-failed, compare-and-set-failed, compare-and-swap-failed, mismatch, not-equal, wrong-value,
///   unexpected-value                   by their plain meaning
/// Everything else says only that the operation did not happen: no error, a time-out, a key that was not
/// found, an aborted transaction, a conflict, "did not succeed", gRPC's FAILED_PRECONDITION (a server in the
/// wrong state), and versions that moved (BadVersion, CasMismatchException, generation-mismatch): the value
/// may be the same again.
bool names_failed_comparison(const ValueView& error);

}  // namespace riven::linearizable
