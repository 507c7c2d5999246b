// Transactions that read lists and append to them.
#include "workloads/generators/txn_workload.h"

namespace riven::workloads {

void add_append(Registry& registry) {
  registry.add(txn_workload("append", "transactions that read and append to lists", TxnStyle::append));
}

}  // namespace riven::workloads
