// Transactions that read and write registers.
#include "workloads/generators/txn_workload.h"

namespace riven::workloads {

void add_wr(Registry& registry) {
  registry.add(txn_workload("wr", "transactions that read and write registers", TxnStyle::wr));
}

}  // namespace riven::workloads
