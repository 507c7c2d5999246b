// What the transactional workloads append, wr and rmw share.
#pragma once

#include <memory>
#include <string>

#include "harness/api/registry.h"
#include "harness/api/workload.h"
#include "workloads/generators/txn_generator.h"

namespace riven {

/// A workload of transactions judged by the isolation checker, strict-serializable unless told otherwise.
std::shared_ptr<const WorkloadFactory> txn_workload(const std::string& name, const std::string& description,
                                                    TxnStyle style);

}  // namespace riven
