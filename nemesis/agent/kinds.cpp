#include "nemesis/agent/clock_fault.h"
#include "nemesis/agent/cpu_fault.h"
#include "nemesis/agent/descriptor_fault.h"
#include "nemesis/agent/disk_fault.h"
#include "nemesis/agent/fault.h"
#include "nemesis/agent/link_fault.h"
#include "nemesis/agent/machine_clock.h"
#include "nemesis/agent/memory_fault.h"
#include "nemesis/agent/packet_fault.h"
#include "nemesis/agent/process_fault.h"
#include "nemesis/agent/reboot_fault.h"
#include "nemesis/agent/snapshot_fault.h"

namespace riven::agent {

const std::vector<FaultKind>& fault_kinds() {
  static const std::vector<FaultKind> kKinds = {
      packet_kind(),     link_kind(),          pause_kind(),    kill_kind(),    clock_kind(),
      disk_layer_kind(), disk_kind(),          cpu_kind(),      memory_kind(),  descriptor_kind(),
      reboot_kind(),     machine_clock_kind(), snapshot_kind(), rollback_kind()};
  return kKinds;
}

}  // namespace riven::agent
