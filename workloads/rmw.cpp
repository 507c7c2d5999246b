// Transactions that read registers before they write them.
#include "workloads/generators/txn_workload.h"

namespace riven::workloads {

void add_rmw(Registry& registry) {
  registry.add(txn_workload(
      "rmw",
      "transactions that read registers before they write them, so that every version's predecessor is known",
      TxnStyle::rmw));
}

}  // namespace riven::workloads
