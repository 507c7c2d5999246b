// Version orders of registers: what is certain, and one order that fits it.
#pragma once

#include "checkers/isolation/analysis.h"
#include "checkers/isolation/versions.h"

namespace riven::checkers::isolation {

/// A register's versions are the values written to it, each once. Inference gives a partial order; `supposed`
/// is a total order that contains it (by real time where nothing else decides).
struct RegisterOrders {
  VersionOrders supposed;
  std::vector<Edge> certain;  ///< dependencies that follow from the partial orders alone
  size_t unordered_keys = 0;  ///< keys with two versions in no certain order; 0: `supposed` is certain
};

/// Sets the version of every mop by the supposed order, turns unknown transactions whose writes were read
/// into observed ones, and adds garbage reads, G1a, G1b and cyclic versions. Errors: a value written twice.
/// O(n log n) for n micro-operations; with linearizable keys times the number of concurrent accesses of a
/// key.
///
/// Certain are (Elle, section 4.3): initial: nil before all; write follows read: who reads v and writes v'
/// puts v' right after v; numbers: as the micro-operations say; own writes of a transaction in its order;
/// sequential keys: versions in the order in which each session saw and made them; linearizable keys: so
/// inside each transaction, and v before v' when some access of v returned before some access of v' began
/// (the zones of Gibbons and Korach 1997). A source that contradicts those before it is reported and left
/// out.
Result<RegisterOrders> order_registers(Transactions& t, const KeyGroups& groups,
                                       const RegisterOptions& options, unsigned threads, Findings& findings);

}  // namespace riven::checkers::isolation
